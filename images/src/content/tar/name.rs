//! Names in a tar: which are refused, and which file of a layout each one is.

use super::super::{BLOBS_FOLDER, BUNDLE_FILE, INDEX_FILE, LAYOUT_FILE, TarProblem};
use crate::digest::Digest;

/// What a name stands for in a layout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    Layout,
    Index,
    Bundle,
    Blob(Digest),
    /// The root, `blobs` or `blobs/<algorithm>`.
    Folder,
    /// A file at the root that other tools or kfimg lay there: `manifest.json`, `kfimg.lock`.
    Beside,
}

/// Most bytes of a name: those of a file system. The names are kept to find doubles, and the longest of a blob has 141.
const LIMIT: usize = 255;

/// The name without a leading `./` and a trailing `/`; empty for the root. It leads nowhere but down.
pub(super) fn checked(raw: &[u8]) -> Result<String, TarProblem> {
    let shown = || String::from_utf8_lossy(&raw[..raw.len().min(LIMIT)]).escape_debug().to_string();
    let text = str::from_utf8(raw).map_err(|_| TarProblem::Name(shown()))?;
    if text.is_empty() || text.len() > LIMIT || text.contains(|c: char| c == '\\' || c.is_control()) {
        return Err(TarProblem::Name(shown()));
    }
    let name = text.strip_prefix("./").unwrap_or(text);
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.is_empty() || name == "." {
        return if text == "/" { Err(TarProblem::Name(shown())) } else { Ok(String::new()) };
    }
    if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(TarProblem::Name(shown()));
    }
    Ok(name.to_owned())
}

/// Which file of a layout a checked name is.
pub(super) fn place(name: &str) -> Result<Place, TarProblem> {
    let unexpected = || TarProblem::Unexpected(name.to_owned());
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        [LAYOUT_FILE] => Ok(Place::Layout),
        [INDEX_FILE] => Ok(Place::Index),
        [BUNDLE_FILE] => Ok(Place::Bundle),
        ["" | BLOBS_FOLDER] | [BLOBS_FOLDER, "sha256" | "sha384" | "sha512"] => Ok(Place::Folder),
        [BLOBS_FOLDER, algorithm, digits] => {
            format!("{algorithm}:{digits}").parse().map(Place::Blob).map_err(|_| unexpected())
        }
        [_] => Ok(Place::Beside),
        _ => Err(unexpected()),
    }
}
