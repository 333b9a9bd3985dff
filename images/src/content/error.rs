//! Why a bundle can't be opened or read, and what to do.

use std::io;
use std::path::PathBuf;

use crate::digest::Digest;
use crate::layout::LayoutError;

/// A bundle that is not read any further.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The system refused.
    #[error("reading {path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Nothing is there.
    #[error(
        "there is no {path}; name a bundle (a folder, a tar, or NAME.chunks.json), or make one: kfimg bundle create"
    )]
    Absent {
        /// What was to be opened.
        path: PathBuf,
    },
    /// A delta without what it stands on.
    #[error(
        "{path} is a delta: it leaves {count} blobs, such as {digest}, to what it stands on; give that bundle as well"
    )]
    Unfounded {
        /// The delta.
        path: PathBuf,
        /// The first blob that is nowhere.
        digest: Digest,
        /// How many there are.
        count: usize,
    },
    /// It is no OCI image layout.
    #[error("{path} has no {file}: it is no bundle (an OCI image layout as a folder, a tar, or NAME.chunks.json)")]
    NoLayout {
        /// What was opened.
        path: PathBuf,
        /// The file that is absent.
        file: &'static str,
    },
    /// A link, a device, a socket or a folder where a bundle has a plain file, or a link where it has a folder.
    #[error("{path} is {found}; a bundle has plain files and folders only, so copy it with `cp -rL` or create it anew")]
    FileType {
        /// Which.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// A name below `blobs/` that is no digest.
    #[error("{path}: `{name}` is no blob's name ({reason}); blobs are named blobs/<algorithm>/<digits>")]
    BlobName {
        /// The bundle.
        path: PathBuf,
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// More files than any bundle has.
    #[error("{path} has more than {limit} files; it is no bundle of kfimg")]
    TooMany {
        /// The bundle.
        path: PathBuf,
        /// The bound.
        limit: usize,
    },
    /// A document is larger than it may be.
    #[error("{path}: {name} has {size} bytes, but at most {limit} are read")]
    TooLarge {
        /// The bundle.
        path: PathBuf,
        /// The document: a file name or a digest.
        name: String,
        /// Its size.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// A document is malformed.
    #[error("{path}: {name}: {reason}")]
    Format {
        /// The bundle.
        path: PathBuf,
        /// The document.
        name: String,
        /// In the reader's words.
        reason: String,
    },
    /// An index or a manifest is not what it should be.
    #[error("{path}: {name} {error}")]
    Document {
        /// The bundle.
        path: PathBuf,
        /// The document: a file name or a digest.
        name: String,
        /// What is wrong.
        error: LayoutError,
    },
    /// A blob is not here.
    #[error("{path} does not have the blob {digest}; create the bundle again, or look for the one it stands on")]
    Missing {
        /// The bundle.
        path: PathBuf,
        /// Which blob.
        digest: Digest,
    },
    /// A blob's bytes are not those of its digest.
    #[error("{path}: the blob {digest} is damaged: its bytes are those of {found}; fetch it again")]
    Damaged {
        /// The bundle.
        path: PathBuf,
        /// Which blob.
        digest: Digest,
        /// The digest of what lies there.
        found: Digest,
    },
    /// The tar is refused.
    #[error("{path}: at byte {offset}: {problem}")]
    Tar {
        /// The archive.
        path: PathBuf,
        /// Where the entry's header begins.
        offset: u64,
        /// What is wrong.
        problem: TarProblem,
    },
    /// A chunk is absent or has another size than its manifest says.
    #[error("{path}: {reason}; copy it again, or let parity chunks rebuild it with `kfimg bundle repair`")]
    Chunk {
        /// The chunk.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What is wrong with an entry of a tar.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TarProblem {
    /// The archive ends too early.
    #[error("the archive ends in the middle; copy it again")]
    Truncated,
    /// The header's checksum is wrong.
    #[error("the header's checksum is wrong: this is no tar, or it is damaged; copy it again")]
    Checksum,
    /// The header is neither ustar, PAX nor GNU.
    #[error("this is no header of a ustar, PAX or GNU archive")]
    Magic,
    /// A number in the header can't be read.
    #[error("the header's {0} is no number")]
    Number(&'static str),
    /// A link, a device, a sparse file or an unknown kind of entry.
    #[error("`{name}` is {kind}; a bundle has plain files and folders only")]
    Kind {
        /// The entry.
        name: String,
        /// What it is.
        kind: String,
    },
    /// A path that leads out of the archive.
    #[error(
        "the name `{0}` is not one of a bundle: absolute, with `..`, an empty part or a control character, too long, or not UTF-8"
    )]
    Name(String),
    /// A file that no bundle has.
    #[error("`{0}` is no file of a bundle")]
    Unexpected(String),
    /// Two entries of one name.
    #[error("`{0}` occurs twice")]
    Duplicate(String),
    /// The size stands there twice, and differs.
    #[error("`{name}` has {header} bytes by its header and {extended} by its PAX record")]
    Sizes {
        /// The entry.
        name: String,
        /// The header's size.
        header: u64,
        /// The record's size.
        extended: u64,
    },
    /// An extended header that is malformed or too large.
    #[error("an extended header is refused: {0}")]
    Extended(String),
    /// Bytes after the archive's end.
    #[error("something follows the end of the archive")]
    Trailing,
}
