//! One thing in a tree: what it is, whose, and where its bytes lie.

use kfimg_images::HostPart;
use kfimg_images::content::Extent;
use std::io::Read;
use std::sync::Arc;

/// A file, a folder, a link or a device.
#[derive(Clone, Debug)]
pub struct Node {
    /// Permissions with the set-id and sticky bits: 0o7777 at most.
    pub mode: u32,
    /// Number of the owner.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
    /// Last change in seconds since 1970.
    pub mtime: u64,
    /// Extended attributes (`xattr(7)`), sorted by name.
    pub attributes: Vec<(String, Vec<u8>)>,
    /// What it is.
    pub kind: Kind,
    /// Who brought it.
    pub origin: Origin,
    /// The layer of the base that brought it, from 0.
    pub layer: u32,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file; hard links share their content.
    File(Arc<FileContent>),
    /// A symbolic link and what it says.
    Link(String),
    /// A device.
    Device {
        /// Whether it is a block device, else a character device.
        block: bool,
        /// Its major number.
        major: u32,
        /// Its minor number.
        minor: u32,
    },
    /// A named pipe.
    Pipe,
}

/// Who brought a node; the size report tells them apart.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Origin {
    /// The base system.
    Base,
    /// A host program of the bundle.
    Part(HostPart),
    /// kfimg's agent.
    Agent,
    /// Images of the bundle.
    Images,
    /// kfimg's own settings.
    Settings,
}

/// Where the bytes of a file lie.
#[derive(Clone, Debug)]
pub enum FileContent {
    /// In memory: what kfimg itself writes.
    Bytes(Vec<u8>),
    /// In a file that nobody changes meanwhile: an archive, a blob, the spool.
    Extent(Extent),
}

impl FileContent {
    /// Bytes in all.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Extent(extent) => extent.size(),
        }
    }

    /// A reader from the first byte to the last.
    #[must_use]
    pub fn reader(&self) -> Box<dyn Read + '_> {
        match self {
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
            Self::Extent(extent) => Box::new(extent.reader()),
        }
    }

    /// At most the first `most` bytes.
    ///
    /// # Errors
    /// Those of reading.
    pub fn head(&self, most: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.reader().take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Node {
    /// A folder of root's that kfimg adds.
    #[must_use]
    pub fn folder(mode: u32) -> Self {
        Self::own(mode, Kind::Folder)
    }

    /// A file of root's that kfimg adds.
    #[must_use]
    pub fn file(mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self::own(mode, Kind::File(Arc::new(FileContent::Bytes(bytes.into()))))
    }

    /// A file of root's whose bytes lie elsewhere.
    #[must_use]
    pub fn stored(mode: u32, extent: Extent, origin: Origin) -> Self {
        Self { origin, ..Self::own(mode, Kind::File(Arc::new(FileContent::Extent(extent)))) }
    }

    /// A symbolic link that kfimg adds.
    #[must_use]
    pub fn link(target: &str) -> Self {
        Self::own(0o777, Kind::Link(target.to_owned()))
    }

    fn own(mode: u32, kind: Kind) -> Self {
        // A time after all others: the writer lowers it to the build's own.
        let mtime = u64::MAX;
        Self { mode, uid: 0, gid: 0, mtime, attributes: Vec::new(), kind, origin: Origin::Settings, layer: u32::MAX }
    }

    /// Whether it is a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder)
    }

    /// The content of a file.
    #[must_use]
    pub fn content(&self) -> Option<&Arc<FileContent>> {
        match &self.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }
    }

    /// Bytes of a file's content, 0 for everything else.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.content().map_or(0, |content| content.size())
    }
}
