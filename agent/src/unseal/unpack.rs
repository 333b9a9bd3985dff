//! The opened archive becomes the files that the plan names, and nothing else.

use crate::plan::Sealed;
use crate::root::Root;
use flate2::read::GzDecoder;
use fs_err::os::unix::fs::OpenOptionsExt;
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;

/// Most bytes that the archive may have when it is decompressed.
const LIMIT: u64 = 64 << 20;

/// Writes every file. An error says what is wrong with the archive or the disk.
pub(super) fn unpack(root: &Root, sealed: &Sealed, archive: &[u8]) -> Result<(), String> {
    let mut wanted: BTreeSet<&str> = sealed.paths.iter().map(String::as_str).collect();
    let mut archive = tar::Archive::new(GzDecoder::new(archive).take(LIMIT));
    for entry in archive.entries().map_err(|error| error.to_string())? {
        let mut entry = entry.map_err(|error| error.to_string())?;
        let path = format!("/{}", String::from_utf8_lossy(&entry.path_bytes()));
        if !entry.header().entry_type().is_file() || !wanted.remove(path.as_str()) {
            return Err(format!("{path} is sealed, and the plan does not say so"));
        }
        let number = |value: std::io::Result<u64>| {
            value
                .ok()
                .and_then(|value| u32::try_from(value).ok())
                .ok_or_else(|| format!("{path}: its owner is no number"))
        };
        let (uid, gid) = (number(entry.header().uid())?, number(entry.header().gid())?);
        let mode = entry.header().mode().map_err(|error| format!("{path}: {error}"))? & 0o777;
        let mut content = zeroize::Zeroizing::new(Vec::new());
        entry.read_to_end(&mut content).map_err(|error| format!("{path}: {error}"))?;
        write(&root.at(&path), &content, mode, (uid, gid)).map_err(|error| format!("{path}: {error}"))?;
    }
    match wanted.first() {
        Some(path) => Err(format!("{path} should be sealed, and is not")),
        None => Ok(()),
    }
}

/// Whoever reads sees the whole file or none, and only its owner ever sees it.
fn write(path: &Path, content: &[u8], mode: u32, (uid, gid): (u32, u32)) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs_err::create_dir_all(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = folder.join(format!(".{name}.partial"));
    crate::files::remove(&partial)?;
    let mut file = fs_err::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(content)?;
    if (uid, gid) != (0, 0) {
        fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    fchmod(&file, Mode::from_raw_mode(mode))?;
    file.sync_all()?;
    fs_err::rename(&partial, path)?;
    crate::files::sync_folder(folder)
}
