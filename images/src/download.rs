//! Brings host programs (kubelet, containerd, CNI plugins, …) into a [`Store`], each as an OCI artifact.
//!
//! The file is the artifact's only layer and lies under the digest that its project publishes, so `sha256sum` and the project's
//! own checksum file agree with the bundle. It comes from a mirror that has the artifact, else from the project's web server or a mirror
//! of that, and is fetched as blobs of images are: resumed, bounded, verified while it is written,
//! redirected by the same rules. No login is sent to web servers. Files of this machine join them as they are: [`attach`].
//!
//! Nothing is unpacked here.

mod artifact;
mod checksum;
mod error;
mod local;
mod source;

use std::collections::BTreeMap;

use crate::catalog::Artifact;
use crate::component::Architecture;
use crate::digest::Digest;
use crate::layout::Descriptor;
use crate::lock::Pin;
use crate::parallel;
use crate::pull::{Event, Events, Fault, Fetcher, Options, Outcome, Problem, PullError};
use crate::reference::Reference;
use crate::registry::{Registries, RegistryError, WebFile};
use crate::store::Store;
use crate::transfer::Transfer;

use artifact::About;
pub use artifact::{ARCHITECTURE_ANNOTATION, BINARY_TYPE, FILE_TYPE, NAME_ANNOTATION, VERSION_ANNOTATION};
use error::Failed;
pub use error::{DownloadError, DownloadFailure, DownloadProblem};
pub use local::{AttachError, LocalFile, attach};
use source::{Mirrored, Source};

/// The host under which artifacts stand in a bundle; it can never be one of an upstream (RFC 6761).
const HOST: &str = "kfimg.invalid/binary";
/// The host of all names that are no image's.
const FILES: &str = "kfimg.invalid/";
/// Most bytes of a host program; the largest has some hundred million.
const LARGEST: u64 = 4 << 30;
/// Most bytes of a file of checksums.
const CHECKSUMS: u64 = 1 << 20;
/// Most files at a time.
const MOST_WORKERS: usize = 32;

/// A host program for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Which version, and where to have it from.
    pub artifact: Artifact,
    /// For which machines.
    pub architecture: Architecture,
}

/// A host program in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downloaded {
    /// Its name in the bundle.
    pub reference: Reference,
    /// The file itself.
    pub file: Pin,
    /// What `index.json` lists.
    pub descriptor: Descriptor,
}

/// What a download brought.
#[derive(Clone, Debug, Default)]
pub struct Downloads {
    /// The programs, in the order in which they were wanted.
    pub binaries: Vec<Downloaded>,
    /// Bytes of files that came over the network.
    pub received: u64,
}

impl Binary {
    /// The name in a bundle: `kfimg.invalid/binary/kubelet:v1.36.3-amd64`. A `+` of the version, which no tag has, becomes `_`.
    ///
    /// # Errors
    /// [`DownloadProblem::Name`] for a version that fits no tag.
    pub fn reference(&self) -> Result<Reference, DownloadProblem> {
        let Artifact { part, version, .. } = &self.artifact;
        let text = format!("{HOST}/{part}:v{}-{}", version.replace('+', "_"), self.architecture);
        text.parse().map_err(DownloadProblem::Name)
    }

    /// The name of the file upstream.
    #[must_use]
    pub fn file_name(&self) -> &str {
        self.artifact.url.rsplit('/').next().unwrap_or_default()
    }
}

/// Whether a name in a bundle is that of a file, and not of an image.
#[must_use]
pub fn is_file(name: &str) -> bool {
    name.starts_with(FILES)
}

/// Downloads all `wanted` host programs, at most [`Options::workers`] at a time, and lists them in the store's `index.json`.
///
/// `pins` are the files that a lock knows; for the others the project's checksum file is asked.
///
/// # Errors
/// [`DownloadError::Incomplete`] names every one that could not be had, after all others are listed; [`DownloadError::Store`] and
/// [`DownloadError::Stopped`] when nothing further can be had.
pub fn download(
    store: &Store,
    registries: &Registries,
    wanted: &[Binary],
    pins: &BTreeMap<Reference, Pin>,
    options: &Options,
    events: &Events<'_>,
) -> Result<Downloads, DownloadError> {
    let store = store.clone().with_stop(registries.stop().clone());
    let task = Task { store: &store, registries, pins, options, events };
    let outcomes = parallel::each(wanted, options.workers.clamp(1, MOST_WORKERS), |binary| task.bring(binary));
    let (mut downloads, mut failures) = (Downloads::default(), Vec::new());
    for (binary, outcome) in wanted.iter().zip(outcomes) {
        match outcome {
            Ok((downloaded, received)) => {
                downloads.binaries.push(downloaded);
                downloads.received += received;
            }
            Err(Failed::Stopped) => return Err(DownloadError::Stopped),
            Err(Failed::Store(error)) => return Err(DownloadError::Store(error)),
            Err(Failed::Problem(problem)) => failures.push(DownloadFailure { binary: binary.clone(), problem }),
        }
    }
    let entries: Vec<Descriptor> = downloads.binaries.iter().map(|one| one.descriptor.clone()).collect();
    store.set_index(&entries)?;
    if failures.is_empty() { Ok(downloads) } else { Err(DownloadError::Incomplete(failures)) }
}

