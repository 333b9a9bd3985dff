//! An appliance for VMware: a tar of a description (OVF), its digests, and the disk as streamOptimized VMDK.
//!
//! Sources: DMTF DSP0243 (OVF 1.1.0: chapter 5 packaging, 9.5 properties), govmomi `ovf/` and `cli/importx/` (v0.52.0), VMware's
//! guestinfo transport. The payload of a node is given at the import: as vApp properties with the names that Ignition's and
//! cloud-init's VMware providers read (crate `ignition`, `delivery/govc.rs`), or afterwards as settings of the machine.

mod description;

use crate::disk::{self, DiskSizes};
use crate::extents::Extents;
use crate::output::{NewFile, OutputError, RootHash, Watch};
use crate::parts::Parts;
use crate::vmdk;
pub use description::Machine;
use description::{Disk, description};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::{Hasher, sha256};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes of the disk unless another size is said: a machine that is made of an appliance keeps it, and its data are on it.
pub const DISK: u64 = 32 << 30;
/// What `tar` writes at a time; archives end at a multiple.
const RECORD: u64 = 10_240;
/// Bytes of a name in a header of USTAR.
const LONGEST_NAME: usize = 100;
/// What the disk's name has behind the image's.
const DISK_SUFFIX: &str = "-disk1.vmdk";

/// The name of the image, which all files of its appliance begin with.
///
/// # Errors
/// When a name of a file would not fit into the archive.
pub fn name(image_id: &str, image_version: &str) -> Result<String, OutputError> {
    let name = format!("{image_id}-{image_version}");
    let most = LONGEST_NAME - DISK_SUFFIX.len();
    if name.len() <= most {
        return Ok(name);
    }
    let problem = format!(
        "the files of an appliance bear this name of {} bytes, and {most} are the most (USTAR): choose a shorter --image-id or --image-version",
        name.len()
    );
    Err(OutputError::Value { what: "name of the image", value: name, problem })
}

/// Writes an appliance with a disk that boots from this unified kernel image.
///
/// # Errors
/// Those of [`disk::content`] and [`name`]; when it cannot be written, or somebody asks to stop.
pub fn write(
    parts: &Parts,
    kernel_image: &Path,
    sizes: DiskSizes,
    machine: Machine,
    path: &Path,
    watch: &Watch<'_>,
) -> Result<(), OutputError> {
    let sizes = DiskSizes { disk: sizes.disk.or(Some(DISK)), ..sizes };
    write_disk(parts, &disk::content(parts, kernel_image, sizes)?, machine, path, watch)
}

/// Writes an appliance with this disk.
fn write_disk(
    parts: &Parts,
    content: &Extents,
    machine: Machine,
    path: &Path,
    watch: &Watch<'_>,
) -> Result<(), OutputError> {
    let name = name(&parts.image_id, &parts.image_version)?;
    let disk_name = format!("{name}{DISK_SUFFIX}");
    // The disk is written first: the description gives its size, and the manifest its digest.
    let folder = path.parent().unwrap_or(Path::new(""));
    let new_disk = NewFile::begin(&folder.join(&disk_name))?;
    vmdk::write_into(content, RootHash::of(parts)?.as_str(), &new_disk, watch)?;
    // What follows copies far fewer bytes than were compressed.
    let quiet = watch.quiet();
    let failed = |error| OutputError::io("writing", path)(error);
    let (length, digest) = digest(new_disk.file(), &quiet).map_err(failed)?;
    let disk = Disk { file: &disk_name, file_bytes: length, bytes: content.size() };
    let description = description(parts, machine, disk);
    let manifest = manifest(&[(&format!("{name}.ovf"), &sha256(description.as_bytes())), (&disk_name, &digest)]);
    let new = NewFile::begin(path)?;
    let mut archive = Archive { out: BufWriter::new(new.file()), length: 0, time: parts.source_date_epoch };
    let write = |archive: &mut Archive<_>| {
        archive.add(&format!("{name}.ovf"), description.len() as u64, &mut description.as_bytes())?;
        archive.add(&format!("{name}.mf"), manifest.len() as u64, &mut manifest.as_bytes())?;
        archive.add(&disk_name, length, &mut quiet.reader(new_disk.file()))?;
        archive.finish()
    };
    write(&mut archive).map_err(failed)?;
    drop(archive);
    new.finish()
}

/// Length and SHA-256 of a file, which is left at its beginning.
fn digest(mut file: &std::fs::File, watch: &Watch<'_>) -> io::Result<(u64, Digest)> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = Hasher::sha256();
    let length = hasher.read(watch.reader(file))?;
    file.seek(SeekFrom::Start(0))?;
    Ok((length, hasher.finish()))
}

/// The manifest: a line for each file (DSP0243, 5.1).
fn manifest(files: &[(&str, &Digest)]) -> String {
    files.iter().map(|(name, digest)| format!("SHA256({name})= {}\n", digest.hexadecimal())).collect()
}

/// A tar (USTAR, as DSP0243 wants it) of a few files.
struct Archive<W: Write> {
    out: BufWriter<W>,
    length: u64,
    time: u64,
}

impl<W: Write> Archive<W> {
    fn add(&mut self, name: &str, length: u64, content: &mut dyn Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(length);
        header.set_mode(0o644);
        header.set_mtime(self.time);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        let copied = io::copy(content, &mut self.out)?;
        if copied != length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.length += 512 + length;
        self.fill(512)
    }

    /// Two empty blocks, and the rest of a record.
    fn finish(&mut self) -> io::Result<()> {
        self.out.write_all(&[0; 1024])?;
        self.length += 1024;
        self.fill(RECORD)?;
        self.out.flush()
    }

    fn fill(&mut self, multiple: u64) -> io::Result<()> {
        let rest = self.length.next_multiple_of(multiple) - self.length;
        self.length += rest;
        self.out.write_all(&vec![0; usize::try_from(rest).expect("less than a record")])
    }
}
