//! What a boot server hands to machines without a system: kernel, initrd, root, and a piece of a site's description that names them.
//!
//! The root travels inside the initrd, or the initrd fetches it and knows its size and digest. Either way dm-verity checks every
//! block of it against the root hash on the kernel's command line. That is integrity, not authenticity: who answers for the boot
//! server hands out kernel, initrd and command line as well. Payloads are no part of it; `kfimg render` writes the
//! scripts that name them.

use crate::extents::file_size;
use crate::initrd::{self, Archive};
use crate::output::{OutputError, Watch};
use crate::parts::Parts;
use fs_err as fs;
use fs_err::File;
use kfimg_images::hasher::Hasher;
use serde::Serialize;
use std::io;
use std::path::Path;

/// Files of the output.
pub const KERNEL: &str = "vmlinuz";
/// See [`KERNEL`].
pub const INITRD: &str = "initrd";
/// The root, where it is fetched.
pub const ROOT: &str = "root.img";
/// A layer of a site's description, for `kfimg render --site`.
pub const SITE: &str = "pxe.yaml";
/// A script of iPXE that boots the image without a payload: a piece for people who write their own.
pub const SCRIPT: &str = "boot.ipxe";

/// Where both halves of the root lie in the initrd (`agent`, `initrd/image.rs`).
const IMAGE_PLACE: &str = "kfimg/root.img";
const VERITY_PLACE: &str = "kfimg/root.verity";
/// What the initrd knows of a root that it fetches (`agent`, `initrd/download.rs`).
const FETCH_PLACE: &str = "kfimg/fetch.json";

/// How the root reaches the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way<'a> {
    /// Inside the initrd: one file more for the firmware to load, nothing to fetch afterwards.
    Carried,
    /// By the initrd, from a server: firmware and loader, often the slow part, move a tenth.
    Fetched {
        /// Address of the folder with the output, without a `/` at its end.
        server: &'a str,
    },
}

/// What a fetched file must be.
#[derive(Serialize)]
struct Expected {
    size: u64,
    sha256: String,
}

/// Writes the output into a folder that is there, from which a server hands it out as `<prefix>/vmlinuz` and so on.
///
/// # Errors
/// When a part can't be read or a file can't be written; when the initrd can't carry the root; when somebody asks to stop.
pub fn write(parts: &Parts, way: Way<'_>, prefix: &str, folder: &Path, watch: &Watch<'_>) -> Result<(), OutputError> {
    let length = file_size(&parts.root)?;
    if way == Way::Carried && u32::try_from(length).is_err() {
        let problem = format!(
            "the root has {length} bytes, and an initrd can't carry a file of 4 GiB or more: give --root-url, so that machines fetch it"
        );
        return Err(OutputError::part(&parts.root, problem));
    }
    files(parts, way, prefix, folder, watch).map_err(|error| {
        for name in [KERNEL, INITRD, ROOT, SITE, SCRIPT] {
            let _ = fs::remove_file(folder.join(name));
        }
        OutputError::io("writing the PXE files of", folder)(error)
    })
}

/// Messages name the file.
fn files(parts: &Parts, way: Way<'_>, prefix: &str, folder: &Path, watch: &Watch<'_>) -> io::Result<()> {
    fs::copy(&parts.kernel, folder.join(KERNEL))?;
    let mut output = initrd::begin(&parts.initrd, &folder.join(INITRD))?;
    let mut archive = Archive::new(&mut output, parts.source_date_epoch);
    archive.folder("kfimg", 0o755)?;
    match way {
        Way::Carried => add(&mut archive, IMAGE_PLACE, &parts.root, watch)?,
        Way::Fetched { .. } => {
            let root = folder.join(ROOT);
            watch.copy(File::open(&parts.root)?, &mut File::create(&root)?)?;
            let note = serde_json::to_vec(&expected(&root, watch)?).map_err(io::Error::other)?;
            archive.file(FETCH_PLACE, 0o644, &note)?;
        }
    }
    add(&mut archive, VERITY_PLACE, &parts.verity, watch)?;
    archive.finish()?;
    initrd::finish(output)?;
    let arguments = arguments(parts, way);
    fs::write(folder.join(SITE), site(prefix, &arguments))?;
    fs::write(folder.join(SCRIPT), script(parts, &arguments))
}

/// The kernel's command line but for the payload: the image's own, and where the root is. `systemd.verity=no` keeps systemd from
/// waiting for partitions that a machine without a system does not have; the agent opens the root.
pub fn arguments(parts: &Parts, way: Way<'_>) -> String {
    let place = match way {
        Way::Carried => "initrd".to_owned(),
        Way::Fetched { server } => format!("{server}/{ROOT}"),
    };
    let own = parts.command_line.trim();
    let space = if own.is_empty() { "" } else { " " };
    format!("{own}{space}roothash={} systemd.verity=no kfimg.root={place}", parts.root_hash)
}

fn add<W: io::Write>(archive: &mut Archive<W>, place: &str, file: &Path, watch: &Watch<'_>) -> io::Result<()> {
    let content = File::open(file)?;
    let size = content.metadata()?.len();
    archive.file_from(place, 0o644, size, watch.reader(content))
}

fn expected(file: &Path, watch: &Watch<'_>) -> io::Result<Expected> {
    let mut hasher = Hasher::sha256();
    let size = hasher.read(watch.quiet().reader(File::open(file)?))?;
    Ok(Expected { size, sha256: hasher.finish().hexadecimal().to_owned() })
}

/// A layer that `kfimg render --site` takes: the scripts that it writes then boot this image. `ignition.firstboot=1` is in
/// them already, and does no harm twice.
fn site(prefix: &str, arguments: &str) -> String {
    let list = arguments.split_whitespace().map(|argument| format!("      - {}\n", quoted(argument)));
    format!(
        "# The image that machines boot from the network: kfimg render --site pxe.yaml\n\
         apiVersion: kfimg/v1alpha1\nkind: Cluster\ndelivery:\n  pxe:\n    kernel: {}\n    initrd: [{}]\n    arguments:\n{}",
        quoted(&format!("{prefix}/{KERNEL}")),
        quoted(&format!("{prefix}/{INITRD}")),
        list.collect::<String>()
    )
}

/// A scalar of YAML that nothing in it can end: JSON's strings are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn script(parts: &Parts, arguments: &str) -> String {
    format!(
        "#!ipxe\n# {} {}: ${{base}} is the folder of this script. Put the payload's arguments behind:\n\
         #   ignition.platform.id=metal ignition.config.url=http://…/nodes/<node>/ignition.json ip=dhcp\n\
         isset ${{base}} || set base .\n\
         kernel ${{base}}/{KERNEL} initrd={INITRD} {arguments} ${{payload}}\n\
         initrd --name {INITRD} ${{base}}/{INITRD}\n\
         boot\n",
        parts.image_id, parts.image_version
    )
}

#[cfg(test)]
mod tests;
