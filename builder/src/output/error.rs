//! Why an output could not be made.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why an output could not be made. Nothing of it is left then.
#[derive(Debug, Error)]
pub enum OutputError {
    /// A file.
    #[error("{action} {}: {source}", .path.display())]
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
    /// A key or certificate that outputs are signed with. Its content is never told.
    #[error("{}: {problem}", .path.display())]
    Signer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
}

/// Kinds of trouble, for exit codes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutputErrorKind {
    /// Something was asked for that can't be: a size, a name, a key.
    Usage,
    /// An input or a program is missing or unreadable.
    Missing,
    /// A part is not what it has to be.
    Invalid,
    /// Another program failed.
    Program,
    /// Writing failed.
    Writing,
}

impl OutputError {
    /// The kind of trouble.
    #[must_use]
    pub fn kind(&self) -> OutputErrorKind {
        match self {
            Self::TooSmall { .. } | Self::Value { .. } | Self::Signer { .. } => OutputErrorKind::Usage,
            Self::NoStub { .. } | Self::NoProgram { .. } => OutputErrorKind::Missing,
            Self::Part { .. } => OutputErrorKind::Invalid,
            Self::Program { .. } => OutputErrorKind::Program,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => OutputErrorKind::Missing,
            Self::Io { .. } => OutputErrorKind::Writing,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn part(path: &Path, problem: impl Into<String>) -> Self {
        Self::Part { path: path.to_owned(), problem: problem.into() }
    }
}

fn mebibytes(bytes: &u64) -> String {
    format!("{}Mi", bytes.div_ceil(1 << 20))
}
