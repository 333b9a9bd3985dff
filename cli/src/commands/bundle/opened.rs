//! The bundle that a command reads, and the signature beside it.

use crate::failure::Failure;
use clap::Args;
use kfimg_images::content::Content;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Which bundle.
#[derive(Args, Clone, Debug)]
pub(crate) struct BundleArgs {
    /// Bundle to read: a folder, a tar, or NAME.chunks.json
    #[arg(long, value_name = "PATH", default_value = "bundle")]
    pub(super) bundle: PathBuf,
}

impl BundleArgs {
    /// Opens it where it lies.
    pub(super) fn open(&self) -> Result<Content, Failure> {
        Ok(Content::open(&self.bundle)?)
    }

    /// Whether it is a set of chunks.
    pub(super) fn is_chunks(&self) -> bool {
        is_chunks(&self.bundle)
    }

    /// Where its signature lies unless told otherwise.
    pub(super) fn signature(&self) -> PathBuf {
        with_suffix(&self.bundle, ".sig")
    }
}

/// Whether a path names the manifest of chunks.
pub(super) fn is_chunks(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(CHUNKS))
}

/// How the manifest of chunks is named.
pub(super) const CHUNKS: &str = ".chunks.json";

/// The path with something behind its last name; a `/` at the end does not count.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.components().as_path().as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
