//! A file that is whole or not there: written beside its place, synced, renamed.

use super::OutputError;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written. Dropped before [`NewFile::finish`], it leaves nothing behind.
pub(crate) struct NewFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file that will lie at this path.
    ///
    /// # Errors
    /// When its folder cannot be written to.
    pub(crate) fn begin(path: &Path) -> Result<Self, OutputError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = tempfile::Builder::new().prefix(&format!(".{name}.")).suffix(".new").tempfile_in(folder);
        Ok(Self { temporary: temporary.map_err(OutputError::io("writing", path))?, path: path.to_owned() })
    }

    /// What is written to.
    pub(crate) fn file(&self) -> &File {
        self.temporary.as_file()
    }

    /// Where it lies until it is finished, for programs that write it.
    pub(crate) fn place(&self) -> &Path {
        self.temporary.path()
    }

    /// Where it will lie.
    pub(crate) fn target(&self) -> &Path {
        &self.path
    }

    /// Makes the file appear, readable for everybody whatever the umask is.
    ///
    /// # Errors
    /// When it cannot be synced or renamed.
    pub(crate) fn finish(self) -> Result<(), OutputError> {
        let Self { temporary, path } = self;
        let finish = || -> io::Result<()> {
            // A program may have replaced the file that was opened here.
            let file = File::open(temporary.path())?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.sync_all()?;
            temporary.persist(&path)?;
            Ok(())
        };
        finish().map_err(OutputError::io("writing", &path))
    }
}

#[cfg(test)]
mod tests {
    use super::NewFile;
    use std::io::Write;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let half = NewFile::begin(&path).unwrap();
        half.file().write_all(b"half").unwrap();
        drop(half);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let whole = NewFile::begin(&path).unwrap();
        whole.file().write_all(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
