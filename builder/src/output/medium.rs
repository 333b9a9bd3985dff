//! What the kernel is told about its root, for each medium that it boots from.
//!
//! | medium | arguments | who opens the root as `/dev/mapper/root` |
//! |---|---|---|
//! | disk | `roothash=<hash>` | `systemd-veritysetup-generator(8)` in the initrd: data and hash partition have the UUIDs `<first 128 bits>` and `<last 128 bits>` of the hash |
//! | ISO | `roothash=<hash> systemd.verity=no kfimg.root=LABEL=<label>` | `kfimg-agent root` in the initrd: mounts the medium with that label and opens `/kfimg/root.img` with `/kfimg/root.verity` on it |
//!
//! `systemd.verity=no` keeps the generator from waiting for partitions that a CD has not. The label carries the first digits of the
//! root hash, so that of two media in a machine the right one is taken. `docs/image.md` has the whole boot.

use super::OutputError;
use crate::parts::Parts;
use std::fmt;

/// A dm-verity root hash: SHA-256, 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RootHash(String);

impl RootHash {
    /// Of the parts.
    ///
    /// # Errors
    /// When it is not 64 lower-case hexadecimal digits.
    pub fn of(parts: &Parts) -> Result<Self, OutputError> {
        let value = &parts.root_hash;
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if value.len() == 64 && value.bytes().all(is_digit) {
            return Ok(Self(value.clone()));
        }
        let problem = "a SHA-256 root hash has 64 hexadecimal digits in lower case".to_owned();
        Err(OutputError::Value { what: "root hash", value: value.clone(), problem })
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Volume label of an ISO with this root (ISO 9660 d-characters).
    #[must_use]
    pub fn label(&self) -> String {
        format!("KFIMG_{}", self.0[..8].to_ascii_uppercase())
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a unified kernel image boots from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Medium {
    /// A disk with root partitions.
    Disk,
    /// An ISO with root files.
    Iso,
}

impl Medium {
    /// The whole kernel command line.
    #[must_use]
    pub fn command_line(self, own: &str, root_hash: &RootHash) -> String {
        let root = format!("roothash={root_hash}");
        let place = match self {
            Self::Disk => String::new(),
            Self::Iso => format!(" systemd.verity=no kfimg.root=LABEL={}", root_hash.label()),
        };
        format!("{own} {root}{place}").trim_start().to_owned()
    }
}
