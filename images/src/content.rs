//! A bundle that is read where it lies: a folder, one tar, or numbered chunks of that tar. Nothing is unpacked.
//!
//! - [`mod@extent`]: where the bytes of a blob lie; [`BlobReader`] reads them;
//! - [`mod@bundle_manifest`]: `bundle.json`, what kfimg adds to an OCI image layout;
//! - [`mod@chunk_manifest`]: `NAME.chunks.json`, the list of chunks.
//!
//! Opening checks names, sizes and the small root documents. Blobs are not hashed here: see [`Content::read_small`] for
//! documents, and `verify` for everything.

pub mod bundle_manifest;
pub mod chunk_manifest;
mod chunks;
mod error;
pub mod extent;
mod folder;
mod join;
mod reader;
mod source;
mod subset;
mod tar;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::hasher::digest_like;
use crate::layout::{Index, ROOT_LIMIT};
use crate::shown::shown;

pub use bundle_manifest::{BundleManifest, BundledImage, Since};
pub use chunk_manifest::{Chunk, ChunkManifest};
pub use error::{ContentError, TarProblem};
pub use extent::{Extent, Piece};
pub use reader::BlobReader;
pub use source::Source;
pub(crate) use source::{FilePart, is_named, open_plain};

/// The file that makes a folder an OCI image layout.
pub const LAYOUT_FILE: &str = "oci-layout";
/// The file that names every image of a layout.
pub const INDEX_FILE: &str = "index.json";
/// The file that kfimg adds.
pub const BUNDLE_FILE: &str = "bundle.json";
/// The folder of the blobs.
pub const BLOBS_FOLDER: &str = "blobs";
/// What [`LAYOUT_FILE`] holds.
pub const LAYOUT_TEXT: &str = "{\"imageLayoutVersion\":\"1.0.0\"}";
/// What the name of a chunk manifest ends in.
pub const CHUNKS_SUFFIX: &str = ".chunks.json";
/// Most files of a bundle. A large site's bundle has some ten thousand blobs.
pub const MAX_ENTRIES: usize = 100_000;
/// Most bytes of [`LAYOUT_FILE`].
const LAYOUT_LIMIT: u64 = 4 << 10;

/// A bundle that is read where it lies.
#[derive(Debug)]
pub struct Content {
    place: PathBuf,
    index_bytes: Vec<u8>,
    index: Index,
    manifest_bytes: Option<Vec<u8>>,
    manifest: Option<BundleManifest>,
    blobs: BTreeMap<Digest, Extent>,
}

/// What the readers of the three forms find: where everything lies.
#[derive(Debug, Default)]
struct Found {
    layout: Option<Extent>,
    index: Option<Extent>,
    manifest: Option<Extent>,
    blobs: BTreeMap<Digest, Extent>,
}

