//! Folders and files of the cache that are made once and named by a digest of all that they are made from.
//!
//! A changed input makes a new one beside the old. What a killed process left half made is never taken for finished.

use crate::Result;
use data_encoding::HEXLOWER;
use fs_err as fs;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Digest of inputs; the order counts.
#[derive(Clone, Default)]
pub(crate) struct Key(Sha256);

impl Key {
    /// Adds a text.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.0.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds a file's path, which in the cache carries a digest of its own, and the file's size and time.
    pub(crate) fn file(self, path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path)?;
        let time = metadata.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(self.text(&format!("{} {} {}", path.display(), metadata.len(), time.as_nanos())))
    }

    /// Twelve hexadecimal digits.
    pub(crate) fn name(self) -> String {
        HEXLOWER.encode(&self.0.finalize()[..6])
    }
}

/// The path `<folder>/<name>-<key>`, made by `make` at another path when it is not there yet.
pub(crate) fn once(folder: &Path, name: &str, key: Key, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let path = folder.join(format!("{name}-{}", key.name()));
    if path.exists() {
        return Ok(path);
    }
    fs::create_dir_all(folder)?;
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    if let Err(error) = make(&partial) {
        let _ = fs::remove_dir_all(&partial).or_else(|_| fs::remove_file(&partial));
        return Err(error);
    }
    match fs::rename(&partial, &path) {
        // Another process was faster with the same.
        Err(_) if path.exists() => {}
        result => result?,
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn texts_do_not_run_into_each_other() {
        let one = Key::default().text("ab").text("c").name();
        assert_ne!(one, Key::default().text("a").text("bc").name());
        assert_eq!(one.len(), 12);
    }
}
