//! Catalogs: which image and which host program belongs to which Kubernetes minor version.
//!
//! The data is `images/catalog/v1.NN.yaml`, embedded and parsed once. A catalog names versions; it holds no digests (the
//! lock does) and fetches nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::catalog_file::{CatalogFile, ChecksumAlgorithm, HostPartLine, ImageLine, SupportLine};
use crate::component::{Architecture, Component, HostPart};
use crate::reference::{Reference, ReferenceError};

/// The embedded files, oldest minor first.
const FILES: [(&str, &str); 3] = [
    ("v1.34.yaml", include_str!("../catalog/v1.34.yaml")),
    ("v1.35.yaml", include_str!("../catalog/v1.35.yaml")),
    ("v1.36.yaml", include_str!("../catalog/v1.36.yaml")),
];

static CATALOGS: LazyLock<Vec<Catalog>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|(name, text)| Catalog::parse(name, text).expect("every embedded catalog is parsed by this crate's tests"))
        .collect()
});

/// Stands for the Kubernetes version that a cluster asks for, such as `1.36.3`.
const KUBERNETES_VERSION: &str = "{kubernetesVersion}";
/// Stands for the version of the entry that it occurs in.
const VERSION: &str = "{version}";
/// Stands for an [`Architecture`].
const ARCHITECTURE: &str = "{architecture}";

/// Everything that belongs to one Kubernetes minor version. Each [`Component`] and [`HostPart`] is present exactly once.
#[derive(Debug)]
pub struct Catalog {
    minor: (u32, u32),
    tested_patch: u32,
    support: Support,
    images: BTreeMap<Component, CatalogImage>,
    host_parts: BTreeMap<HostPart, HostPartLine>,
}

/// Until when the Kubernetes project corrects a minor version, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Support {
    /// The last second of the last day, in UTC. The version goes on working after it, and gets no patch releases any more.
    pub end: Timestamp,
    /// Address of the page that says so.
    pub source: String,
}

/// One image of a catalog.
#[derive(Debug)]
pub struct CatalogImage {
    reference: Reference,
    architectures: Vec<Architecture>,
    source: String,
}

/// A host program at one version for one architecture, and where to have it from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Which program.
    pub part: HostPart,
    /// Its version without a leading `v`.
    pub version: String,
    /// The file that upstream publishes.
    pub url: String,
    /// The text file with the file's digest: one bare digest, or lines of `digest  file name`.
    pub checksum_url: String,
    /// `sha256` or `sha512`, the algorithm of that digest.
    pub checksum_algorithm: &'static str,
}

/// Why a catalog is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("catalog {file}: {kind}")]
pub struct CatalogError {
    /// The name of the file.
    pub file: String,
    /// What is wrong.
    pub kind: CatalogErrorKind,
}

