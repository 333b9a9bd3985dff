//! Finds the files of a layout in a folder. Links are refused wherever they lie.

use std::fs::FileType;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    BLOBS_FOLDER, BUNDLE_FILE, ContentError, Extent, Found, INDEX_FILE, LAYOUT_FILE, MAX_ENTRIES, Piece, Source,
};
use crate::digest::Digest;
use crate::shown::shown;

/// Finds everything below `folder`.
pub(super) fn scan(folder: &Path) -> Result<Found, ContentError> {
    let mut found = Found {
        layout: root_file(folder, LAYOUT_FILE)?,
        index: root_file(folder, INDEX_FILE)?,
        manifest: root_file(folder, BUNDLE_FILE)?,
        ..Found::default()
    };
    let blobs = folder.join(BLOBS_FOLDER);
    let mut seen = 0;
    // What else lies beside them is none of our business, but no link may: somebody may follow it.
    list(folder, &mut seen, |path, _, kind| refuse_link(path, kind))?;
    if !plain_folder(&blobs)? {
        return Ok(found);
    }
    let mut algorithms = Vec::new();
    list(&blobs, &mut seen, |path, name, _| {
        algorithms.push((path.to_owned(), name.to_owned()));
        Ok(())
    })?;
    for (path, algorithm) in algorithms {
        if !plain_folder(&path)? {
            return Err(ContentError::FileType { path, found: "no folder" });
        }
        list(&path, &mut seen, |path, name, kind| add_blob(folder, &mut found, path, &algorithm, name, kind))?;
    }
    Ok(found)
}

fn add_blob(
    folder: &Path,
    found: &mut Found,
    path: &Path,
    algorithm: &str,
    name: &str,
    kind: FileType,
) -> Result<(), ContentError> {
    refuse_link(path, kind)?;
    if !kind.is_file() {
        return Err(ContentError::FileType { path: path.to_owned(), found: describe(kind) });
    }
    // A pull that was cut leaves `.partial-<digits>`.
    if name.starts_with('.') {
        return Ok(());
    }
    let digest: Digest = format!("{algorithm}:{name}").parse().map_err(|error| ContentError::BlobName {
        path: folder.to_owned(),
        name: shown(&format!("{BLOBS_FOLDER}/{algorithm}/{name}")),
        reason: shown(&format!("{error}")),
    })?;
    let length =
        std::fs::symlink_metadata(path).map_err(|source| ContentError::Read { path: path.to_owned(), source })?.len();
    found.blobs.insert(digest, file_extent(path.to_owned(), length));
    Ok(())
}

fn file_extent(path: PathBuf, length: u64) -> Extent {
    Extent::of(vec![Piece { file: Arc::new(Source::Path(path)), offset: 0, length }])
}

fn root_file(folder: &Path, name: &str) -> Result<Option<Extent>, ContentError> {
    let path = folder.join(name);
    let Some(about) = metadata(&path)? else { return Ok(None) };
    if about.is_file() {
        Ok(Some(file_extent(path, about.len())))
    } else {
        Err(ContentError::FileType { path, found: describe(about.file_type()) })
    }
}

/// Whether it is there; an error when it is there as something else.
fn plain_folder(path: &Path) -> Result<bool, ContentError> {
    match metadata(path)? {
        None => Ok(false),
        Some(about) if about.is_dir() => Ok(true),
        Some(about) => Err(ContentError::FileType { path: path.to_owned(), found: describe(about.file_type()) }),
    }
}

fn metadata(path: &Path) -> Result<Option<std::fs::Metadata>, ContentError> {
    match std::fs::symlink_metadata(path) {
        Ok(about) => Ok(Some(about)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ContentError::Read { path: path.to_owned(), source }),
    }
}

/// Shows each entry of a folder, in no order; counts them.
fn list<F>(folder: &Path, seen: &mut usize, mut show: F) -> Result<(), ContentError>
where
    F: FnMut(&Path, &str, FileType) -> Result<(), ContentError>,
{
    let read = |source| ContentError::Read { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        *seen += 1;
        if *seen > MAX_ENTRIES {
            return Err(ContentError::TooMany { path: folder.to_owned(), limit: MAX_ENTRIES });
        }
        let name = entry.file_name();
        // A name that is not UTF-8 becomes one that is no digest.
        show(&entry.path(), &name.to_string_lossy(), entry.file_type().map_err(read)?)?;
    }
    Ok(())
}

fn refuse_link(path: &Path, kind: FileType) -> Result<(), ContentError> {
    if kind.is_symlink() {
        return Err(ContentError::FileType { path: path.to_owned(), found: describe(kind) });
    }
    Ok(())
}

fn describe(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}
