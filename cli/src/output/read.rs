//! An output that is there, opened to be read: its manifest, and files that are still what the manifest says.

use super::error::Error;
use super::manifest::{MANIFEST, Manifest};
use fs_err as fs;
use kfimg_builder::compare::is_build;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};

/// A finished output.
#[derive(Debug)]
pub(crate) struct Output {
    folder: PathBuf,
    /// What it consists of.
    pub(crate) manifest: Manifest,
}

impl Output {
    /// Opens an output.
    ///
    /// # Errors
    /// [`Error::NoOutput`], [`Error::UnreadableManifest`] or [`Error::Io`].
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let text = match fs::read(&path) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Err(Error::NoOutput { path: folder.to_path_buf(), reason: instead(folder) });
            }
            read => read.map_err(Error::io("reading", &path))?,
        };
        let manifest = Manifest::read(&text).map_err(|reason| Error::UnreadableManifest { path, reason })?;
        Ok(Self { folder: folder.to_path_buf(), manifest })
    }

    /// Reads a file of the output.
    ///
    /// # Errors
    /// [`Error::NotRendered`] when the manifest does not know it, [`Error::Missing`] when it is not there, [`Error::Damaged`] when it
    /// is not what the manifest says.
    pub(crate) fn read(&self, relative: &str) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(relative);
        let Some(record) = self.manifest.files.get(relative) else { return Err(Error::NotRendered { path }) };
        let content = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::Missing { path }),
            read => read.map_err(Error::io("reading", &path))?,
        };
        let same = data_encoding::HEXLOWER.encode(&Sha256::digest(&content)) == record.sha256;
        if same { Ok(content) } else { Err(Error::Damaged { path }) }
    }
}

/// What a folder without a manifest is.
fn instead(folder: &Path) -> &'static str {
    if !folder.exists() {
        "there is no such folder"
    } else if is_build(folder) {
        "this is a build of `kfimg build`, and no output of `kfimg render`"
    } else {
        "this is no output of `kfimg render`, which has a manifest.json"
    }
}
