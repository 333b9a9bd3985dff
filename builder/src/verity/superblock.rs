//! The first block of a hash device: what `veritysetup` needs to know to use the tree.

use super::BLOCK;

/// Version of the superblock, and the type of hash: the salt comes first (`normal`).
const VERSION: u32 = 1;
const HASH_TYPE: u32 = 1;

/// What changes from image to image.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Its first 16 bytes become the UUID.
    pub(super) uuid: [u8; 32],
    /// Blocks of data.
    pub(super) blocks: u64,
    pub(super) salt: [u8; 32],
}

impl Superblock {
    /// The whole block; numbers are little endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let block = u32::try_from(BLOCK).expect("a block has 4096 bytes");
        let mut bytes = b"verity\0\0".to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(HASH_TYPE.to_le_bytes());
        bytes.extend(uuid_bytes(&self.uuid));
        bytes.extend(b"sha256");
        bytes.resize(64, 0);
        bytes.extend(block.to_le_bytes());
        bytes.extend(block.to_le_bytes());
        bytes.extend(self.blocks.to_le_bytes());
        bytes.extend(32_u16.to_le_bytes());
        bytes.resize(88, 0);
        bytes.extend(self.salt);
        bytes.resize(usize::try_from(BLOCK).expect("a block has 4096 bytes"), 0);
        bytes
    }
}

/// RFC 9562, version 8 (whatever its maker likes), variant 1.
fn uuid_bytes(from: &[u8; 32]) -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid.copy_from_slice(&from[..16]);
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = uuid[8] & 0x3f | 0x80;
    uuid
}

/// `xxxxxxxx-xxxx-8xxx-…`.
pub(super) fn uuid_text(from: &[u8; 32]) -> String {
    let digits = data_encoding::HEXLOWER.encode(&uuid_bytes(from));
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}
