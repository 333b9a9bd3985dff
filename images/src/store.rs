//! A folder that is an OCI image layout and that grows: crash-safe, resumable, and safe for several writers at once.
//!
//! - a blob is written beside its place, hashed while it comes, synced, and only then named;
//! - what lies in a blob's place counts only when every byte of it is right, else it is removed;
//! - `index.json` is merged under a lock and replaced as a whole;
//! - what a killed process left is gone on with by the next.
//!
//! It asks no registry, and it knows nothing of tar files and chunks: see [`crate::content`] to read a bundle.
//! Source: OCI image specification v1.1.1, `image-layout.md`.

mod check;
mod disk;
mod error;
mod index;
mod ingest;
mod lock;

use crate::content::is_named;
use crate::digest::Digest;
use crate::hasher::digest_like;
use crate::layout::Descriptor;
use crate::steps::Watcher;
use crate::stop::Stop;
use check::Found;
use disk::{Disk, open_regular};
pub use error::StoreError;
pub(crate) use index::listed;
pub use ingest::Ingest;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The file that says what the folder is.
const LAYOUT_FILE: &str = "oci-layout";
/// What it says.
const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// Most bytes of it that are read.
const LAYOUT_LIMIT: u64 = 4 << 10;
/// The folder of the blobs.
const BLOBS: &str = "blobs";
/// The folders in it.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];
/// How a blob's file begins while it is written.
const PARTIAL: &str = ".partial-";
/// How long a lock may be held without any progress.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a file may vanish under our lock before we give up: each time another writer ended its blob.
const RACES: usize = 100;

/// A writable OCI image layout in a folder.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    disk: Disk,
    stop: Stop,
    patience: Duration,
}

