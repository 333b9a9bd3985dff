//! Files of this machine that travel with a bundle: kfimg itself, the image of an operating system.

use std::path::PathBuf;

use super::artifact::{self, About};
use super::{BINARY_TYPE, FILE_TYPE};
use crate::component::Architecture;
use crate::hasher::Hasher;
use crate::layout::Descriptor;
use crate::lock::Pin;
use crate::reference::{Reference, ReferenceError};
use crate::stop;
use crate::store::{Store, StoreError};

/// The host under which files stand in a bundle.
const HOST: &str = "kfimg.invalid/file";

/// A file of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalFile {
    /// What it is called in the bundle: a part of a repository's name.
    pub name: String,
    /// Its version: a tag.
    pub version: String,
    /// For which machines, where it matters.
    pub architecture: Option<Architecture>,
    /// Whether it is a program.
    pub is_program: bool,
    /// Where it lies.
    pub path: PathBuf,
}

/// Why a file did not come into the bundle.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// It cannot be read.
    #[error("reading {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Name and version make no reference.
    #[error("{name}={}: {error}", path.display())]
    Name {
        /// As it was given.
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: ReferenceError,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl LocalFile {
    /// The name in a bundle: `kfimg.invalid/file/kfimg:0.1.0-amd64`.
    ///
    /// # Errors
    /// [`AttachError::Name`].
    pub fn reference(&self) -> Result<Reference, AttachError> {
        let suffix = self.architecture.map(|one| format!("-{one}")).unwrap_or_default();
        format!("{HOST}/{}:{}{suffix}", self.name, self.version).parse().map_err(|error| AttachError::Name {
            name: self.name.clone(),
            path: self.path.clone(),
            error,
        })
    }
}

/// Puts a file into the store as an artifact, and lists it in `index.json`. It is read twice, so that what is stored is what was hashed.
///
/// # Errors
/// [`AttachError`]; a file that changes meanwhile is one.
pub fn attach(store: &Store, file: &LocalFile) -> Result<Descriptor, AttachError> {
    let reference = file.reference()?;
    let read = |source| {
        if stop::is_stop(&source) {
            return AttachError::Store(StoreError::Stopped);
        }
        AttachError::Read { path: file.path.clone(), source }
    };
    let open = || std::fs::File::open(&file.path).map(|file| store.stop().reader(file)).map_err(read);
    let mut hasher = Hasher::sha256();
    let size = hasher.read(open()?).map_err(read)?;
    let pin = Pin { digest: hasher.finish(), size };
    if let Some(mut ingest) = store.ingest(&pin.digest, size)? {
        // What an earlier run left of it is not told from other bytes here.
        ingest.restart()?;
        let copied = std::io::copy(&mut open()?, &mut ingest);
        copied.map_err(|error| error.downcast::<StoreError>().map_or_else(read, AttachError::Store))?;
        ingest.commit()?;
    }
    let title = file.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let layer = artifact::layer(&title, &pin);
    let about = About {
        kind: if file.is_program { BINARY_TYPE } else { FILE_TYPE },
        name: &file.name,
        version: &file.version,
        architecture: file.architecture,
    };
    let descriptor = artifact::write(store, &about, &reference, layer)?;
    store.set_index(std::slice::from_ref(&descriptor))?;
    Ok(descriptor)
}
