//! Changes of files that last, also over a power cut.

use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::{self, Write};
use std::path::Path;

/// Whoever reads sees the old text or the new one, also after a power cut. Mode 0600. What lies in the way of the new text,
/// such as a link that the folder's owner put there, is removed, not followed.
pub(crate) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.partial"));
    remove(&partial)?;
    let mut written = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    written.write_all(text)?;
    written.sync_all()?;
    fs_err::rename(&partial, file)?;
    sync_folder(folder)
}

/// Removes a file that may be missing.
pub(crate) fn remove(file: &Path) -> io::Result<()> {
    match fs_err::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the names in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs_err::File::open(folder)?.sync_all()
}