/// The kinds of [`CatalogError`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogErrorKind {
    /// The YAML is malformed, or has an unknown or missing key.
    #[error("{0}")]
    Yaml(String),
    /// `apiVersion` and `kind` are others.
    #[error("is {0}; this kfimg reads kfimg/v1alpha1 Catalog")]
    Format(String),
    /// `kubernetesMinor` is not of the form `1.36`.
    #[error("kubernetesMinor is `{0}`; write the two numbers, such as \"1.36\"")]
    Minor(String),
    /// `support` is not what it should be.
    #[error("support: {0}")]
    Support(String),
    /// An entry stands there twice.
    #[error("`{0}` stands there twice; keep one")]
    Twice(&'static str),
    /// An entry is missing.
    #[error("`{0}` is missing; add it")]
    Missing(&'static str),
    /// A repository or tag is wrong.
    #[error("{0}")]
    Reference(#[from] ReferenceError),
    /// A version, tag or address lacks its placeholder, or has one that means nothing there.
    #[error("`{name}`: `{text}` {remedy}")]
    Placeholder {
        /// The entry.
        name: &'static str,
        /// What was written.
        text: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The list of architectures is empty.
    #[error("`{0}` has no architecture; list those that upstream publishes")]
    NoArchitecture(&'static str),
}

impl Catalog {
    /// The catalog of a minor version such as `(1, 36)`, or `None` when kfimg doesn't support it.
    #[must_use]
    pub fn for_version(minor: (u32, u32)) -> Option<&'static Self> {
        CATALOGS.iter().find(|catalog| catalog.minor == minor)
    }

    /// All supported minor versions, oldest first.
    #[must_use]
    pub fn supported() -> Vec<(u32, u32)> {
        CATALOGS.iter().map(Self::minor).collect()
    }

    /// The catalog of the newest supported minor version.
    ///
    /// # Panics
    /// Never: at least one catalog is embedded.
    #[must_use]
    pub fn newest() -> &'static Self {
        CATALOGS.last().expect("at least one catalog is embedded")
    }

    /// Reads a catalog from YAML; `file` is the name that errors show.
    ///
    /// # Errors
    /// [`CatalogError`] for malformed YAML, unknown keys, bad references, missing or double entries.
    pub fn parse(file: &str, text: &str) -> Result<Self, CatalogError> {
        serde_saphyr::from_str::<CatalogFile>(text)
            .map_err(|error| CatalogErrorKind::Yaml(error.to_string()))
            .and_then(Self::check)
            .map_err(|kind| CatalogError { file: file.to_owned(), kind })
    }

    fn check(file: CatalogFile) -> Result<Self, CatalogErrorKind> {
        let format = format!("{} {}", file.api_version, file.kind);
        if format != "kfimg/v1alpha1 Catalog" {
            return Err(CatalogErrorKind::Format(format));
        }
        let minor = read_minor(&file.kubernetes_minor).ok_or(CatalogErrorKind::Minor(file.kubernetes_minor))?;
        let support = Support::check(file.support).map_err(CatalogErrorKind::Support)?;
        let mut images = BTreeMap::new();
        for line in file.images {
            let component = line.component;
            if images.insert(component, CatalogImage::check(line, minor, file.tested_patch)?).is_some() {
                return Err(CatalogErrorKind::Twice(component.as_str()));
            }
        }
        let mut host_parts = BTreeMap::new();
        for line in file.host_parts {
            check_host_part(&line)?;
            if let Some(former) = host_parts.insert(line.part, line) {
                return Err(CatalogErrorKind::Twice(former.part.as_str()));
            }
        }
        require_all(Component::ALL, &images, Component::as_str)?;
        require_all(HostPart::ALL, &host_parts, HostPart::as_str)?;
        Ok(Self { minor, tested_patch: file.tested_patch, support, images, host_parts })
    }

    /// The Kubernetes minor version, such as `(1, 36)`.
    #[must_use]
    pub fn minor(&self) -> (u32, u32) {
        self.minor
    }

    /// The patch release that kfimg was tested with: the 3 of `1.36.3`.
    #[must_use]
    pub fn tested_patch(&self) -> u32 {
        self.tested_patch
    }

    /// The Kubernetes version that kfimg was tested with, such as `1.36.3`.
    #[must_use]
    pub fn tested_version(&self) -> String {
        self.version(self.tested_patch)
    }

    /// Until when the Kubernetes project corrects this minor version.
    #[must_use]
    pub fn support(&self) -> &Support {
        &self.support
    }

    /// The image of a component in the patch release `patch` of this minor version.
    ///
    /// Only the images that [follow Kubernetes](Component::follows_kubernetes) differ between patch releases.
    #[must_use]
    pub fn image(&self, component: Component, patch: u32) -> Reference {
        let reference = &self.images[&component].reference;
        if component.follows_kubernetes() {
            reference.at_tag(format!("v{}", self.version(patch)))
        } else {
            reference.clone()
        }
    }

    /// The entry of a component: its architectures, and where its version comes from.
    #[must_use]
    pub fn entry(&self, component: Component) -> &CatalogImage {
        &self.images[&component]
    }

    /// A host program in the patch release `patch`, or `None` when upstream doesn't publish it for that architecture.
    #[must_use]
    pub fn artifact(&self, part: HostPart, patch: u32, architecture: Architecture) -> Option<Artifact> {
        let line = &self.host_parts[&part];
        let version = line.version.replace(KUBERNETES_VERSION, &self.version(patch));
        let fill = |pattern: &str| pattern.replace(VERSION, &version).replace(ARCHITECTURE, architecture.as_str());
        line.architectures.contains(&architecture).then(|| Artifact {
            part,
            url: fill(&line.url),
            checksum_url: fill(&line.checksum.url),
            checksum_algorithm: match line.checksum.algorithm {
                ChecksumAlgorithm::Sha256 => "sha256",
                ChecksumAlgorithm::Sha512 => "sha512",
            },
            version: version.clone(),
        })
    }

    /// Where the version of a host program comes from.
    #[must_use]
    pub fn artifact_source(&self, part: HostPart) -> &str {
        &self.host_parts[&part].source
    }

    fn version(&self, patch: u32) -> String {
        format!("{}.{}.{patch}", self.minor.0, self.minor.1)
    }
}

impl Support {
    fn check(line: SupportLine) -> Result<Self, String> {
        if !line.source.starts_with("https://") {
            return Err(format!("the source `{}` is no https:// address", line.source));
        }
        let end = line.end.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
        Ok(Self { end: end.timestamp(), source: line.source })
    }
}

impl CatalogImage {
    /// The architectures that upstream publishes.
    #[must_use]
    pub fn architectures(&self) -> &[Architecture] {
        &self.architectures
    }

    /// Where the version comes from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    fn check(line: ImageLine, minor: (u32, u32), patch: u32) -> Result<Self, CatalogErrorKind> {
        let name = line.component.as_str();
        check_follows(name, &line.tag, "v{kubernetesVersion}", line.component.follows_kubernetes())?;
        if line.architectures.is_empty() {
            return Err(CatalogErrorKind::NoArchitecture(name));
        }
        let tag = line.tag.replace(KUBERNETES_VERSION, &format!("{}.{}.{patch}", minor.0, minor.1));
        let reference = format!("{}:{tag}", line.repository).parse()?;
        Ok(Self { reference, architectures: line.architectures, source: line.source })
    }
}

fn check_host_part(line: &HostPartLine) -> Result<(), CatalogErrorKind> {
    let name = line.part.as_str();
    check_follows(name, &line.version, KUBERNETES_VERSION, line.part.follows_kubernetes())?;
    if line.architectures.is_empty() {
        return Err(CatalogErrorKind::NoArchitecture(name));
    }
    if !line.url.contains(ARCHITECTURE) {
        let remedy = "lacks {architecture}; name the file of each architecture";
        return Err(CatalogErrorKind::Placeholder { name, text: line.url.clone(), remedy });
    }
    for url in [&line.url, &line.checksum.url] {
        if !url.starts_with("https://") || !url.contains(VERSION) {
            let remedy = "is no https:// address with {version}";
            return Err(CatalogErrorKind::Placeholder { name, text: url.clone(), remedy });
        }
    }
    Ok(())
}

/// What follows Kubernetes has exactly the pattern, everything else has a version of its own.
fn check_follows(name: &'static str, text: &str, pattern: &str, follows: bool) -> Result<(), CatalogErrorKind> {
    let remedy = match (follows, text == pattern) {
        (true, false) => "must be the Kubernetes version: write {kubernetesVersion}, in tags v{kubernetesVersion}",
        (false, _) if text.contains('{') => "has a placeholder; write the version itself",
        _ => return Ok(()),
    };
    Err(CatalogErrorKind::Placeholder { name, text: text.to_owned(), remedy })
}

fn require_all<K: Ord + Copy, V>(
    all: &[K],
    present: &BTreeMap<K, V>,
    name: fn(K) -> &'static str,
) -> Result<(), CatalogErrorKind> {
    match all.iter().find(|key| !present.contains_key(key)) {
        Some(key) => Err(CatalogErrorKind::Missing(name(*key))),
        None => Ok(()),
    }
}

fn read_minor(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests;
