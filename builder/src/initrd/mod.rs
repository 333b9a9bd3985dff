//! The initrd of an image: the base's own, with kfimg's part behind it.
//!
//! Linux unpacks archives that follow each other over each other, so the base's initrd stays as it is, whatever made it. It has to
//! bring systemd, Ignition, the drivers of disks and cards, loop, dm-verity and the file systems
//! (`builder/base/` makes one); kfimg's part brings the agent and the units that find the root, make `/etc` writable, and choose
//! the payload.

mod contents;
mod cpio;
mod own;
#[cfg(test)]
mod tests;

pub(crate) use contents::{Contents, Wanted, contents};
pub use cpio::Archive;
pub use own::{FILES, LINKS};

use fs_err::File;
use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Path of the agent in the initrd and in the root.
pub const AGENT: &str = "usr/bin/kfimg-agent";
/// Archives begin at multiples of this; Linux asks for 4, and tools that look for them for no more than this.
const ALIGNMENT: u64 = 512;

/// Writes the base's initrd with kfimg's part behind it.
///
/// # Errors
/// When a file can't be read or written; the message names it.
pub fn write(base: &Path, agent: &Path, time: u64, target: &Path) -> io::Result<()> {
    let mut output = begin(base, target)?;
    let mut archive = Archive::new(&mut output, time);
    own_part(&mut archive, agent)?;
    archive.finish()?;
    finish(output)
}

/// A copy of an initrd behind which another archive can be written.
pub(crate) fn begin(base: &Path, target: &Path) -> io::Result<BufWriter<File>> {
    let mut output = BufWriter::new(File::create(target)?);
    let length = io::copy(&mut File::open(base)?, &mut output)?;
    let missing = length.next_multiple_of(ALIGNMENT) - length;
    io::copy(&mut io::Read::take(io::repeat(0), missing), &mut output)?;
    Ok(output)
}

pub(crate) fn finish(mut output: BufWriter<File>) -> io::Result<()> {
    output.flush()?;
    output.get_ref().sync_all()
}

/// Folders first, then files and links, each sorted by its path.
fn own_part<W: Write>(archive: &mut Archive<W>, agent: &Path) -> io::Result<()> {
    let paths = FILES.iter().map(|file| file.path).chain(LINKS.iter().map(|link| link.path)).chain([AGENT]);
    folders(archive, paths)?;
    let program = File::open(agent)?;
    let size = program.metadata()?.len();
    archive.file_from(AGENT, 0o755, size, program)?;
    let mut files: Vec<_> = FILES.iter().collect();
    files.sort_by_key(|file| file.path);
    files.iter().try_for_each(|file| archive.file(file.path, file.mode, file.text.as_bytes()))?;
    let mut links: Vec<_> = LINKS.iter().collect();
    links.sort_by_key(|link| link.path);
    links.iter().try_for_each(|link| archive.link(link.path, link.target))
}

/// Adds every folder that these paths lie in. One that the base has stays as it is.
pub(crate) fn folders<'a, W: Write>(archive: &mut Archive<W>, paths: impl Iterator<Item = &'a str>) -> io::Result<()> {
    let parents = |path: &'a str| path.match_indices('/').map(move |(end, _)| &path[..end]);
    let folders: BTreeSet<&str> = paths.flat_map(parents).collect();
    folders.into_iter().try_for_each(|folder| archive.folder(folder, 0o755))
}
