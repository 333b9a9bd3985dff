//! One file, replaced at once or not at all.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file that everybody may read, through a temporary one beside it: whoever reads it sees the old or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(public()).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs_err::File::open(folder)?.sync_all()
}

/// As `open(2)` has it: the process' umask takes from it.
fn public() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
