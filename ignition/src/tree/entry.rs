//! What can lie at a path of a node, and what a node has beside paths.

use super::NodePath;
use std::fmt;

/// One thing at one path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A file.
    File(File),
    /// A folder with a mode of its own.
    Directory(Directory),
    /// A symbolic link.
    Link(Link),
}

impl Entry {
    /// Hands every part to `field`, in a fixed order.
    pub(super) fn hash(&self, field: &mut impl FnMut(&[u8])) {
        match self {
            Self::File(file) => {
                field(format!("file {:o} {} {}", file.mode, file.owner, file.secret).as_bytes());
                field(&file.content);
            }
            Self::Directory(directory) => {
                field(format!("directory {:o} {}", directory.mode, directory.owner).as_bytes());
            }
            Self::Link(link) => field(format!("link {}", link.target).as_bytes()),
        }
    }
}

/// A file.
#[derive(Clone, Eq, PartialEq)]
pub struct File {
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub owner: Owner,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Whether its contents are a secret.
    pub secret: bool,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shape = format_args!("{} bytes, mode {:o}, owner {}", self.content.len(), self.mode, self.owner);
        f.debug_tuple("File").field(&shape).finish()
    }
}

/// A folder.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Directory {
    /// Permission bits.
    pub mode: u32,
    /// Who owns it.
    pub owner: Owner,
}

/// A symbolic link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// What it points to.
    pub target: String,
}

/// Owner of a file or folder, by number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl Owner {
    /// `root:root`.
    pub const ROOT: Self = Self { uid: 0, gid: 0 };
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// A login user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Keys for SSH.
    pub ssh_authorized_keys: Vec<String>,
    /// crypt(3) hash of the password.
    pub password_hash: Option<String>,
    /// Groups beside the user's own.
    pub groups: Vec<String>,
}

/// A partition that is made when it is missing, grown when there is room, and never wiped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DataPartition {
    /// Path of the disk.
    pub disk: String,
    /// GPT name.
    pub label: String,
    /// `ext4` or `xfs`.
    pub filesystem: &'static str,
    /// Where it is mounted while the payload is applied.
    pub mount_point: String,
    /// Files of systemd, paths and contents, by which the running machine makes the partition itself. For channels that
    /// can't make it before the machine runs; each is root's, mode 0600.
    pub units: Vec<(NodePath, String)>,
}
