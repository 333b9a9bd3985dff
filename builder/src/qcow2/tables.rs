//! The tables of a qcow2, by the format's own names: the L1 table and L2 tables say where each cluster of the disk lies, the refcount
//! table and refcount blocks how often each cluster of the file is used.

use crate::blocks::BLOCK;

const CLUSTER: u64 = BLOCK as u64;
const CLUSTER_BITS: u32 = 16;
/// Entries of 8 bytes in a cluster: of an L2 table, and of a cluster of the refcount table.
const ENTRIES: u64 = CLUSTER / 8;
/// Refcounts of 2 bytes in a refcount block.
const REFCOUNTS: u64 = CLUSTER / 2;
const SECTOR: u64 = 512;
/// "The refcount of this cluster is exactly one".
const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
/// Where the number of sectors stands in an entry of a compressed cluster: 62 - (cluster bits - 8).
const SECTORS_SHIFT: u32 = 62 - (CLUSTER_BITS - 8);
/// Incompatible feature: the compression type is not zlib.
const COMPRESSION_TYPE: u64 = 1 << 3;
const ZSTD: u8 = 1;
const HEADER_BYTES: u32 = 112;

/// The tables, while they are filled.
pub(super) struct Tables {
    size: u64,
    /// L2 tables; none where the disk has zeros.
    l2: Vec<Option<Vec<u64>>>,
    /// Of each cluster of the file.
    refcounts: Vec<u16>,
}

impl Tables {
    pub(super) fn new(size: u64) -> Self {
        let tables = size.div_ceil(CLUSTER * ENTRIES);
        let tables = usize::try_from(tables).expect("half a gibibyte each");
        let mut new = Self { size, l2: vec![None; tables], refcounts: Vec::new() };
        new.take(0, CLUSTER);
        new
    }

    /// A cluster of the disk lies here as it is.
    pub(super) fn plain(&mut self, number: u64, place: u64) {
        *self.entry(number) = COPIED | place;
        self.take(place, CLUSTER);
    }

    /// A cluster of the disk lies here compressed. Readers read whole sectors, so those count as used.
    pub(super) fn compressed(&mut self, number: u64, place: u64, length: u64) {
        let sectors = (place + length - 1) / SECTOR - place / SECTOR;
        *self.entry(number) = COMPRESSED | sectors << SECTORS_SHIFT | place;
        let first = place / SECTOR * SECTOR;
        self.take(first, (sectors + 1) * SECTOR);
    }

    /// The L2 entry of a cluster of the disk.
    fn entry(&mut self, number: u64) -> &mut u64 {
        let index = |value: u64| usize::try_from(value).expect("within the disk");
        let table = self.l2[index(number / ENTRIES)].get_or_insert_with(|| vec![0; BLOCK / 8]);
        &mut table[index(number % ENTRIES)]
    }

    /// Counts one more use of every cluster of the file that this range touches.
    fn take(&mut self, place: u64, length: u64) {
        let [first, last] = [place, place + length - 1].map(|byte| usize::try_from(byte / CLUSTER).expect("in memory"));
        if self.refcounts.len() <= last {
            self.refcounts.resize(last + 1, 0);
        }
        // A compressed cluster has more than one byte, so that there are less than 2^16 in one of 2^16 bytes.
        self.refcounts[first..=last].iter_mut().for_each(|count| *count += 1);
    }

    /// The header, and the tables in the order in which they lie behind the data, which ends here.
    pub(super) fn finish(&mut self, end: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut place = end;
        let mut next = |bytes: u64| {
            let here = place;
            place += bytes.next_multiple_of(CLUSTER);
            here
        };
        let l2: Vec<Vec<u8>> = self.l2.iter().flatten().map(|table| big_endian(table)).collect();
        let l1: Vec<u64> = self.l2.iter().map(|table| table.as_ref().map_or(0, |_| COPIED | next(CLUSTER))).collect();
        let l1_place = next(l1.len() as u64 * 8);
        self.take(end, (l1_place + (l1.len() as u64 * 8).max(1)) - end);
        let refcounts = self.refcount_tables(next(0));
        let header = self.header((l1_place, l1.len()), (refcounts.table_place, refcounts.table.len()));
        let tables = [l2, vec![big_endian(&l1)], refcounts.blocks, vec![refcounts.table]].concat();
        (header, tables)
    }

    /// Refcount blocks at this place, which count themselves, and behind them the refcount table.
    fn refcount_tables(&mut self, place: u64) -> Refcounts {
        let data = place / CLUSTER;
        let (mut blocks, mut table) = (1, 1);
        while blocks * REFCOUNTS < data + blocks + table {
            blocks = (data + blocks + table).div_ceil(REFCOUNTS);
            table = blocks.div_ceil(ENTRIES);
        }
        self.take(place, (blocks + table) * CLUSTER);
        let bytes: Vec<u8> = self.refcounts.iter().flat_map(|count| count.to_be_bytes()).collect();
        let blocks: Vec<Vec<u8>> = bytes.chunks(BLOCK).map(<[u8]>::to_vec).collect();
        let places: Vec<u64> = (0..blocks.len() as u64).map(|index| place + index * CLUSTER).collect();
        let table_place = place + blocks.len() as u64 * CLUSTER;
        let mut table = big_endian(&places);
        table.resize(table.len().next_multiple_of(BLOCK), 0);
        Refcounts { blocks, table_place, table }
    }

    /// Of the L1 table its place and entries, of the refcount table its place and bytes.
    fn header(&self, (l1, l1_entries): (u64, usize), (refcounts, refcount_bytes): (u64, usize)) -> Vec<u8> {
        let number = |value: usize| u32::try_from(value).expect("tables of a disk").to_be_bytes();
        let mut header = b"QFI\xfb".to_vec();
        let mut put = |bytes: &[u8]| header.extend_from_slice(bytes);
        put(&3_u32.to_be_bytes());
        // No backing file.
        put(&[0; 12]);
        put(&CLUSTER_BITS.to_be_bytes());
        put(&self.size.to_be_bytes());
        // No encryption.
        put(&[0; 4]);
        put(&number(l1_entries));
        put(&l1.to_be_bytes());
        put(&refcounts.to_be_bytes());
        put(&number(refcount_bytes / BLOCK));
        // No snapshots.
        put(&[0; 12]);
        put(&COMPRESSION_TYPE.to_be_bytes());
        put(&[0; 16]);
        // Refcounts have 2^4 bits.
        put(&4_u32.to_be_bytes());
        put(&HEADER_BYTES.to_be_bytes());
        put(&[ZSTD, 0, 0, 0, 0, 0, 0, 0]);
        header
    }
}

/// The refcount blocks, and the table that says where they lie.
struct Refcounts {
    blocks: Vec<Vec<u8>>,
    table_place: u64,
    table: Vec<u8>,
}

fn big_endian(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}
