//! Reads a bundle: an OCI image layout (`image-layout.md`), as every OCI tool writes it.
//!
//! Only names, manifests and indexes are read here, each checked against its digest; layers are read by [`super::stream`].

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most bytes of `index.json`, of a manifest and of an index; containerd's own limit for the latter is little less.
const INDEX_LIMIT: u64 = 16 << 20;
const MANIFEST_LIMIT: u64 = 4 << 20;
/// An index may name indexes; deeper than this nobody nests them.
const DEPTH: u32 = 3;
/// Annotations that may carry the whole reference: the specification's, and containerd's.
const NAMES: [&str; 2] = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/// Media types of indexes; everything else in their place is a manifest.
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];

/// What an image needs and what a bundle has, does not fit together.
#[derive(Debug, thiserror::Error)]
pub(super) enum LayoutError {
    /// A file that can't be read.
    #[error("reading {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is larger than it may be.
    #[error("{path} is larger than {limit} bytes")]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The bound.
        limit: u64,
    },
    /// A file that is not what its place says.
    #[error("{path}: {reason}")]
    Format {
        /// Which.
        path: PathBuf,
        /// In the reader's words.
        reason: String,
    },
    /// A blob whose content or size is not its descriptor's.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An index without a manifest for this machine.
    #[error("{digest} has no image for linux/{architecture}")]
    Platform {
        /// Of the index or manifest.
        digest: Digest,
        /// This machine's.
        architecture: &'static str,
    },
}

/// A descriptor (`descriptor.md`), as far as it is needed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    /// What it is.
    pub(super) media_type: String,
    /// Its digest.
    pub(super) digest: Digest,
    /// Its size in bytes.
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    /// Free texts, among them its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Platform {
    architecture: String,
    os: String,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default, deserialize_with = "known")]
    manifests: Vec<Descriptor>,
}

/// Entries that mean nothing here (another kind of digest) must not hide the others.
fn known<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    let entries = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

/// The part of an image's configuration that says where it runs.
#[derive(Deserialize)]
struct Configuration {
    architecture: String,
    os: String,
}

/// A bundle.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    folder: PathBuf,
    entries: Vec<Descriptor>,
}

/// An image of a bundle, and all that this machine needs of it.
#[derive(Clone, Debug)]
pub(super) struct Image {
    /// What its name stands for: a manifest, or an index.
    pub(super) target: Descriptor,
    /// The target and everything below it: manifest, configuration, layers.
    pub(super) blobs: Vec<Descriptor>,
}

impl Layout {
    /// Opens the layout in a folder.
    ///
    /// # Errors
    /// [`LayoutError`] when its `index.json` can't be used.
    pub(super) fn open(folder: &Path) -> Result<Self, LayoutError> {
        let path = folder.join("index.json");
        let index: Index = parse(&path, &read(&path, INDEX_LIMIT)?)?;
        Ok(Self { folder: folder.to_owned(), entries: index.manifests })
    }

    /// The image of this name, or of this digest where one is asked for; [`None`] when the bundle has none.
    ///
    /// # Errors
    /// [`LayoutError`] when it is there and can't be used.
    pub(super) fn image(&self, reference: &str, digest: Option<&str>) -> Result<Option<Image>, LayoutError> {
        let named = |entry: &&Descriptor| {
            NAMES.iter().any(|name| entry.annotations.get(*name).is_some_and(|text| text == reference))
        };
        let wanted = |entry: &&Descriptor| match digest {
            Some(digest) => entry.digest.to_string() == digest,
            None => named(entry),
        };
        let fits = |entry: &&Descriptor| entry.platform.as_ref().is_none_or(Platform::is_this);
        let below = || digest.and_then(|digest| self.below(&self.entries, digest, DEPTH));
        let Some(target) = self.entries.iter().filter(wanted).find(fits).cloned().or_else(below) else {
            return Ok(None);
        };
        let mut blobs = vec![target.clone()];
        self.collect(&target, &mut blobs, DEPTH)?;
        Ok(Some(Image { target, blobs }))
    }

    /// A manifest or index of this digest below these. An index that can't be read is another image's misfortune.
    fn below(&self, entries: &[Descriptor], digest: &str, depth: u32) -> Option<Descriptor> {
        let indexes = entries.iter().filter(|entry| INDEXES.contains(&entry.media_type.as_str()));
        let children = indexes.filter_map(|entry| {
            let index: Index = parse(&self.blob(&entry.digest), &self.small(entry).ok()?).ok()?;
            Some(index.manifests)
        });
        let children: Vec<Descriptor> = children.flatten().collect();
        let found = children.iter().find(|child| child.digest.to_string() == digest).cloned();
        match depth.checked_sub(1) {
            Some(depth) if found.is_none() && !children.is_empty() => self.below(&children, digest, depth),
            _ => found,
        }
    }

    /// Path of a blob.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        self.folder.join("blobs/sha256").join(digest.hex())
    }

    /// Adds what is below a manifest or index.
    fn collect(&self, target: &Descriptor, blobs: &mut Vec<Descriptor>, depth: u32) -> Result<(), LayoutError> {
        let path = self.blob(&target.digest);
        let text = self.small(target)?;
        if !INDEXES.contains(&target.media_type.as_str()) {
            let manifest: Manifest = parse(&path, &text)?;
            self.check_platform(&manifest.config)?;
            blobs.push(manifest.config);
            blobs.extend(manifest.layers);
            return Ok(());
        }
        let index: Index = parse(&path, &text)?;
        let fits = |entry: &&Descriptor| entry.platform.as_ref().is_some_and(Platform::is_this);
        let (digest, architecture) = (target.digest.clone(), architecture());
        match index.manifests.iter().find(fits) {
            Some(child) if depth > 0 => {
                blobs.push(child.clone());
                self.collect(child, blobs, depth - 1)
            }
            _ => Err(LayoutError::Platform { digest, architecture }),
        }
    }

    fn check_platform(&self, config: &Descriptor) -> Result<(), LayoutError> {
        let path = self.blob(&config.digest);
        let Configuration { architecture, os } = parse(&path, &self.small(config)?)?;
        if (Platform { architecture, os }).is_this() {
            return Ok(());
        }
        Err(LayoutError::Platform { digest: config.digest.clone(), architecture: self::architecture() })
    }

    /// A blob that is read as a whole, and is what its digest says.
    fn small(&self, descriptor: &Descriptor) -> Result<Vec<u8>, LayoutError> {
        let path = self.blob(&descriptor.digest);
        let text = read(&path, MANIFEST_LIMIT)?;
        if Digest::of(&text) == descriptor.digest {
            return Ok(text);
        }
        Err(LayoutError::Damaged { path, reason: "its content has another digest".to_owned() })
    }
}

impl Platform {
    /// Whether it runs here. Variants are left out: the only architectures are amd64 and arm64, and what the second has
    /// more than one of (v8, v9) still runs.
    fn is_this(&self) -> bool {
        self.os == "linux" && self.architecture == architecture()
    }
}

/// This machine's, in Go's words.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Opens a plain file. A pipe or a device on somebody's stick would be read for ever.
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    let flags = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("it is no plain file")) }
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LayoutError> {
    let failed = |source| LayoutError::Read { path: path.to_owned(), source };
    let mut text = Vec::new();
    open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut text)).map_err(failed)?;
    if text.len() as u64 <= limit { Ok(text) } else { Err(LayoutError::TooLarge { path: path.to_owned(), limit }) }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path, text: &[u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(text)
        .map_err(|error| LayoutError::Format { path: path.to_owned(), reason: error.to_string() })
}
