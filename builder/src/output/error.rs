//! Why an output could not be made.

use kfimg_images::stop::is_stop;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an output could not be made. Nothing of it is left then.
#[derive(Debug, Error)]
pub enum OutputError {
    /// A file.
    #[error("{action} {}: {source}{}", .path.display(), remedy(.source))]
    Io {
        /// What was tried, as a gerund.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The base has no systemd-stub.
    #[error(
        "the base has no {place}, which disks and ISOs boot by: install {package} in the base, or leave out the outputs \
         that boot by UEFI"
    )]
    NoStub {
        /// Where it was looked for.
        place: &'static str,
        /// What brings it on Debian and Ubuntu.
        package: &'static str,
    },
    /// A part is not what it has to be.
    #[error("{}: {problem}", .path.display())]
    Part {
        /// The part.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// A value of the parts is not what it has to be.
    #[error("{what} {value:?}: {problem}")]
    Value {
        /// What it is.
        what: &'static str,
        /// How it reads.
        value: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Something does not fit where it has to.
    #[error("{what} has {} bytes, and {needs} needs at least {least}: say at least {}", .room, mebibytes(.least))]
    TooSmall {
        /// What is too small.
        what: &'static str,
        /// What has to fit.
        needs: String,
        /// Bytes that there are.
        room: u64,
        /// Bytes that there have to be.
        least: u64,
    },
    /// A program is not installed.
    #[error("{program} is missing, and {purpose}: install the package {package}")]
    NoProgram {
        /// Its name.
        program: &'static str,
        /// What needs it.
        purpose: &'static str,
        /// What brings it on Debian and Ubuntu.
        package: &'static str,
    },
    /// A program failed.
    #[error("{program} ended with {status} while {action}; it said: {said}")]
    Program {
        /// Its name.
        program: &'static str,
        /// What it was to do, as a gerund.
        action: &'static str,
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// A program hangs, and was ended.
    #[error(
        "{program} has shown no sign of life for {seconds} s while {action}, and was ended: look at the disk that it writes to"
    )]
    Silent {
        /// Its name.
        program: &'static str,
        /// What it was to do, as a gerund.
        action: &'static str,
        /// How long nothing happened.
        seconds: u64,
    },
    /// A key or certificate that outputs are signed with. Its content is never told.
    #[error("{}: {problem}", .path.display())]
    Signer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// Somebody asked to stop.
    #[error("stopped; nothing was written")]
    Stopped,
}

/// Kinds of trouble, for exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutputErrorKind {
    /// Something was asked for that can't be: a size, a name, a key.
    Usage,
    /// An input is missing or unreadable.
    Missing,
    /// A part is not what it has to be.
    Invalid,
    /// Another program is missing or failed.
    Program,
    /// Writing failed.
    Writing,
    /// Somebody asked to stop.
    Stopped,
}

impl OutputError {
    /// The kind of trouble.
    #[must_use]
    pub fn kind(&self) -> OutputErrorKind {
        match self {
            Self::TooSmall { .. } | Self::Value { .. } | Self::Signer { .. } => OutputErrorKind::Usage,
            Self::NoStub { .. } => OutputErrorKind::Missing,
            Self::Part { .. } => OutputErrorKind::Invalid,
            Self::NoProgram { .. } | Self::Program { .. } | Self::Silent { .. } => OutputErrorKind::Program,
            Self::Stopped => OutputErrorKind::Stopped,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => OutputErrorKind::Missing,
            Self::Io { .. } => OutputErrorKind::Writing,
        }
    }

    /// For `map_err`: a file operation that failed, or that somebody asked to end.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| if is_stop(&source) { Self::Stopped } else { Self::Io { action, path, source } }
    }

    pub(crate) fn part(path: &Path, problem: impl Into<String>) -> Self {
        Self::Part { path: path.to_owned(), problem: problem.into() }
    }
}

/// What to do about the usual refusals of a file system.
pub(crate) fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; make room or choose another -o (a build needs three times the size of its base, and each output its own)"
        }
        io::ErrorKind::PermissionDenied => "; let the user who builds read it, or choose another place",
        _ => "",
    }
}

fn mebibytes(bytes: &u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}
