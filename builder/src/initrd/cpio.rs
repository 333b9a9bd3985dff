//! Archives that Linux unpacks as its first root: cpio, format `newc`.
//!
//! Source: Linux `Documentation/driver-api/early-userspace/buffer-format.rst`. Only what an initrd is made of: folders, files,
//! links. The same entries give the same bytes: numbers of inodes count up, everything is root's, and every time is the build's.

use std::io::{self, Read, Write};

const MAGIC: &str = "070701";
const TRAILER: &str = "TRAILER!!!";
/// Headers, names and contents begin at multiples of this.
const ALIGNMENT: u64 = 4;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// Writes an archive. Parents come before what lies in them, and the caller sees to it.
#[derive(Debug)]
pub struct Archive<W> {
    output: W,
    /// Bytes written so far.
    length: u64,
    inode: u32,
    time: u32,
}

impl<W: Write> Archive<W> {
    /// An empty one, whose entries have this time in seconds since 1970; times after 2106 become the last that fits.
    pub fn new(output: W, time: u64) -> Self {
        Self { output, length: 0, inode: 0, time: u32::try_from(time).unwrap_or(u32::MAX) }
    }

    /// Adds a folder.
    ///
    /// # Errors
    /// When writing fails, or a name is longer than Linux takes.
    pub fn folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.entry(path, FOLDER | mode, 2, 0)
    }

    /// Adds a file.
    ///
    /// # Errors
    /// As [`Self::folder`].
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.file_from(path, mode, content.len() as u64, content)
    }

    /// Adds a file of this size, whose content is read in blocks.
    ///
    /// # Errors
    /// As [`Self::folder`]; when reading fails, the content is not of this size, or is 4 GiB or larger.
    pub fn file_from(&mut self, path: &str, mode: u32, size: u64, content: impl Read) -> io::Result<()> {
        self.entry(path, FILE | mode, 1, size)?;
        // One byte more shows a file that has grown.
        let copied = io::copy(&mut content.take(size + 1), &mut self.output)?;
        if copied != size {
            let problem = format!("{path}: it changed while it was read");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        self.length += copied;
        self.align()
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As [`Self::folder`].
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.entry(path, LINK | 0o777, 1, target.len() as u64)?;
        self.write(target.as_bytes())?;
        self.align()
    }

    /// Ends the archive; another may follow it.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self) -> io::Result<W> {
        self.inode = 0;
        self.time = 0;
        self.header(TRAILER, 0, 1, 0)?;
        self.output.flush()?;
        Ok(self.output)
    }

    fn entry(&mut self, path: &str, mode: u32, links: u32, size: u64) -> io::Result<()> {
        let problem = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, format!("{path}: {what}"));
        if path.is_empty() || path.starts_with('/') || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(problem("it is no plain relative path"));
        }
        let size = u32::try_from(size).map_err(|_| problem("an initrd can't hold files of 4 GiB and more"))?;
        self.inode += 1;
        self.header(path, mode, links, size)
    }

    /// A header has thirteen numbers: inode, mode, user, group, links, time, size, device (2), device of a node (2), length of the
    /// name with its end, checksum.
    fn header(&mut self, path: &str, mode: u32, links: u32, size: u32) -> io::Result<()> {
        let name = u32::try_from(path.len() + 1).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        let numbers = [self.inode, mode, 0, 0, links, self.time, size, 0, 0, 0, 0, name, 0];
        let numbers: String = numbers.iter().map(|number| format!("{number:08x}")).collect();
        self.write(format!("{MAGIC}{numbers}{path}\0").as_bytes())?;
        self.align()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.output.write_all(bytes)
    }

    fn align(&mut self) -> io::Result<()> {
        let missing = self.length.next_multiple_of(ALIGNMENT) - self.length;
        let zeros = [0; ALIGNMENT as usize];
        // At most three bytes.
        self.write(&zeros[..usize::try_from(missing).unwrap_or(0)])
    }
}