impl Store {
    /// Opens the layout in `folder`, or makes one there: the folder may be missing or empty.
    ///
    /// # Errors
    /// [`StoreError::NotALayout`] when it holds something else, [`StoreError::Io`].
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::begin(folder, Disk::default())
    }

    /// As [`Store::open`], and each change of the disk is announced.
    ///
    /// # Errors
    /// As [`Store::open`], and what the watcher refuses.
    pub fn open_watched(folder: &Path, watcher: Watcher) -> Result<Self, StoreError> {
        Self::begin(folder, Disk::watched(watcher))
    }

    /// The same store, whose waits end early when `stop` is asked.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        Self { stop, ..self }
    }

    /// The same store, that waits at most this long for a writer that makes no progress (60 seconds unless told).
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Who may end its waits.
    pub(crate) fn stop(&self) -> &Stop {
        &self.stop
    }

    /// The layout's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn begin(folder: &Path, disk: Disk) -> Result<Self, StoreError> {
        make_all(&disk, folder)?;
        let store = Self { folder: folder.to_owned(), disk, stop: Stop::new(), patience: PATIENCE };
        store.make_names_last()?;
        let path = folder.join(LAYOUT_FILE);
        if store.check_layout(&path)? {
            return Ok(store);
        }
        let _lock = store.lock_folder()?;
        if !store.check_layout(&path)? {
            store.refuse_strangers()?;
            store.disk.replace(&folder.join(format!("{PARTIAL}{LAYOUT_FILE}")), &path, LAYOUT)?;
        }
        Ok(store)
    }

    /// A run that was killed may have left folders and blobs whose names are not on the disk yet. As this one counts on them, it
    /// brings them there.
    fn make_names_last(&self) -> Result<(), StoreError> {
        let blobs = self.folder.join(BLOBS);
        let below = ALGORITHMS.map(|algorithm| blobs.join(algorithm)).into_iter().chain([blobs]);
        let mut present = below.filter(|folder| std::fs::symlink_metadata(folder).is_ok_and(|about| about.is_dir()));
        present.try_for_each(|folder| self.disk.sync_folder(&folder))?;
        self.disk.sync_folder(&self.folder)?;
        self.disk.sync_above(&self.folder)
    }

    /// Whether the folder says that it is a layout. One of a version that we do not know is an error.
    fn check_layout(&self, path: &Path) -> Result<bool, StoreError> {
        let Some(file) = open_regular(path)? else { return Ok(false) };
        let mut text = Vec::new();
        file.take(LAYOUT_LIMIT).read_to_end(&mut text).map_err(StoreError::io("reading", path))?;
        let version = serde_json::from_slice::<serde_json::Value>(&text)
            .ok()
            .and_then(|value| value.get("imageLayoutVersion")?.as_str().map(str::to_owned));
        match version.as_deref() {
            Some("1.0.0") => Ok(true),
            Some(other) => {
                let reason = format!("has the layout version {other:?}, not 1.0.0");
                Err(StoreError::NotALayout { path: self.folder.clone(), reason })
            }
            None => Err(StoreError::NotALayout { path: path.to_owned(), reason: "is malformed".to_owned() }),
        }
    }

    /// A folder that is no layout must be empty but for what a killed process of ours left.
    fn refuse_strangers(&self) -> Result<(), StoreError> {
        let entries = std::fs::read_dir(&self.folder).map_err(StoreError::io("reading", &self.folder))?;
        for entry in entries {
            let name = entry.map_err(StoreError::io("reading", &self.folder))?.file_name();
            if !name.to_string_lossy().starts_with(PARTIAL) {
                let reason = format!("is no OCI image layout, but holds {name:?}");
                return Err(StoreError::NotALayout { path: self.folder.clone(), reason });
            }
        }
        Ok(())
    }

    /// Where a blob lies, or will lie.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(BLOBS).join(digest.algorithm()).join(digest.hexadecimal())
    }

    fn partial(&self, digest: &Digest) -> PathBuf {
        self.path(digest).with_file_name(format!("{PARTIAL}{}", digest.hexadecimal()))
    }

    /// Whether the blob is there, by name and size. Its bytes are not read: see [`Store::is_intact`].
    ///
    /// # Errors
    /// [`StoreError::NotRegular`], [`StoreError::Io`].
    pub fn has(&self, descriptor: &Descriptor) -> Result<bool, StoreError> {
        self.has_blob(&descriptor.digest, descriptor.size)
    }

    fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool, StoreError> {
        let path = self.path(digest);
        match std::fs::symlink_metadata(&path) {
            Ok(about) if about.is_file() => Ok(about.len() == size),
            Ok(_) => Err(StoreError::NotRegular { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("reading", path)(error)),
        }
    }

    /// Whether the blob is there and hashes to its digest: every byte is read.
    ///
    /// # Errors
    /// [`StoreError::NotRegular`], [`StoreError::Io`].
    pub fn is_intact(&self, digest: &Digest, size: u64) -> Result<bool, StoreError> {
        Ok(self.look(digest, size, &|_| ())? == Found::Intact)
    }

    /// The bytes of a small blob, when it is there and hashes to its digest; `None` else.
    ///
    /// # Errors
    /// [`StoreError::NotRegular`], [`StoreError::Io`].
    pub fn read_small(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path(digest);
        let Some(file) = open_regular(&path)? else { return Ok(None) };
        let mut bytes = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(StoreError::io("reading", &path))?;
        let right = bytes.len() as u64 <= limit && digest_like(digest, &bytes) == *digest;
        Ok(right.then_some(bytes))
    }

    /// Begins to write a blob, or goes on where an earlier run ended. `None`: it is there already, and every byte of it is right.
    /// Damaged bytes in its place are removed.
    ///
    /// While another process writes the same blob, this waits as long as that makes progress.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Stopped`], [`StoreError::NotRegular`], [`StoreError::Io`].
    pub fn ingest(&self, digest: &Digest, size: u64) -> Result<Option<Ingest>, StoreError> {
        self.ingest_counted(digest, size, &|_| ())
    }

    /// As [`Store::ingest`]; `count` is told of the bytes that were read last of what lies there.
    ///
    /// # Errors
    /// As [`Store::ingest`].
    pub fn ingest_counted(
        &self,
        digest: &Digest,
        size: u64,
        count: &dyn Fn(u64),
    ) -> Result<Option<Ingest>, StoreError> {
        let mut found = self.look(digest, size, count)?;
        if found == Found::Intact {
            return Ok(None);
        }
        let (path, blobs) = (self.path(digest), self.folder.join(BLOBS));
        self.disk.make_folder(&blobs)?;
        self.disk.make_folder(&blobs.join(digest.algorithm()))?;
        let partial = self.partial(digest);
        for _ in 0..RACES {
            let file = self.disk.open_or_create(&partial)?;
            lock::lock(&file, &partial, self.patience, &self.stop)?;
            if !is_named(&file, &partial) {
                continue; // Another writer gave it its final name while we waited.
            }
            if !found.is_unchanged(&path) {
                found = self.look(digest, size, &|_| ())?;
            }
            if found == Found::Intact {
                self.disk.remove(&partial)?;
                return Ok(None);
            }
            let ingest = Ingest::resume(self.disk.clone(), file, partial, path.clone(), digest, size, &self.stop)?;
            if found != Found::Nothing {
                self.disk.remove(&path)?;
            }
            return Ok(Some(ingest));
        }
        Err(StoreError::Busy { path: partial })
    }

    /// Writes a small blob as a whole, unless it is there. Damaged bytes in its place are replaced.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when the bytes are not those of the digest, and those of [`Store::ingest`].
    pub fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(mut ingest) = self.ingest(digest, bytes.len() as u64)? else { return Ok(()) };
        if ingest.written() > 0 {
            ingest.restart()?;
        }
        ingest.append(bytes)?;
        ingest.commit()
    }

    /// Removes what interrupted runs left and nobody writes at this moment; returns the number of files.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn sweep(&self) -> Result<usize, StoreError> {
        let mut swept = 0;
        for algorithm in ALGORITHMS {
            let folder = self.folder.join(BLOBS).join(algorithm);
            let Ok(entries) = std::fs::read_dir(&folder) else { continue };
            for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PARTIAL)) {
                let Some(file) = open_regular(&entry.path())? else { continue };
                if file.try_lock().is_ok() && is_named(&file, &entry.path()) {
                    self.disk.remove(&entry.path())?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    /// Locks the folder for a change of `index.json` or `oci-layout`, until the file is dropped.
    fn lock_folder(&self) -> Result<File, StoreError> {
        let folder = File::open(&self.folder).map_err(StoreError::io("opening", &self.folder))?;
        lock::lock(&folder, &self.folder, self.patience, &self.stop)?;
        Ok(folder)
    }
}

/// Makes a folder and those above it. The user may name a link to a folder, so links are followed here. What is there already may be
/// of a run that was killed before its name was on the disk.
fn make_all(disk: &Disk, folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_all(disk, parent)?;
        disk.sync_above(parent)?;
    }
    disk.make_folder(folder)
}

#[cfg(test)]
mod tests;
