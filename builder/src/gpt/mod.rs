//! A GUID partition table (UEFI specification 2.10, chapter 5.3) on sectors of 512 bytes.
//!
//! Written once, never changed: whoever updates a disk does it on the running machine. Two copies of a header and an array of 128
//! entries need no library; crate `gptman` would bring a framework for decoding that nothing here decodes with.

mod guid;

use crate::extents::Extents;
pub use guid::Guid;

/// Bytes of a sector.
pub const SECTOR: u64 = 512;
/// Where partitions begin and end: multiples of this.
pub const ALIGNMENT: u64 = 1 << 20;

const ENTRIES: usize = 128;
const ENTRY_BYTES: usize = 128;
const HEADER_BYTES: usize = 92;
/// Sectors of the array of entries.
const ARRAY_SECTORS: u64 = (ENTRIES * ENTRY_BYTES) as u64 / SECTOR;
/// Bytes behind the last partition: the second copy of the table.
pub const TAIL: u64 = (ARRAY_SECTORS + 1) * SECTOR;
/// UTF-16 units of a partition's name.
const NAME_UNITS: usize = 36;

/// Systemd's flag "mount read-only" (Discoverable Partitions Specification).
pub const READ_ONLY: u64 = 1 << 60;
/// Systemd's flag "leave alone" (the same).
pub const NO_AUTO: u64 = 1 << 63;

/// One partition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Partition {
    /// Its number, from 1 on: its place in the array, whatever its place on the disk.
    pub number: usize,
    /// What it is for.
    pub kind: Guid,
    /// Its own name for machines.
    pub id: Guid,
    /// Its name for people, ASCII, 36 characters at most.
    pub name: String,
    /// First byte.
    pub start: u64,
    /// Bytes.
    pub length: u64,
    /// Flags.
    pub flags: u64,
}

/// Writes both copies of the table, and the protective record in front of them.
pub(crate) fn place(extents: &mut Extents, disk: Guid, partitions: &[Partition]) {
    let last = extents.size() / SECTOR - 1;
    let array = array(partitions);
    let primary = header(disk, &array, Place { own: 1, other: last, array: 2 }, last);
    let second = header(disk, &array, Place { own: last, other: 1, array: last - ARRAY_SECTORS }, last);
    extents.place(0, [protective_record(last), padded(primary), array.clone()].concat());
    extents.place((last - ARRAY_SECTORS) * SECTOR, [array, padded(second)].concat());
}

/// Sectors in which a copy of the table lies.
#[derive(Clone, Copy)]
struct Place {
    own: u64,
    other: u64,
    array: u64,
}

fn header(disk: Guid, array: &[u8], place: Place, last: u64) -> Vec<u8> {
    let mut header = b"EFI PART".to_vec();
    let mut put = |bytes: &[u8]| header.extend_from_slice(bytes);
    put(&0x0001_0000_u32.to_le_bytes());
    put(&(HEADER_BYTES as u32).to_le_bytes());
    put(&[0; 8]);
    for sector in [place.own, place.other, 2 + ARRAY_SECTORS, last - ARRAY_SECTORS - 1] {
        put(&sector.to_le_bytes());
    }
    put(&disk.to_bytes());
    put(&place.array.to_le_bytes());
    put(&(ENTRIES as u32).to_le_bytes());
    put(&(ENTRY_BYTES as u32).to_le_bytes());
    put(&crc32fast::hash(array).to_le_bytes());
    let sum = crc32fast::hash(&header);
    header[16..20].copy_from_slice(&sum.to_le_bytes());
    header
}

fn array(partitions: &[Partition]) -> Vec<u8> {
    let mut array = vec![0; ENTRIES * ENTRY_BYTES];
    for partition in partitions {
        let first = partition.start / SECTOR;
        let entry = &mut array[(partition.number - 1) * ENTRY_BYTES..][..ENTRY_BYTES];
        entry[..16].copy_from_slice(&partition.kind.to_bytes());
        entry[16..32].copy_from_slice(&partition.id.to_bytes());
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&(first + partition.length / SECTOR - 1).to_le_bytes());
        entry[48..56].copy_from_slice(&partition.flags.to_le_bytes());
        for (unit, place) in partition.name.encode_utf16().take(NAME_UNITS).zip(entry[56..].chunks_exact_mut(2)) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    array
}

/// A master boot record that says to old programs that the disk is full (chapter 5.2.3).
fn protective_record(last: u64) -> Vec<u8> {
    let mut record = vec![0; 512];
    let sectors = u32::try_from(last).unwrap_or(u32::MAX);
    record[446..462].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
    record[458..462].copy_from_slice(&sectors.to_le_bytes());
    record[510..].copy_from_slice(&[0x55, 0xaa]);
    record
}

fn padded(mut header: Vec<u8>) -> Vec<u8> {
    header.resize(SECTOR as usize, 0);
    header
}
