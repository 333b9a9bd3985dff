//! [`Spool`]: one file for everything that has to be unpacked. It has no name, so a build that is killed leaves nothing of it.

use crate::error::Error;
use crate::output::Watch;
use fs_err as fs;
use kfimg_images::content::{Extent, Piece, Source};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most bytes that all archives of a build unpack to: no honest base comes near, and a bomb ends here.
const MOST: u64 = 32 << 30;
/// Bytes that are copied at a time.
const BUFFER: usize = 256 << 10;

/// A nameless file that grows.
#[derive(Debug)]
pub(crate) struct Spool<'a> {
    folder: PathBuf,
    file: Arc<std::fs::File>,
    source: Arc<Source>,
    length: u64,
    watch: Watch<'a>,
}

impl<'a> Spool<'a> {
    /// An empty one on the file system of `folder`.
    pub(crate) fn new(folder: &Path, watch: Watch<'a>) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).map_err(Error::io("creating a work file in", folder))?;
        let file = Arc::new(file);
        let source = Arc::new(Source::Open(Arc::clone(&file)));
        Ok(Self { folder: folder.to_owned(), file, source, length: 0, watch })
    }

    /// Who looks on while archives are read.
    pub(crate) fn watch(&self) -> &Watch<'a> {
        &self.watch
    }

    /// Copies a stream to its end. `read_error` says what a failing stream means.
    pub(crate) fn append(
        &mut self,
        mut stream: impl Read,
        read_error: impl Fn(std::io::Error) -> Error,
    ) -> Result<Extent, Error> {
        let mut buffer = vec![0; BUFFER];
        let begin = self.length;
        loop {
            if self.watch.stop().is_asked() {
                return Err(Error::Stopped);
            }
            let count = match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(read_error(error)),
            };
            self.length += count as u64;
            if self.length > MOST {
                let limit = std::io::Error::other("it unpacks to more than 32 GiB");
                return Err(read_error(limit));
            }
            let mut file: &std::fs::File = &self.file;
            file.write_all(&buffer[..count]).map_err(Error::io("unpacking into a work file in", &self.folder))?;
        }
        let piece = Piece { file: Arc::clone(&self.source), offset: begin, length: self.length - begin };
        Ok(Extent::of(vec![piece]))
    }
}

/// Opens a file that a path names, for reading; a link leads to it.
pub(crate) fn open(path: &Path) -> Result<Extent, Error> {
    let file = fs::canonicalize(path).map_err(Error::io("opening", path))?;
    Ok(Extent::of_file(&file)?)
}
