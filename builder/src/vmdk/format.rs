//! The fixed parts of a streamOptimized VMDK: header, descriptor, markers.

use sha2::{Digest, Sha256};

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// Sectors of a grain.
pub(super) const GRAIN_SECTORS: u64 = 128;
/// Entries of a grain table.
pub(super) const GRAINS_A_TABLE: usize = 512;
/// Bytes of the descriptor, zeros included.
pub(super) const DESCRIPTOR_BYTES: usize = 20 * 512;
/// "The directory's place stands in the footer".
pub(super) const AT_END: u64 = u64::MAX;

/// New lines can be tested for, grains are compressed, there are markers.
const FLAGS: u32 = 1 | 1 << 16 | 1 << 17;
const VERSION: u32 = 3;
const DEFLATE: u16 = 1;

/// What a sector says that is no grain.
#[derive(Clone, Copy)]
pub(super) enum Marker {
    EndOfStream = 0,
    GrainTable = 1,
    GrainDirectory = 2,
    Footer = 3,
}

impl Marker {
    /// The marker of so many sectors.
    pub(super) fn bytes(self, sectors: u64) -> Vec<u8> {
        [&sectors.to_le_bytes()[..], &0_u32.to_le_bytes(), &(self as u32).to_le_bytes()].concat()
    }
}

/// The header, which is also the footer.
pub(super) fn header(capacity: u64, directory: u64) -> Vec<u8> {
    let mut header = b"KDMV".to_vec();
    let mut put = |bytes: &[u8]| header.extend_from_slice(bytes);
    put(&VERSION.to_le_bytes());
    put(&FLAGS.to_le_bytes());
    put(&capacity.to_le_bytes());
    put(&GRAIN_SECTORS.to_le_bytes());
    // The descriptor's place and length.
    put(&1_u64.to_le_bytes());
    put(&(DESCRIPTOR_BYTES as u64 / SECTOR).to_le_bytes());
    put(&(GRAINS_A_TABLE as u32).to_le_bytes());
    // No second directory.
    put(&0_u64.to_le_bytes());
    put(&directory.to_le_bytes());
    // Sectors before the first grain.
    put(&GRAIN_SECTORS.to_le_bytes());
    // Closed as it should be, and how its lines end.
    put(b"\0\n \r\n");
    put(&DEFLATE.to_le_bytes());
    header
}

/// The embedded descriptor. Cylinders are of interest to nobody, but have to be there.
pub(super) fn descriptor(sectors: u64, identity: &str, name: &str) -> String {
    const HEADS: u64 = 255;
    const TRACK: u64 = 63;
    let cylinders = (sectors / (HEADS * TRACK)).clamp(1, 65_535);
    let hash = Sha256::digest(identity);
    // Neither of the two values that mean something else.
    let content = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]).clamp(1, 0xffff_fffd);
    let name: String =
        name.chars().filter(|character| *character != '"' && !character.is_control()).take(200).collect();
    format!(
        "# Disk DescriptorFile\n\
         version=1\n\
         CID={content:08x}\n\
         parentCID=ffffffff\n\
         createType=\"streamOptimized\"\n\n\
         # Extent description\n\
         RW {sectors} SPARSE \"{name}\"\n\n\
         # The Disk Data Base\n\
         #DDB\n\n\
         ddb.virtualHWVersion = \"17\"\n\
         ddb.geometry.cylinders = \"{cylinders}\"\n\
         ddb.geometry.heads = \"{HEADS}\"\n\
         ddb.geometry.sectors = \"{TRACK}\"\n\
         ddb.adapterType = \"lsilogic\"\n"
    )
}
