//! The archive: texts one after the other, each without secrets, gzipped.

use super::scrub::Scrubber;
use super::sources::Part;
use crate::failure::Failure;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs::File;
use std::io::{self, BufWriter, Cursor, Read, Seek, Write};

/// Most bytes of all texts together; parts beyond it are left out, and the archive says which.
const LIMIT: u64 = 96 << 20;

/// An archive that is being written.
pub(super) struct Archive<'a> {
    tar: tar::Builder<GzEncoder<File>>,
    /// What a program says, and the part as it gets in.
    said: File,
    scrubbed: File,
    folder: &'a str,
    now: i64,
    size: u64,
    left_out: String,
}

impl<'a> Archive<'a> {
    /// An empty one in this file. The other two are for texts on their way.
    pub(super) fn new(file: File, [said, scrubbed]: [File; 2], folder: &'a str, now: i64) -> Self {
        let tar = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        Self { tar, said, scrubbed, folder, now, size: 0, left_out: String::new() }
    }

    /// Adds a part, without its secrets.
    ///
    /// # Errors
    /// The archive can't be written, or a secret would be in it.
    pub(super) fn add(&mut self, part: Part, scrubber: &Scrubber) -> Result<(), Failure> {
        let name = part.name.clone();
        self.scrubbed.set_len(0)?;
        self.scrubbed.rewind()?;
        let mut copy = BufWriter::new(&self.scrubbed);
        match part.open(&self.said).and_then(|text| scrubber.scrub(text, &mut copy)) {
            Ok(false) => {}
            Ok(true) => {
                let text = format!("{name} would hold a secret of this node; nothing was written");
                return Err(Failure::internal(text));
            }
            Err(error) => writeln!(copy, "can't be read: {error}")?,
        }
        copy.flush()?;
        drop(copy);
        let size = self.scrubbed.stream_position()?;
        if self.size + size > LIMIT {
            self.left_out += &format!("{name} ({size} bytes)\n");
            return Ok(());
        }
        self.size += size;
        self.scrubbed.rewind()?;
        let text = self.scrubbed.try_clone()?;
        Ok(self.append(&name, size, text)?)
    }

    /// Ends the archive.
    pub(super) fn finish(mut self) -> Result<File, Failure> {
        let left_out = std::mem::take(&mut self.left_out);
        if !left_out.is_empty() {
            self.append("LEFT-OUT.txt", left_out.len() as u64, Cursor::new(left_out))?;
        }
        Ok(self.tar.into_inner()?.finish()?)
    }

    fn append(&mut self, name: &str, size: u64, text: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(self.now).unwrap_or_default());
        self.tar.append_data(&mut header, format!("{}/{name}", self.folder), text.take(size))
    }
}
