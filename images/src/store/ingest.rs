//! One blob on its way into the store: appended, hashed while it comes, and given its name only when it is right.
//!
//! Where the bytes come from is the caller's.

use super::StoreError;
use super::disk::Disk;
use crate::digest::Digest;
use crate::early::Early;
use crate::hasher::Hasher;
use crate::stop::Stop;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// A blob that is being written. Dropped without [`Ingest::commit`], it stays for the next run to go on with.
pub struct Ingest {
    disk: Disk,
    file: File,
    partial: PathBuf,
    target: PathBuf,
    digest: Digest,
    size: u64,
    written: u64,
    early: Early,
    resumed: u64,
    hasher: Hasher,
}

impl Ingest {
    /// Goes on with what lies in `file`, which the caller has locked.
    pub(super) fn resume(
        disk: Disk,
        file: File,
        partial: PathBuf,
        target: PathBuf,
        digest: &Digest,
        size: u64,
        stop: &Stop,
    ) -> Result<Self, StoreError> {
        let (hasher, early) = (Hasher::like(digest), Early::default());
        let digest = digest.clone();
        let mut ingest = Self { disk, file, partial, target, digest, size, written: 0, early, resumed: 0, hasher };
        let about = ingest.file.metadata().map_err(StoreError::io("reading", &ingest.partial))?;
        if about.len() > size {
            ingest.restart()?;
        } else if about.len() > 0 {
            ingest.rehash(stop)?;
        }
        Ok(ingest)
    }

    fn rehash(&mut self, stop: &Stop) -> Result<(), StoreError> {
        let read = self.hasher.read(stop.reader((&self.file).take(self.size)));
        let read = read.map_err(StoreError::io("reading", &self.partial))?;
        self.file.seek(SeekFrom::Start(read)).map_err(StoreError::io("reading", &self.partial))?;
        (self.written, self.early, self.resumed) = (read, Early::after(read), read);
        Ok(())
    }

    /// The blob's digest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The blob's size by its descriptor, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes that are there already; the next ones are appended to them.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that an earlier run left.
    #[must_use]
    pub fn resumed(&self) -> u64 {
        self.resumed
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`StoreError::TooLong`] before a byte too many is written; [`StoreError::Io`].
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() as u64 > self.size - self.written {
            return Err(StoreError::TooLong { digest: self.digest.clone(), size: self.size });
        }
        self.disk.write(&mut self.file, &self.partial, bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        self.early.written(&self.file, self.written);
        Ok(())
    }

    /// Forgets all bytes: the next ones are the first.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn restart(&mut self) -> Result<(), StoreError> {
        self.disk.empty(&mut self.file, &self.partial)?;
        (self.written, self.early, self.resumed) = (0, Early::default(), 0);
        self.hasher = Hasher::like(&self.digest);
        Ok(())
    }

    /// Compares size and digest, brings the bytes to the disk, and gives the blob its name.
    ///
    /// # Errors
    /// [`StoreError::Short`] (what came stays for the next run), [`StoreError::Mismatch`] (it is removed), [`StoreError::Io`].
    pub fn commit(self) -> Result<(), StoreError> {
        let (size, written) = (self.size, self.written);
        if written < size {
            return Err(StoreError::Short { digest: self.digest.clone(), size, written });
        }
        let found = self.hasher.clone().finish();
        if found != self.digest {
            self.disk.remove(&self.partial)?;
            return Err(StoreError::Mismatch { digest: self.digest.clone(), found, resumed: self.resumed > 0 });
        }
        self.disk.publish(&self.file, &self.partial, &self.target)
    }

    /// Removes what was written.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn discard(self) -> Result<(), StoreError> {
        self.disk.remove(&self.partial)
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ingest({}, {} of {} bytes)", self.digest, self.written, self.size)
    }
}

impl Write for Ingest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