impl Content {
    /// Opens a folder, a tar, or a `NAME.chunks.json`.
    ///
    /// # Errors
    ///
    /// When it is none of these, is damaged, has names, links or devices that no bundle has, or more than
    /// [`MAX_ENTRIES`] files.
    pub fn open(path: &Path) -> Result<Self, ContentError> {
        let about = std::fs::metadata(path).map_err(|source| {
            let path = path.to_owned();
            if source.kind() == ErrorKind::NotFound {
                ContentError::Absent { path }
            } else {
                ContentError::Read { path, source }
            }
        })?;
        let is_chunks = path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(CHUNKS_SUFFIX));
        let found = if about.is_dir() {
            folder::scan(path)?
        } else if is_chunks {
            chunks::scan(path)?
        } else {
            tar::scan(path, &Extent::of_file(path)?)?
        };
        Self::read(path, found)
    }

    /// Reads a `NAME.chunks.json` alone, whatever became of the chunks.
    ///
    /// # Errors
    ///
    /// When it can't be read or is malformed.
    pub fn chunk_manifest(path: &Path) -> Result<ChunkManifest, ContentError> {
        chunks::read_manifest(path)
    }

    fn read(path: &Path, found: Found) -> Result<Self, ContentError> {
        let place = path.to_owned();
        let absent = |file| ContentError::NoLayout { path: place.clone(), file };
        let layout = found.layout.ok_or_else(|| absent(LAYOUT_FILE))?;
        check_version(path, &read_whole(path, LAYOUT_FILE, &layout, LAYOUT_LIMIT)?)?;
        let index = found.index.ok_or_else(|| absent(INDEX_FILE))?;
        let index_bytes = read_whole(path, INDEX_FILE, &index, ROOT_LIMIT)?;
        let index = Index::parse_root(&index_bytes).map_err(|error| ContentError::Document {
            path: place.clone(),
            name: INDEX_FILE.to_owned(),
            error,
        })?;
        let manifest_bytes =
            found.manifest.map(|extent| read_whole(path, BUNDLE_FILE, &extent, ROOT_LIMIT)).transpose()?;
        let manifest = manifest_bytes.as_deref().map(BundleManifest::parse).transpose().map_err(|reason| {
            ContentError::Format { path: place.clone(), name: BUNDLE_FILE.to_owned(), reason: shown(&reason) }
        })?;
        Ok(Self { place, index_bytes, index, manifest_bytes, manifest, blobs: found.blobs })
    }

    /// The path that was opened.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The bundle's `index.json`: every image and artifact, each with its reference as an annotation.
    #[must_use]
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The bytes of `index.json`, as they lie there.
    #[must_use]
    pub fn index_bytes(&self) -> &[u8] {
        &self.index_bytes
    }

    /// The bundle's `bundle.json`; a layout of another tool has none.
    #[must_use]
    pub fn manifest(&self) -> Option<&BundleManifest> {
        self.manifest.as_ref()
    }

    /// The bytes of `bundle.json`, as they lie there: what is signed.
    #[must_use]
    pub fn manifest_bytes(&self) -> Option<&[u8]> {
        self.manifest_bytes.as_deref()
    }

    /// All blobs that lie here, in the order of their digests.
    pub fn blobs(&self) -> impl Iterator<Item = (&Digest, &Extent)> {
        self.blobs.iter()
    }

    /// Where a blob lies.
    #[must_use]
    pub fn extent(&self, digest: &Digest) -> Option<&Extent> {
        self.blobs.get(digest)
    }

    /// A reader of a blob. What it reads is not verified.
    ///
    /// # Errors
    ///
    /// When the blob is not here.
    pub fn reader(&self, digest: &Digest) -> Result<BlobReader, ContentError> {
        self.blobs.get(digest).map(Extent::reader).ok_or_else(|| self.missing(digest))
    }

    /// The bytes of a small blob, verified against its digest.
    ///
    /// # Errors
    ///
    /// When the blob is not here, is larger than `limit` bytes, can't be read, or is damaged.
    pub fn read_small(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, ContentError> {
        let extent = self.blobs.get(digest).ok_or_else(|| self.missing(digest))?;
        let bytes = read_whole(&self.place, digest.as_str(), extent, limit)?;
        let found = digest_like(digest, &bytes);
        if found == *digest {
            Ok(bytes)
        } else {
            Err(ContentError::Damaged { path: self.place.clone(), digest: digest.clone(), found })
        }
    }

    fn missing(&self, digest: &Digest) -> ContentError {
        ContentError::Missing { path: self.place.clone(), digest: digest.clone() }
    }
}

/// All bytes of an extent, unless there are too many.
fn read_whole(path: &Path, name: &str, extent: &Extent, limit: u64) -> Result<Vec<u8>, ContentError> {
    let size = extent.size();
    if size > limit {
        return Err(ContentError::TooLarge { path: path.to_owned(), name: name.to_owned(), size, limit });
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    extent.reader().read_exact(&mut bytes).map_err(|source| ContentError::Read { path: path.join(name), source })?;
    Ok(bytes)
}

/// Reads `oci-layout`. Every version 1 keeps the places of a 1.0.0.
fn check_version(path: &Path, bytes: &[u8]) -> Result<(), ContentError> {
    #[derive(serde::Deserialize)]
    struct Layout {
        #[serde(rename = "imageLayoutVersion")]
        version: String,
    }
    let format = |reason: String| ContentError::Format {
        path: path.to_owned(),
        name: LAYOUT_FILE.to_owned(),
        reason: shown(&reason),
    };
    let layout: Layout = serde_json::from_slice(bytes).map_err(|error| format(error.to_string()))?;
    if layout.version.starts_with("1.") {
        Ok(())
    } else {
        Err(format(format!("the image layout version `{}` is not known; 1.0.0 is", layout.version)))
    }
}

#[cfg(test)]
mod tests;
