//! Whether a file is a whole snapshot of etcd: a database of bbolt with a SHA-256 of it behind (etcd,
//! `server/etcdserver/api/v3rpc/maintenance.go`; `etcdutl/snapshot/v3_snapshot.go`).
//!
//! Whether its contents make sense is not looked at.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of the digest behind the database.
const DIGEST: u64 = 32;
/// A database is a whole number of these.
const SECTOR: u64 = 512;
/// bbolt's number, 16 bytes after the beginning of a database (bbolt, `internal/common/meta.go`).
const MAGIC: [u8; 4] = 0xED0C_DAED_u32.to_le_bytes();
const MAGIC_AT: usize = 16;

/// Why a file is no snapshot to rely on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    /// It can't be read; the path is in the message.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is not what etcd wrote.
    #[error("{path}: {reason}")]
    Damaged {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        reason: &'static str,
    },
}

/// A snapshot that is whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Verified {
    /// Bytes of the file.
    pub(crate) size: u64,
    /// SHA-256 of the whole file, hexadecimal.
    pub(crate) sha256: String,
}

/// Reads the whole file.
///
/// # Errors
/// It can't be read, or is damaged.
pub(crate) fn verify(path: &Path) -> Result<Verified, VerifyError> {
    let damaged = |reason| VerifyError::Damaged { path: path.to_owned(), reason };
    let mut file = fs_err::File::open(path)?;
    let size = file.metadata()?.len();
    if size <= DIGEST || size % SECTOR != DIGEST {
        return Err(damaged("its size is not that of a database with a digest behind it"));
    }
    let mut whole = Sha256::new();
    let mut part = vec![0; 128 << 10];
    let mut left = size - DIGEST;
    let mut first = true;
    while left > 0 {
        let length = usize::try_from(left).map_or(part.len(), |left| left.min(part.len()));
        file.read_exact(&mut part[..length])?;
        whole.update(&part[..length]);
        left -= length as u64;
        if std::mem::take(&mut first) && part.get(MAGIC_AT..MAGIC_AT + MAGIC.len()) != Some(&MAGIC) {
            return Err(damaged("it does not begin like a database of etcd"));
        }
    }
    let mut digest = [0; DIGEST as usize];
    file.read_exact(&mut digest)?;
    if whole.clone().finalize().as_slice() != digest {
        return Err(damaged("the SHA-256 at its end is not that of its contents"));
    }
    whole.update(digest);
    Ok(Verified { size, sha256: HEXLOWER.encode(&whole.finalize()) })
}

#[cfg(test)]
mod tests {
    use super::{MAGIC, VerifyError, verify};
    use sha2::{Digest, Sha256};
    use tempfile::TempDir;

    fn snapshot(size: usize) -> Vec<u8> {
        let mut bytes = vec![7; size];
        bytes[16..20].copy_from_slice(&MAGIC);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }

    #[test]
    fn only_a_whole_snapshot_passes() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.db");
        let check = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            verify(&path)
        };
        for size in [512, 4096, 300 << 10] {
            let whole = snapshot(size);
            assert_eq!(check(&whole).unwrap().size, whole.len() as u64);
            let mut flipped = whole.clone();
            flipped[size / 2] ^= 1;
            let mut digest = whole.clone();
            digest[size + 31] ^= 1;
            let mut other = whole.clone();
            other[16] = 0;
            let longer = [whole.as_slice(), &[0; 512]].concat();
            for bad in [&flipped[..], &digest, &other, &longer, &whole[..size], &whole[..size - 480], &whole[..20], &[]]
            {
                assert!(matches!(check(bad), Err(VerifyError::Damaged { .. })), "{} bytes", bad.len());
            }
        }
        assert!(matches!(verify(&folder.path().join("none")), Err(VerifyError::Io(_))));
    }
}
