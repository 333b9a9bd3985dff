//! Why a build ended, and what to do.

use crate::output::{OutputError, OutputErrorKind, remedy};
use crate::tree::{PathError, TreeError};
use kfimg_images::content::ContentError;
use kfimg_images::stop::is_stop;
use std::io;
use std::path::{Path, PathBuf};

/// A build that did not come to its end. Nothing of its output is published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
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
    /// The base can't be used.
    #[error("the base {base}: {reason}")]
    Base {
        /// As it was given.
        base: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// An archive of the base is refused.
    #[error("{place}: at byte {offset}: {problem}")]
    Archive {
        /// The archive.
        place: String,
        /// Where the entry's header begins.
        offset: u64,
        /// What is wrong.
        problem: ArchiveProblem,
    },
    /// The base or the bundle is damaged or is no layout.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The bundle lacks a part, or has it twice.
    #[error("the bundle {}: {reason}", .bundle.display())]
    Bundle {
        /// Where it lies.
        bundle: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// kfimg's own content does not fit into the base.
    #[error("adding {path} to the image: {error}")]
    Tree {
        /// Path in the image.
        path: String,
        /// Why not.
        error: TreeError,
    },
    /// The image failed lints; each finding is told by the report.
    #[error("the image is refused: {0}; nothing was written")]
    Refused(String),
    /// Another program is missing or failed.
    #[error("{program}: {reason}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Its own words, or the package that brings it.
        reason: String,
    },
    /// An output can't be written.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// The request contradicts itself.
    #[error("{0}")]
    Usage(String),
    /// Somebody asked to stop.
    #[error("stopped; nothing was written")]
    Stopped,
}

/// What is wrong with an entry of an archive.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ArchiveProblem {
    /// It can't be read, or is no tar.
    #[error("this is no tar, or it is damaged: {0}; copy it again")]
    Damaged(String),
    /// It ends too early.
    #[error("the archive ends in the middle; copy it again")]
    Truncated,
    /// A name that leads elsewhere.
    #[error(transparent)]
    Name(#[from] PathError),
    /// It does not fit into the tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file of one archive that occurs twice.
    #[error("`{0}` occurs twice")]
    Twice(String),
    /// A hard link to something that is no file.
    #[error("`{path}` is a hard link to `{target}`, which is no file before it")]
    HardLink {
        /// The link.
        path: String,
        /// What it names.
        target: String,
    },
    /// An entry of a kind that no system has.
    #[error("`{path}` is {kind}")]
    Kind {
        /// The entry.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// An extended header that is malformed, too large or contradicts the header.
    #[error("an extended header is refused: {0}")]
    Extended(String),
}

/// What sort of failure it is; the command line makes an exit code of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// The command line asks for what cannot be.
    Usage,
    /// Something that must be there is not, or can't be written.
    Input,
    /// What is there is not what it should be.
    Verification,
    /// Another program is missing or failed.
    Program,
    /// Somebody asked to stop.
    Stopped,
}

impl Error {
    /// For `map_err`: a file operation that failed, or that somebody asked to end.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| if is_stop(&source) { Self::Stopped } else { Self::Io { action, path: path.to_owned(), source } }
    }

    pub(crate) fn base(base: &str, reason: impl Into<String>) -> Self {
        Self::Base { base: base.to_owned(), reason: reason.into() }
    }

    pub(crate) fn tree(path: &str) -> impl FnOnce(TreeError) -> Self {
        move |error| Self::Tree { path: format!("/{path}"), error }
    }

    /// What sort of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        use ContentError as Content;
        match self {
            Self::Usage(_) => ErrorKind::Usage,
            Self::Io { .. } | Self::Bundle { .. } => ErrorKind::Input,
            Self::Content(
                Content::Read { .. } | Content::Absent { .. } | Content::NoLayout { .. } | Content::Missing { .. },
            ) => ErrorKind::Input,
            Self::Base { .. } | Self::Archive { .. } | Self::Content(_) | Self::Refused(_) | Self::Tree { .. } => {
                ErrorKind::Verification
            }
            Self::Program { .. } => ErrorKind::Program,
            Self::Output(error) => match error.kind() {
                OutputErrorKind::Usage => ErrorKind::Usage,
                OutputErrorKind::Missing | OutputErrorKind::Writing => ErrorKind::Input,
                OutputErrorKind::Invalid => ErrorKind::Verification,
                OutputErrorKind::Program => ErrorKind::Program,
                OutputErrorKind::Stopped => ErrorKind::Stopped,
            },
            Self::Stopped => ErrorKind::Stopped,
        }
    }
}