/// What all files have in common.
#[derive(Clone, Copy)]
struct Task<'a> {
    store: &'a Store,
    registries: &'a Registries,
    pins: &'a BTreeMap<Reference, Pin>,
    options: &'a Options,
    events: &'a Events<'a>,
}

impl Task<'_> {
    fn bring(self, binary: &Binary) -> Result<(Downloaded, u64), Failed> {
        let reference = binary.reference()?;
        let (file, sources) = self.locate(binary, &reference)?;
        if file.size > LARGEST {
            return Err(DownloadProblem::TooLarge { size: file.size, limit: LARGEST }.into());
        }
        let layer = artifact::layer(binary.file_name(), &file);
        let fetcher = Fetcher { store: self.store, events: self.events };
        let (digest, size) = (&layer.digest, layer.size);
        (self.events)(Event::Blob(Transfer::Planned { digest, size, name: &reference.to_string() }));
        let received = match self.options.is_elsewhere(&layer) {
            true => {
                (self.events)(Event::Blob(Transfer::Present { digest, size }));
                0
            }
            false => fetched(fetcher.blob(&layer, &sources)?),
        };
        let about = About {
            kind: BINARY_TYPE,
            name: binary.artifact.part.as_str(),
            version: &binary.artifact.version,
            architecture: Some(binary.architecture),
        };
        let descriptor = artifact::write(self.store, &about, &reference, layer)?;
        Ok((Downloaded { reference, file, descriptor }, received))
    }

    /// Which file it is, and who may have it: nobody, when it lies here or on the far side already.
    fn locate(self, binary: &Binary, reference: &Reference) -> Result<(Pin, Vec<Source>), Failed> {
        let Mirrored { found, problem } = source::mirrored(self.registries, reference)?;
        let web = self.registries.files(&binary.artifact.url)?;
        let file = match (self.pins.get(reference), &found) {
            (Some(pin), _) | (None, Some((_, pin))) => pin.clone(),
            (None, None) if web.is_empty() => return Err(problem.unwrap_or_else(source::nobody).into()),
            (None, None) => self.published(binary)?,
        };
        let mirror = found.filter(|(_, pin)| *pin == file).map(|(place, _)| Source::Registry(place));
        let sources: Vec<Source> = mirror.into_iter().chain(web.into_iter().map(Source::Web)).collect();
        let layer = artifact::layer(binary.file_name(), &file);
        if sources.is_empty() && !self.options.is_elsewhere(&layer) && self.stored(&file.digest)?.is_none() {
            return Err(problem.unwrap_or_else(source::nobody).into());
        }
        Ok((file, sources))
    }

    /// Digest and size as the project and its server tell them.
    fn published(self, binary: &Binary) -> Result<Pin, Failed> {
        let Artifact { checksum_url, checksum_algorithm, url, .. } = &binary.artifact;
        let text = source::first(&self.registries.files(checksum_url)?, |file| file.read_small(CHECKSUMS))?;
        let digest = checksum::find(&text, checksum_algorithm, binary.file_name())
            .map_err(|reason| DownloadProblem::Checksum { url: checksum_url.clone(), reason })?;
        let size = match self.stored(&digest)? {
            Some(size) => size,
            None => source::first(&self.registries.files(url)?, WebFile::size)?,
        };
        Ok(Pin { digest, size })
    }

    /// The size of a blob that is there and right.
    fn stored(self, digest: &Digest) -> Result<Option<u64>, Failed> {
        let Ok(about) = std::fs::symlink_metadata(self.store.path(digest)) else { return Ok(None) };
        Ok(self.store.is_intact(digest, about.len())?.then_some(about.len()))
    }
}

fn fetched(outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Fetched(bytes) => bytes,
        Outcome::Present | Outcome::Foreign => 0,
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Image(problem) => Self::Problem(problem.into()),
            Fault::All(PullError::Store(error)) => Self::Store(error),
            Fault::All(_) => Self::Stopped,
        }
    }
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Stopped => Self::Stopped,
            other => Self::Problem(Problem::Registry(other.into()).into()),
        }
    }
}

#[cfg(test)]
mod tests;
