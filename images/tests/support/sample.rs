//! Small images made of numbers, and a registry in memory that keeps them honestly.

use super::server::{Reply, Request};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::{digest_like, sha256};
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Index, Manifest, Platform};
use std::collections::BTreeMap;
use std::path::Path;

pub const GZIP_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub const ZSTD_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
pub const FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";

/// Bytes that look random and are the same everywhere.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Content in the making: blobs, and documents in an order in which a registry takes them.
#[derive(Clone, Default)]
pub struct Sample {
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    pub documents: Vec<(Descriptor, Vec<u8>)>,
}

impl Sample {
    pub fn blob(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        self.blob_like(&sha256(b""), media_type, bytes)
    }

    pub fn blob_like(&mut self, like: &Digest, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let digest = digest_like(like, &bytes);
        let descriptor = Descriptor::new(media_type, digest.clone(), bytes.len() as u64);
        self.blobs.insert(digest, bytes);
        descriptor
    }

    pub fn document(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = Descriptor::new(media_type, sha256(&bytes), bytes.len() as u64);
        self.documents.push((descriptor.clone(), bytes));
        descriptor
    }

    pub fn manifest(&mut self, manifest: &Manifest) -> Descriptor {
        self.document(OCI_MANIFEST, manifest.to_bytes())
    }

    pub fn index(&mut self, entries: Vec<Descriptor>) -> Descriptor {
        self.document(OCI_INDEX, Index::of(entries).to_bytes())
    }

    pub fn image(&mut self, architecture: &str, layers: Vec<Descriptor>) -> Descriptor {
        let config =
            format!(r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}}}}"#);
        let config = self.blob(OCI_CONFIG, config.into_bytes());
        let mut descriptor = self.manifest(&Manifest::of(config, layers));
        descriptor.platform = Some(platform(architecture));
        descriptor
    }

    /// Two architectures that share a layer, of some hundred kilobytes.
    pub fn two_architectures(&mut self, seed: u64) -> Descriptor {
        let shared = self.blob(GZIP_LAYER, noise(seed, 300_000));
        let entries = ["amd64", "arm64"].into_iter().zip(1..).map(|(architecture, number)| {
            let own = self.blob(GZIP_LAYER, noise(seed + number, 100_000));
            self.image(architecture, vec![shared.clone(), own])
        });
        let entries = entries.collect();
        self.index(entries)
    }

    /// Answers as a registry that keeps all this in every repository, under the tag `1`.
    pub fn answer(&self, request: &Request) -> Reply {
        let path = request.path();
        if let Some((_, reference)) = path.split_once("/manifests/") {
            let named = self.documents.iter().find(|(descriptor, _)| descriptor.digest.as_str() == reference);
            let tagged = self.documents.last().filter(|_| reference == "1");
            return match named.or(tagged) {
                Some((descriptor, bytes)) => document(descriptor, bytes),
                None => Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#),
            };
        }
        let digest = path.split_once("/blobs/").and_then(|(_, digest)| digest.parse::<Digest>().ok());
        match digest.and_then(|digest| self.blobs.get(&digest)) {
            Some(bytes) => range(bytes, request.header("range")),
            None => Reply::new(404, r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown"}]}"#),
        }
    }
}

pub fn platform(architecture: &str) -> Platform {
    let (architecture, os) = (architecture.to_owned(), "linux".to_owned());
    Platform { architecture, os, os_version: None, os_features: Vec::new(), variant: None }
}

pub fn document(descriptor: &Descriptor, bytes: &[u8]) -> Reply {
    let reply = Reply::new(200, bytes).header("content-type", &descriptor.media_type);
    reply.header("docker-content-digest", descriptor.digest.as_str())
}

pub fn range(bytes: &[u8], wanted: Option<&str>) -> Reply {
    let start = wanted.and_then(|text| text.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match start {
        None => Reply::new(200, bytes),
        Some(start) if start < bytes.len() => {
            let range = format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len());
            Reply::new(206, &bytes[start..]).header("content-range", range)
        }
        Some(_) => Reply::new(416, ""),
    }
}

/// Every file below a folder with its bytes, by relative path.
pub fn snapshot(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            files.insert(format!("{name}/"), Vec::new());
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
}

/// Whatever has a blob's name has its digest.
pub fn assert_nothing_wrong(folder: &Path) {
    for (name, bytes) in snapshot(folder) {
        let Some(blob) = name.strip_prefix("blobs/").filter(|_| !name.ends_with('/')) else { continue };
        let (algorithm, digits) = blob.split_once('/').unwrap();
        if !digits.starts_with(".partial-") {
            let digest: Digest = format!("{algorithm}:{digits}").parse().unwrap();
            assert_eq!(digest_like(&digest, &bytes), digest, "{name} is stored under a wrong name");
        }
    }
}
