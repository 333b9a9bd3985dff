//! [`FakeBundle`]: small bundles for tests, of any shape that registries have seen.
//!
//! Its layers are no archives and nothing of it ever runs. It panics where a test would.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::content::bundle_manifest::FORMAT_VERSION;
use crate::content::{BLOBS_FOLDER, BUNDLE_FILE, BundleManifest, BundledImage, INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT};
use crate::digest::Digest;
use crate::hasher::{digest_like, sha256};
use crate::layout::media_type::{EMPTY, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use crate::layout::{Descriptor, Index, Manifest, Platform, REFERENCE_ANNOTATION};

/// The type of the layers.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A bundle in the making, as a folder.
#[derive(Debug)]
pub struct FakeBundle {
    folder: PathBuf,
    entries: Vec<Descriptor>,
    blobs: BTreeMap<Digest, u64>,
}

impl FakeBundle {
    /// Begins a bundle in a folder, which is created.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        write(&folder.join(LAYOUT_FILE), LAYOUT_TEXT.as_bytes());
        Self { folder: folder.to_owned(), entries: Vec::new(), blobs: BTreeMap::new() }
    }

    /// A whole small bundle: `registry.k8s.io/pause:3.10.2` for two architectures, `docker.io/library/nginx:1.29` for one,
    /// a signature of the latter, and a binary as an artifact.
    pub fn fake(folder: &Path) -> Self {
        let mut bundle = Self::new(folder);
        let amd64 = bundle.image("amd64", &[b"pause for amd64"]);
        let arm64 = bundle.image("arm64", &[b"pause for arm64"]);
        bundle.index("registry.k8s.io/pause:3.10.2", vec![amd64, arm64]);
        let nginx = bundle.image("amd64", &[b"the base", b"the server", &[7; 70_000]]);
        bundle.name("docker.io/library/nginx:1.29", nginx.clone());
        let signature = bundle.artifact("application/vnd.example.signature.v1", b"signed", Some(nginx));
        bundle.unnamed(signature);
        let kubelet = bundle.artifact("application/vnd.kfimg.binary.v1", b"#!kubelet", None);
        bundle.name("kfimg.invalid/binary/kubelet:v1.36.3", kubelet);
        bundle.finish();
        bundle
    }

    /// Stores some bytes under their SHA-256.
    pub fn blob(&mut self, bytes: &[u8]) -> Digest {
        self.blob_as(&sha256(bytes), bytes)
    }

    /// Stores some bytes under a digest of the algorithm of `like`.
    pub fn blob_as(&mut self, like: &Digest, bytes: &[u8]) -> Digest {
        let digest = digest_like(like, bytes);
        write(&self.path(&digest), bytes);
        self.blobs.insert(digest.clone(), bytes.len() as u64);
        digest
    }

    /// Stores an image for Linux, without naming it.
    pub fn image(&mut self, architecture: &str, layers: &[&[u8]]) -> Descriptor {
        let config = format!(r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers"}}}}"#);
        let config = self.stored(OCI_CONFIG, config.as_bytes());
        let layers = layers.iter().map(|bytes| self.stored(LAYER, bytes)).collect();
        let mut image = self.stored(OCI_MANIFEST, &Manifest::of(config, layers).to_bytes());
        image.platform = Some(Platform {
            architecture: architecture.to_owned(),
            os: "linux".to_owned(),
            os_version: None,
            os_features: Vec::new(),
            variant: None,
        });
        image
    }

    /// Stores an artifact of one file, without naming it.
    pub fn artifact(&mut self, artifact_type: &str, bytes: &[u8], subject: Option<Descriptor>) -> Descriptor {
        let config = self.stored(EMPTY, b"{}");
        let layer = self.stored("application/octet-stream", bytes);
        let mut manifest = Manifest::of(config, vec![layer]);
        manifest.artifact_type = Some(artifact_type.to_owned());
        manifest.subject = subject.map(|of| Descriptor::new(&of.media_type, of.digest, of.size));
        let mut artifact = self.stored(OCI_MANIFEST, &manifest.to_bytes());
        artifact.artifact_type = Some(artifact_type.to_owned());
        artifact
    }

    /// Stores an index and names it.
    pub fn index(&mut self, reference: &str, children: Vec<Descriptor>) -> Descriptor {
        let index = self.stored(OCI_INDEX, &Index::of(children).to_bytes());
        self.name(reference, index.clone());
        index
    }

    /// Stores some bytes and describes them.
    pub fn stored(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        Descriptor::new(media_type, self.blob(bytes), bytes.len() as u64)
    }

    /// Enters content into `index.json` under a reference.
    pub fn name(&mut self, reference: &str, mut content: Descriptor) {
        content.annotations.insert(REFERENCE_ANNOTATION.to_owned(), reference.to_owned());
        self.entries.push(content);
    }

    /// Enters content in the place of what had this reference.
    pub fn replace(&mut self, reference: &str, content: Descriptor) {
        self.entries.retain(|entry| entry.reference() != Some(reference));
        self.name(reference, content);
    }

    /// Enters content into `index.json` without a reference, as referrers are.
    pub fn unnamed(&mut self, content: Descriptor) {
        self.entries.push(content);
    }

    /// Writes `index.json` and `bundle.json`. May be called again after changes.
    pub fn finish(&self) {
        let index = Index::of(self.entries.clone()).to_bytes();
        write(&self.folder.join(INDEX_FILE), &index);
        write(&self.folder.join(BUNDLE_FILE), &self.manifest(&index).to_bytes());
    }

    /// What `bundle.json` says with this `index.json`.
    #[must_use]
    pub fn manifest(&self, index: &[u8]) -> BundleManifest {
        let named = self.entries.iter().filter_map(|entry| Some((entry.reference()?.to_owned(), entry)));
        let platforms: BTreeSet<String> =
            self.entries.iter().filter_map(|e| e.platform.as_ref()).map(|p| p.to_string()).collect();
        let image = |entry: &Descriptor| BundledImage {
            digest: entry.digest.clone(),
            size: entry.size,
            platforms: platforms.iter().cloned().collect(),
        };
        BundleManifest {
            format_version: FORMAT_VERSION,
            kubernetes_version: Some("v1.36.3".to_owned()),
            architectures: vec!["amd64".to_owned()],
            index: Some(sha256(index)),
            images: named.map(|(reference, entry)| (reference, image(entry))).collect(),
            blobs: self.blobs.len() as u64,
            bytes: self.blobs.values().sum(),
            since: None,
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a blob lies, so that a test can damage it.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.folder.join(BLOBS_FOLDER).join(digest.algorithm()).join(digest.hexadecimal())
    }
}

fn write(path: &Path, bytes: &[u8]) {
    let folder = path.parent().expect("a file of a bundle lies in a folder");
    std::fs::create_dir_all(folder).expect("a test's folder is writable");
    std::fs::write(path, bytes).expect("a test's folder is writable");
}
