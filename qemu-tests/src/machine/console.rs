//! What a machine shows on its console, over all its boots.

use super::Machine;
use crate::Result;
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Opens the log for two writers.
pub(super) fn open(path: &Path) -> Result<(Stdio, Stdio)> {
    let file = fs::OpenOptions::new().create(true).append(true).open(path)?.into_file();
    let second = file.try_clone()?;
    Ok((file.into(), second.into()))
}

impl Machine {
    pub(super) fn console_file(&self) -> PathBuf {
        self.folder.join("console.log")
    }

    /// Everything that it has shown on its console.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn console(&self) -> Result<String> {
        let path = self.console_file();
        if !path.exists() {
            return Ok(String::new());
        }
        Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
    }
}
