//! Opens a bundle that lies in numbered chunks: the chunks, one after the other, are the tar.

use std::path::Path;
use std::sync::Arc;

use super::chunk_manifest::{CHUNK_MANIFEST_LIMIT, ChunkManifest};
use super::{ContentError, Extent, Found, Piece, Source, read_whole, tar};
use crate::shown::shown;

/// Finds everything in the chunks that the manifest at `path` names.
pub(super) fn scan(path: &Path) -> Result<Found, ContentError> {
    let manifest = read_manifest(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let pieces: Result<Vec<Piece>, ContentError> =
        manifest.chunks.iter().map(|chunk| piece(&folder.join(&chunk.file), chunk.size)).collect();
    tar::scan(path, &Extent::of(pieces?))
}

/// Reads `NAME.chunks.json`.
pub(crate) fn read_manifest(path: &Path) -> Result<ChunkManifest, ContentError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let folder = path.parent().unwrap_or(Path::new(""));
    let bytes = read_whole(folder, &name, &Extent::of_file(path)?, CHUNK_MANIFEST_LIMIT)?;
    let failed = |reason: String| ContentError::Format { path: folder.to_owned(), name, reason: shown(&reason) };
    ChunkManifest::parse(&bytes).map_err(failed)
}

fn piece(path: &Path, size: u64) -> Result<Piece, ContentError> {
    let chunk = |reason| ContentError::Chunk { path: path.to_owned(), reason };
    let about = std::fs::symlink_metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => chunk("the chunk is not there".to_owned()),
        _ => ContentError::Read { path: path.to_owned(), source: error },
    })?;
    if !about.is_file() {
        return Err(chunk("the chunk is no plain file".to_owned()));
    }
    if about.len() != size {
        return Err(chunk(format!("the chunk has {} bytes, but {size} are promised", about.len())));
    }
    Ok(Piece { file: Arc::new(Source::Path(path.to_owned())), offset: 0, length: size })
}
