//! The storage of the registry, written directly: the layout of `distribution`'s file system driver
//! (`registry/storage/paths.go` of distribution 3). Images can be added while the registry runs.

use super::Reference;
use crate::Result;
use crate::programs::cache;
use data_encoding::HEXLOWER;
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// The registry's storage.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
}

/// A blob that is in the storage.
pub(super) struct Blob {
    pub(super) digest: String,
    size: u64,
}

impl Blob {
    fn descriptor(&self, kind: &str) -> Value {
        json!({ "mediaType": kind, "digest": self.digest, "size": self.size })
    }
}

impl Store {
    /// The one in the cache, which all labs share.
    pub fn open() -> Self {
        Self { folder: cache().join("registry") }
    }

    /// Its folder: `rootdirectory` of the registry's configuration.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of a blob, by its digest.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.trim_start_matches("sha256:");
        self.top().join("blobs/sha256").join(hex.get(..2).unwrap_or(hex)).join(hex).join("data")
    }

    /// A path for a file that is being written.
    pub(super) fn temporary(&self) -> PathBuf {
        self.folder.join(format!("partial-{}", std::process::id()))
    }

    /// Whether this image was packed from these inputs.
    pub(super) fn is_packed(&self, reference: &Reference, key: &str) -> bool {
        fs::read_to_string(self.record(reference)).is_ok_and(|kept| kept == key)
    }

    /// Adds a file.
    pub(super) fn add_file(&self, path: &Path) -> Result<Blob> {
        let (digest, size) = digest(path)?;
        let target = self.blob(&digest);
        if !target.exists() {
            let partial = self.prepare(&target)?;
            fs::copy(path, &partial)?;
            fs::rename(partial, target)?;
        }
        Ok(Blob { digest, size })
    }

    /// Adds a document.
    pub(super) fn add_json(&self, value: &Value) -> Result<Blob> {
        let text = value.to_string();
        let digest = format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(&text)));
        let target = self.blob(&digest);
        let partial = self.prepare(&target)?;
        fs::write(&partial, &text)?;
        fs::rename(partial, target)?;
        Ok(Blob { digest, size: text.len() as u64 })
    }

    /// Gives the image its name.
    pub(super) fn publish(&self, reference: &Reference, config: &Blob, layers: &[Blob], key: &str) -> Result<()> {
        let descriptors: Vec<Value> = layers.iter().map(|layer| layer.descriptor(LAYER)).collect();
        let manifest = self.add_json(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(CONFIG),
            "layers": descriptors,
        }))?;
        let repository = self.repository(reference);
        for blob in layers.iter().chain([config]) {
            link(&repository.join("_layers").join(place(&blob.digest)), &blob.digest)?;
        }
        let manifests = repository.join("_manifests");
        let tag = manifests.join("tags").join(&reference.tag);
        link(&manifests.join("revisions").join(place(&manifest.digest)), &manifest.digest)?;
        link(&tag.join("index").join(place(&manifest.digest)), &manifest.digest)?;
        link(&repository.join(current(reference)), &manifest.digest)?;
        let record = self.record(reference);
        self.prepare(&record)?;
        Ok(fs::write(record, key)?)
    }

    fn top(&self) -> PathBuf {
        self.folder.join("docker/registry/v2")
    }

    fn repository(&self, reference: &Reference) -> PathBuf {
        self.top().join("repositories").join(&reference.repository)
    }

    /// Where it is written down what an image was packed from.
    fn record(&self, reference: &Reference) -> PathBuf {
        self.folder.join("packed").join(&reference.repository).join(&reference.tag)
    }

    /// Makes the folder of a file; gives a path in it for the time of writing.
    fn prepare(&self, target: &Path) -> Result<PathBuf> {
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(target.with_extension(format!("partial-{}", std::process::id())))
    }
}

fn current(reference: &Reference) -> PathBuf {
    Path::new("_manifests/tags").join(&reference.tag).join("current/link")
}

/// `sha256:<hex>` -> `sha256/<hex>/link`.
fn place(digest: &str) -> String {
    format!("{}/link", digest.replace(':', "/"))
}

/// A link of the registry: a file with a digest.
fn link(path: &Path, digest: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(fs::write(path, digest)?)
}

fn digest(path: &Path) -> Result<(String, u64)> {
    let mut file = fs::File::open(path)?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((format!("sha256:{}", HEXLOWER.encode(&hash.finalize())), size));
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
}
