//! Everything that can end a command, and the exit code that it ends with.

use crate::output;
use kfimg_ignition::content::ContentError;
use kfimg_images::serve::ServeError;
use kfimg_profiles::check::UpgradeError;
use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// What each exit code means; the README has the same list.
pub(crate) const EXIT_CODES: [(u8, &str); 10] = [
    (0, "Done"),
    (1, "A bug"),
    (2, "The command line is wrong"),
    (3, "The description is wrong"),
    (4, "An input is missing"),
    (5, "Verification failed"),
    (6, "Another program is missing or failed"),
    (7, "The network failed"),
    (8, "Differences were found, and --exit-code asked for them"),
    (STOPPED, "Stopped by Ctrl-C"),
];

/// As shells count a program that SIGINT ended.
const STOPPED: u8 = 130;

/// Why a command did not do what it was asked for.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// The description is wrong or an input is missing; the problems are printed already.
    #[error("{summary}")]
    Description {
        /// How many problems there are.
        summary: String,
        /// Whether the only problem is that an input is missing.
        missing_input: bool,
    },
    /// Payloads that do not fit into their channels; each is printed already.
    #[error("{summary}")]
    TooLarge {
        /// How many there are.
        summary: String,
    },
    /// What payloads are to be sealed with is no key.
    #[error("{0}")]
    Seal(String),
    /// The state folder.
    #[error(transparent)]
    State(#[from] kfimg_pki::Error),
    /// The output folder.
    #[error(transparent)]
    Output(#[from] output::Error),
    /// The Kubernetes version may not follow the one that the cluster has.
    #[error("kubernetesVersion: {0}")]
    Upgrade(#[from] UpgradeError),
    /// A node's content could not be written.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// A bundle.
    #[error(transparent)]
    Bundle(#[from] kfimg_images::content::ContentError),
    /// The registry.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// TFTP or DHCP.
    #[error(transparent)]
    Boot(#[from] kfimg_delivery::BindError),
    /// A file or stream outside the output.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a gerund.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file would be overwritten.
    #[error("{} exists already and was left as it is; choose another folder", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Images, a bundle or a registry.
    #[error("{error}")]
    Images {
        /// What kind of trouble.
        trouble: Trouble,
        /// What is wrong, and what to do.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A bundle lacks what nodes will ask for; the gaps are printed already.
    #[error("{summary}")]
    Unproven {
        /// How many gaps there are.
        summary: String,
    },
    /// Outputs of `kfimg render` are missing or damaged; the files are named already.
    #[error("{summary}")]
    Outputs {
        /// How many there are.
        summary: String,
        /// Whether something is missing and nothing is damaged.
        missing_input: bool,
    },
    /// Two outputs differ, and whoever asks wants to know by the exit code. Nothing is said.
    #[error("the outputs differ")]
    Differs,
    /// Nodes fail checks of the CIS benchmark; they are printed already.
    #[error("{summary}")]
    Cis {
        /// How many checks fail.
        summary: String,
    },
    /// A tree that no render makes.
    #[error(transparent)]
    Tree(#[from] kfimg_ignition::cis::ReadError),
    /// Another program is missing or failed.
    #[error("{program}: {reason}")]
    Program {
        /// Its name.
        program: &'static str,
        /// For what it was started, and its own words.
        reason: String,
    },
    /// A build of an image.
    #[error(transparent)]
    Build(#[from] kfimg_builder::Error),
    /// Somebody pressed Ctrl-C. What was being written is taken away.
    #[error("stopped; nothing was written")]
    Stopped,
    /// A name that is not there to choose from.
    #[error("{0}")]
    Usage(String),
}

/// What an error about images means to whoever ran the command. What is first is graver.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Trouble {
    /// The command line asks for what cannot be.
    Usage,
    /// Content is damaged, missing, or not what was promised.
    Verification,
    /// A file is missing, or cannot be used.
    Input,
    /// A registry or a web server.
    Network,
    /// Somebody pressed Ctrl-C.
    Stopped,
}

impl Failure {
    pub(crate) fn images(trouble: Trouble, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Images { trouble, error: error.into() }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    /// The exit code, as the README lists them.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Images { trouble, .. } => match trouble {
                Trouble::Usage => 2,
                Trouble::Input => 4,
                Trouble::Verification => 5,
                Trouble::Network => 7,
                Trouble::Stopped => STOPPED,
            },
            Self::Stopped => STOPPED,
            Self::Description { missing_input: false, .. } => 3,
            Self::Description { missing_input: true, .. } | Self::Io { .. } | Self::Exists { .. } => 4,
            Self::Unproven { .. } | Self::Cis { .. } => 5,
            Self::Outputs { missing_input: true, .. } => 4,
            Self::Outputs { missing_input: false, .. } => 5,
            Self::Differs => 8,
            Self::Program { .. } => 6,
            Self::Output(error) => match error.kind() {
                output::Kind::Input => 4,
                output::Kind::Verification => 5,
            },
            Self::State(error) => match error.kind() {
                kfimg_pki::Kind::Bug => 1,
                kfimg_pki::Kind::Description => 3,
                kfimg_pki::Kind::Input => 4,
                kfimg_pki::Kind::Stopped => STOPPED,
                // What lies in the state folder is not what it should be.
                _ => 5,
            },
            Self::TooLarge { .. } | Self::Seal(_) | Self::Upgrade(_) | Self::Content(ContentError::Image { .. }) => 3,
            Self::Build(error) => match error.kind() {
                kfimg_builder::ErrorKind::Usage => 2,
                kfimg_builder::ErrorKind::Input => 4,
                kfimg_builder::ErrorKind::Verification => 5,
                kfimg_builder::ErrorKind::Program => 6,
                kfimg_builder::ErrorKind::Stopped => STOPPED,
            },
            Self::Bundle(error) if is_missing(error) => 4,
            Self::Bundle(_) => 5,
            Self::Serve(ServeError::Listen { .. }) | Self::Boot(_) => 7,
            Self::Serve(ServeError::Tls(_)) => 4,
            Self::Content(_) | Self::Tree(_) | Self::Serve(ServeError::Runtime(_)) => 1,
        }
    }
}

/// What is not there, or only in part, is missing input; what is there and wrong did not pass verification.
pub(crate) fn is_missing(error: &kfimg_images::content::ContentError) -> bool {
    use kfimg_images::content::ContentError as Error;
    matches!(
        error,
        Error::Read { .. }
            | Error::Absent { .. }
            | Error::NoLayout { .. }
            | Error::Missing { .. }
            | Error::Unfounded { .. }
    )
}

/// A panic is a bug: it ends with exit code 1 and says what to do about it.
pub(crate) fn explain_panics() {
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("kfimg has a bug: {panic}\nPlease report it with this line and the command that you ran.");
        std::process::exit(1);
    }));
}
