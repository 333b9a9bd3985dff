//! What can be wrong with the output folder, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why the output could not be written. The former output is whole.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A file operation failed.
    #[error("{action} {}: {source}{}", .path.display(), remedy(.source))]
    Io {
        /// What was tried, as a gerund.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder that should hold the output is not there.
    #[error("{}: there is no folder {} to put the output into; create it, or choose another -o", .target.display(), .parent.display())]
    NoParent {
        /// The output.
        target: PathBuf,
        /// The missing folder.
        parent: PathBuf,
    },
    /// The output has no name of its own: `.` or `..` or `/`.
    #[error("{}: an output is replaced as a whole, so it needs a name of its own, such as -o out", .target.display())]
    Unnamed {
        /// The output.
        target: PathBuf,
    },
    /// The output is no folder.
    #[error("{} is {what}, not a folder; remove it, or choose another -o", .path.display())]
    NotFolder {
        /// The output.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The folder has contents of somebody else's.
    #[error(
        "{} holds {path}, which kfimg did not write and would remove; move it away, or choose another -o", .target.display()
    )]
    Foreign {
        /// The output.
        target: PathBuf,
        /// The first such path below it.
        path: String,
    },
    /// Another process writes there.
    #[error("{} is being written by another kfimg; wait for it to end", .target.display())]
    InUse {
        /// The output.
        target: PathBuf,
    },
    /// The former output's manifest cannot be read.
    #[error("{}: {reason}; kfimg takes the folder for somebody else's: move it away, or choose another -o", .path.display())]
    DamagedManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no output to read.
    #[error("{}: {reason}", .path.display())]
    NoOutput {
        /// The folder.
        path: PathBuf,
        /// What it is instead.
        reason: &'static str,
    },
    /// The manifest of an output to read cannot be read.
    #[error("{}: {reason}; render again with the kfimg that reads it", .path.display())]
    UnreadableManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of an output is not there.
    #[error("{}: the file is missing; take the whole output, or render again", .path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// An output was rendered without a file.
    #[error("{}: this output was rendered without this file; render with the channel that brings it", .path.display())]
    NotRendered {
        /// The file.
        path: PathBuf,
    },
    /// A file of an output was changed.
    #[error("{}: the file is not what manifest.json says; take the whole output, or render again", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// What sort of failure it is; the command line makes an exit code of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Something that must be there or be free is not.
    Input,
    /// What lies there is not what it should be.
    Verification,
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// What sort of failure it is.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Io { .. }
            | Self::Unnamed { .. }
            | Self::NoParent { .. }
            | Self::InUse { .. }
            | Self::NoOutput { .. }
            | Self::NotRendered { .. }
            | Self::Missing { .. } => Kind::Input,
            Self::NotFolder { .. }
            | Self::Foreign { .. }
            | Self::DamagedManifest { .. }
            | Self::UnreadableManifest { .. }
            | Self::Damaged { .. } => Kind::Verification,
        }
    }
}

/// What to do about the usual refusals of a file system.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room (the former output is whole), or choose another -o"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; choose a folder that you may write to with -o"
        }
        _ => "",
    }
}
