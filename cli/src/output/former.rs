//! The output that lies there already: is it ours, and which of its files can stay.

use super::error::Error;
use super::manifest::{FileRecord, MANIFEST, Manifest};
use fs_err as fs;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A former output of kfimg.
#[derive(Debug)]
pub(super) struct Former {
    folder: PathBuf,
    pub(super) manifest: Manifest,
}

impl Former {
    /// Examines what lies at `target`: nothing or an empty folder (`None`), or an output of kfimg and nothing else.
    pub(super) fn examine(target: &Path) -> Result<Option<Self>, Error> {
        match target.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("examining", target)(error)),
            Ok(metadata) if metadata.is_symlink() => return Err(not_folder(target, "a symbolic link")),
            Ok(metadata) if !metadata.is_dir() => return Err(not_folder(target, "a file")),
            Ok(_) => {}
        }
        let present = entries(target)?;
        if present.is_empty() {
            return Ok(None);
        }
        let former = Self { folder: target.to_path_buf(), manifest: read_manifest(target, &present)? };
        former.owns(&present)?;
        Ok(Some(former))
    }

    /// Whether it still is an output of kfimg and nothing else.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.owns(&entries(&self.folder)?)
    }

    fn owns(&self, present: &[String]) -> Result<(), Error> {
        let known: BTreeSet<&str> = self.manifest.files.keys().map(String::as_str).chain([MANIFEST]).collect();
        match present.iter().find(|path| !known.contains(path.as_str())) {
            Some(path) => Err(Error::Foreign { target: self.folder.clone(), path: path.clone() }),
            None => Ok(()),
        }
    }

    /// The path of a former file, if its bytes and mode are still those of the record.
    pub(super) fn unchanged(&self, relative: &str, mode: u32) -> Option<(PathBuf, FileRecord)> {
        let record = self.manifest.files.get(relative)?;
        let path = self.folder.join(relative);
        let metadata = path.symlink_metadata().ok()?;
        if !metadata.is_file() || metadata.permissions().mode() & 0o7777 != mode || metadata.len() != record.size {
            return None;
        }
        let same = data_encoding::HEXLOWER.encode(&Sha256::digest(fs::read(&path).ok()?)) == record.sha256;
        same.then(|| (path, record.clone()))
    }
}

fn not_folder(path: &Path, what: &'static str) -> Error {
    Error::NotFolder { path: path.to_path_buf(), what }
}

fn read_manifest(target: &Path, present: &[String]) -> Result<Manifest, Error> {
    let path = target.join(MANIFEST);
    if !present.iter().any(|entry| entry == MANIFEST) {
        let first = present.first().cloned().unwrap_or_default();
        return Err(Error::Foreign { target: target.to_path_buf(), path: first });
    }
    let text = fs::read(&path).map_err(Error::io("reading", &path))?;
    Manifest::read(&text).map_err(|reason| Error::DamagedManifest { path, reason })
}

/// Every path below a folder that is not a folder, sorted; symbolic links are not followed and count as foreign files.
pub(super) fn entries(folder: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).map_err(Error::io("listing", &next))? {
            let entry = entry.map_err(Error::io("listing", &next))?;
            let path = entry.path();
            if entry.file_type().map_err(Error::io("examining", &path))?.is_dir() {
                open.push(path);
            } else {
                let relative = path.strip_prefix(folder).unwrap_or(&path);
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    Ok(found)
}
