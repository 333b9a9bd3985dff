//! A live medium: an ISO 9660 image that boots by UEFI, from a CD or, as it is, from a USB stick.
//!
//! | on the medium | what it is |
//! |---|---|
//! | `/kfimg/root.img`, `/kfimg/root.verity` | the root and its hash tree |
//! | `/kfimg/esp.img` | FAT32: `\EFI\BOOT\BOOTX64.EFI`, the unified kernel image; El Torito's UEFI image and a partition of the stick |
//!
//! A kernel does not read partition tables of CDs, so the root is two files. The initrd mounts the medium by its label and opens them;
//! [`crate::output::Medium`] has the arguments by which it is told. Written by xorriso, which takes all times from
//! `SOURCE_DATE_EPOCH`.

use crate::disk;
use crate::esp::{self, EspSize};
use crate::gpt::{Guid, SECTOR};
use crate::output::{NewFile, OutputError, RootHash, Tool, Watch};
use crate::parts::Parts;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, absolute};

/// What writes the medium.
const XORRISO: Tool = Tool { program: "xorriso", package: "xorriso", purpose: "it writes the ISO" };
/// The first moment of 1980: before it some readers know no time.
const EARLIEST: u64 = 315_532_800;

/// Nobody's settings; an end with an error when anything is not as it was asked for.
const BEGIN: &str = "-no_rc -report_about WARNING -abort_on FAILURE -return_with SORRY 32 \
                     -padding 0 -joliet off -compliance iso_9660_level=3";
/// Owners and modes of everything.
const OWNERS: &str = "-chown_r 0 / -- -chgrp_r 0 / -- \
                      -find / -type d -exec chmod 0555 -- -find / -type f -exec chmod 0444 --";
/// Boots by that volume: El Torito on a CD, a partition table on a stick. It is larger than El Torito can say (32 MiB), so firmware
/// takes all from its beginning to the end of the file system, and it has to lie inside (EDK II, `ElTorito.c`).
const BOOT: &str = "-boot_image any efi_path=/kfimg/esp.img -boot_image any efi_boot_part=--efi-boot-image -boot_image any cat_hidden=on";

/// Writes a medium that boots from a unified kernel image made for [`crate::output::Medium::Iso`].
///
/// # Errors
/// When xorriso is missing, fails or hangs; when the parts cannot be read or it cannot be written; when somebody asks to stop.
pub fn write(parts: &Parts, kernel_image: &Path, path: &Path, watch: &Watch<'_>) -> Result<(), OutputError> {
    let hash = RootHash::of(parts)?;
    let new = NewFile::begin(path)?;
    // It lies beside the output while xorriso copies it, and is gone afterwards.
    let boot = NewFile::begin(&path.with_extension("esp"))?;
    let id = Guid::derived(&format!("{hash} esp"));
    let volume = esp::volume(kernel_image, parts.architecture, EspSize::Least, 0, id)?;
    disk::copy(&volume, &boot, &watch.quiet())?;
    let mut command = XORRISO.command();
    command.env("SOURCE_DATE_EPOCH", moment(parts).to_string());
    command.args(arguments(parts, &hash, boot.place(), new.place())?);
    XORRISO.run(&mut command, "writing the ISO", new.place(), watch)?;
    cut(new.place()).map_err(OutputError::io("writing", path))?;
    new.finish()
}

/// The version of what writes it: `xorriso 1.5.4`.
///
/// # Errors
/// When it is missing or fails.
pub(crate) fn program() -> Result<String, OutputError> {
    let said = XORRISO.said(XORRISO.command().arg("-version"), "telling its version")?;
    let version = said.lines().find_map(|line| line.strip_prefix("xorriso version")?.trim_start().strip_prefix(':'));
    Ok(format!("xorriso {}", version.map_or("of unknown version", str::trim)))
}

/// Cuts off what xorriso fills its last piece with: the second copy of the partition table has to be the end of a stick.
fn cut(path: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let mut header = [0; SECTOR as usize];
    file.read_exact_at(&mut header, SECTOR)?;
    let last = u64::from_le_bytes(header[32..40].try_into().expect("eight bytes"));
    let length = last.saturating_add(1).saturating_mul(SECTOR);
    if !header.starts_with(b"EFI PART") || length > file.metadata()?.len() {
        return Err(io::Error::other("xorriso has written no partition table"));
    }
    file.set_len(length)
}

fn moment(parts: &Parts) -> u64 {
    parts.source_date_epoch.max(EARLIEST)
}

fn arguments(parts: &Parts, hash: &RootHash, boot: &Path, target: &Path) -> Result<Vec<OsString>, OutputError> {
    let whole = |path: &Path| absolute(path).map(OsString::from).map_err(OutputError::io("reading", path));
    let words = |text: &str| text.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    let mut target_device = OsString::from("stdio:");
    target_device.push(whole(target)?);
    let mut arguments = words(BEGIN);
    arguments.extend(["-outdev".into(), target_device]);
    arguments.extend(words(&format!("-volid {}", hash.label())));
    let files: [(&Path, &str); 3] =
        [(&parts.root, "/kfimg/root.img"), (&parts.verity, "/kfimg/root.verity"), (boot, "/kfimg/esp.img")];
    for (file, place) in files {
        arguments.extend(["-map".into(), whole(file)?, place.into()]);
    }
    arguments.extend(words(OWNERS));
    arguments.extend(words(&format!("-alter_date_r b ={} / --", moment(parts))));
    arguments.extend(words(BOOT));
    let id = Guid::derived(&format!("{hash} iso"));
    arguments.extend(words(&format!("-boot_image any gpt_disk_guid={id} -commit")));
    Ok(arguments)
}
