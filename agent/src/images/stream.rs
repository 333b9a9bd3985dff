//! An image as a tar stream, made while it is read: no second copy lies anywhere.
//!
//! Every blob is hashed on its way; the stream ends early when one is not what its digest says, and is then no image.

use super::digest::Digest;
use super::layout::{Descriptor, Layout, LayoutError};
use serde::Serialize;
use sha2::Digest as _;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are read at a time.
const CHUNK: usize = 256 << 10;
const OCI_LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// Why a stream ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// The bundle is at fault.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The reader of the stream has gone.
    #[error("containerd's client stopped reading: {0}")]
    Write(io::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    manifests: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'a str,
    digest: &'a Digest,
    size: u64,
    annotations: BTreeMap<&'a str, &'a str>,
}

/// Writes an OCI image layout as tar: these blobs first, and last an `index.json` that gives the target its names, so
/// that a stream that breaks off names nothing.
pub(super) fn write(
    layout: &Layout,
    target: &Descriptor,
    names: &[String],
    blobs: &[Descriptor],
    out: &mut impl Write,
    progress: &AtomicU64,
) -> Result<(), StreamError> {
    for blob in blobs {
        append_blob(layout, blob, out, progress)?;
    }
    let entry = |name| Entry {
        media_type: &target.media_type,
        digest: &target.digest,
        size: target.size,
        annotations: BTreeMap::from([("io.containerd.image.name", name)]),
    };
    let index = Index { schema_version: 2, manifests: names.iter().map(|name| entry(name.as_str())).collect() };
    let index = serde_json::to_vec(&index).map_err(|error| StreamError::Write(error.into()))?;
    append(b"oci-layout", OCI_LAYOUT, out).map_err(StreamError::Write)?;
    append(b"index.json", &index, out).map_err(StreamError::Write)?;
    out.write_all(&[0; 1024]).and_then(|()| out.flush()).map_err(StreamError::Write)
}

fn append(name: &[u8], content: &[u8], out: &mut impl Write) -> io::Result<()> {
    out.write_all(&header(name, content.len() as u64))?;
    out.write_all(content)?;
    pad(content.len() as u64, out)
}

fn append_blob(
    layout: &Layout,
    blob: &Descriptor,
    out: &mut impl Write,
    progress: &AtomicU64,
) -> Result<(), StreamError> {
    let path = layout.blob(&blob.digest);
    let failed = |source| LayoutError::Read { path: path.clone(), source };
    let mut file = super::layout::open(&path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?.len();
    if found != blob.size {
        return Err(damaged(path, format!("it has {found} bytes instead of {}", blob.size)));
    }
    out.write_all(&header(format!("blobs/sha256/{}", blob.digest.hex()).as_bytes(), blob.size))
        .map_err(StreamError::Write)?;
    let mut hash = sha2::Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut left = blob.size;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let length = file.read(&mut chunk[..room]).map_err(failed)?;
        if length == 0 {
            return Err(damaged(path, "it became shorter while it was read".to_owned()));
        }
        hash.update(&chunk[..length]);
        out.write_all(&chunk[..length]).map_err(StreamError::Write)?;
        left -= length as u64;
        progress.fetch_add(length as u64, Ordering::Relaxed);
    }
    pad(blob.size, out).map_err(StreamError::Write)?;
    if Digest::from_hash(&hash.finalize()) == blob.digest {
        return Ok(());
    }
    Err(damaged(path, "its content has another digest".to_owned()))
}

fn damaged(path: PathBuf, reason: String) -> StreamError {
    LayoutError::Damaged { path, reason }.into()
}

/// A plain file, as POSIX.1-1988 has it; the names are all short.
fn header(name: &[u8], size: u64) -> [u8; 512] {
    let mut header = tar::Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    *header.as_bytes()
}

fn pad(size: u64, out: &mut impl Write) -> io::Result<()> {
    let rest = usize::try_from(size % 512).unwrap_or(0);
    if rest == 0 { Ok(()) } else { out.write_all(&[0; 512][rest..]) }
}
