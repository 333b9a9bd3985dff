//! What can go wrong with the state folder and with authorities that people bring.
//!
//! No message holds key material: only paths, names, dates and fingerprints.

use std::io;
use std::path::{Path, PathBuf};

/// What sort of failure it is; the command line maps these to exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The cluster description asks for something impossible.
    Description,
    /// A file or folder is missing, locked or cannot be read or written.
    Input,
    /// The state folder or a brought authority does not hold what it should.
    Verification,
    /// A fault of this program.
    Bug,
    /// Whoever watched wished it.
    Stopped,
}

/// A failure of this crate, with the path or the certificate that it concerns and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a gerund.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process works on this state.
    #[error("{} is locked by {holder} since at least {waited_seconds} s; wait until it ends, or end it if it hangs", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who holds it.
        holder: String,
        /// How long this process waited.
        waited_seconds: u64,
    },
    /// No state where one must exist.
    #[error("there is no state in {}; `kfimg render` makes it, or name the right folder with --state", path.display())]
    NoState {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds something that is not a state.
    #[error("{} is not a kfimg state folder (it has no state.json but holds {entry:?}); name an empty or new folder with --state, or put state.json back from a backup", path.display())]
    NotAState {
        /// The folder.
        path: PathBuf,
        /// The first entry that does not belong there.
        entry: String,
    },
    /// The state belongs to another cluster.
    #[error("{} is the state of cluster {found:?}, not of {wanted:?}; name the right folder with --state", path.display())]
    OtherCluster {
        /// The folder.
        path: PathBuf,
        /// Whose state it is.
        found: String,
        /// Which cluster was asked for.
        wanted: String,
    },
    /// The state was written by a newer kfimg.
    #[error("{} has format {found}, and this kfimg reads up to {supported}; use the newer kfimg that wrote it", path.display())]
    NewerFormat {
        /// state.json.
        path: PathBuf,
        /// Its format number.
        found: u64,
        /// The newest that this program reads.
        supported: u64,
    },
    /// A recorded file is not there.
    #[error("{} is missing, though state.json lists it; put it back from a backup", path.display())]
    MissingFile {
        /// The file.
        path: PathBuf,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged: {reason}; put it back from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file lies where a new one must go.
    #[error("{} exists, but state.json does not list it; move it away", path.display())]
    Unrecorded {
        /// The file or folder.
        path: PathBuf,
    },
    /// A symbolic link, device, pipe or folder where a plain file must be, or the reverse.
    #[error("{} is {found}, not {wanted}; put the real one there", path.display())]
    WrongFileType {
        /// The entry.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it must be.
        wanted: &'static str,
    },
    /// Others may read or change it.
    #[error("{} has mode {mode:04o}, others may get at its keys; check who read them, then: chmod {wanted:04o} {}", path.display(), path.display())]
    TooPermissive {
        /// The file or folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// What they must be.
        wanted: u32,
    },
    /// Somebody else owns it.
    #[error("{} belongs to uid {owner}, but kfimg runs as uid {runs_as}; run it as the owner, or chown the whole folder", path.display())]
    WrongOwner {
        /// The file or folder.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who runs this program.
        runs_as: u32,
    },
    /// A brought authority cannot be used.
    #[error("the {ca} CA from {source_files} cannot be used: {reason}")]
    UnusableCa {
        /// Which authority.
        ca: &'static str,
        /// The files that it came from.
        source_files: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The description brings another authority than the state has.
    #[error("the description brings a {ca} CA with SHA-256 {brought}, but {} holds one with {held}; every node trusts the one in the state: take the new one out of the description, or start a new cluster with another --state", path.display())]
    CaChanged {
        /// Which authority.
        ca: &'static str,
        /// The state's certificate file.
        path: PathBuf,
        /// Fingerprint of what the description brings.
        brought: String,
        /// Fingerprint of what the state holds.
        held: String,
    },
    /// A leaf would outlive its authority.
    #[error(
        "certificates signed by the {ca} CA would last until {leaf_ends}, but the CA ends {ca_ends}; set a shorter leaf window, or use a CA that lasts longer"
    )]
    BeyondCa {
        /// Which authority.
        ca: &'static str,
        /// End of the leaf.
        leaf_ends: String,
        /// End of the authority.
        ca_ends: String,
    },
    /// Authorities or certificates have ended.
    #[error("expired: {}; run `kfimg pki renew`, then render and boot the nodes one after the other", list.join(", "))]
    Expired {
        /// Each with the day on which it ended.
        list: Vec<String>,
    },
    /// Authorities have ended, so nothing that they sign would be good.
    #[error("authorities have ended: {}; what they sign is worth nothing, and they cannot be renewed: start a new cluster with another --state", list.join(", "))]
    AuthorityEnded {
        /// Each with the day on which it ended.
        list: Vec<String>,
    },
    /// A node has no certificate that could be renewed.
    #[error("{node} has no certificates yet; `kfimg render` makes them")]
    NoCertificates {
        /// The node.
        node: String,
    },
    /// An authority starts in the future.
    #[error("the {ca} CA is not valid before {starts}; set this machine's clock, or wait")]
    NotYetValid {
        /// Which authority.
        ca: &'static str,
        /// Its first moment.
        starts: String,
    },
    /// A name cannot be put into a certificate.
    #[error("{name:?} cannot be written into certificate {certificate}: {reason}")]
    UnusableName {
        /// The name.
        name: String,
        /// Which certificate.
        certificate: String,
        /// Why.
        reason: String,
    },
    /// Whoever watched does not wait any more ([`crate::Watch::is_stopped`]).
    #[error("stopped; nothing was written")]
    Stopped,
    /// Credentials were asked for a node or part that the request does not have.
    #[error("there are no credentials for {0}; this is a fault of kfimg")]
    NoCredentials(String),
    /// The cryptographic library refused something that must work.
    #[error("{action} failed: {reason}; this is a fault of kfimg or of this machine's random numbers")]
    Crypto {
        /// What was tried.
        action: &'static str,
        /// What the library said.
        reason: String,
    },
}

impl Error {
    /// What sort of failure it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Io { .. }
            | Self::Locked { .. }
            | Self::NoState { .. }
            | Self::MissingFile { .. }
            | Self::NoCertificates { .. } => Kind::Input,
            Self::UnusableCa { .. } | Self::BeyondCa { .. } | Self::UnusableName { .. } | Self::CaChanged { .. } => {
                Kind::Description
            }
            Self::NoCredentials(_) | Self::Crypto { .. } => Kind::Bug,
            Self::Stopped => Kind::Stopped,
            _ => Kind::Verification,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_path_buf(), reason: reason.into() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "so that it fits `map_err` with any library's error")]
    pub(crate) fn crypto(action: &'static str, reason: impl ToString) -> Self {
        Self::Crypto { action, reason: reason.to_string() }
    }
}
