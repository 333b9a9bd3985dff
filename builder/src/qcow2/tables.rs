//! The tables of a qcow2: where each cluster of the disk lies, and how often each cluster of the file is used.

use crate::blocks::BLOCK;

const CLUSTER: u64 = BLOCK as u64;
const CLUSTER_BITS: u32 = 16;
/// Entries of a table of the second level, and of a table of uses.
const ENTRIES: u64 = CLUSTER / 8;
const USES: u64 = CLUSTER / 2;
const SECTOR: u64 = 512;
/// "Nobody else uses this cluster".
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
    /// Tables of the second level; none where the disk has zeros.
    second: Vec<Option<Vec<u64>>>,
    /// Uses of each cluster of the file.
    uses: Vec<u16>,
}

impl Tables {
    pub(super) fn new(size: u64) -> Self {
        let tables = size.div_ceil(CLUSTER * ENTRIES);
        let tables = usize::try_from(tables).expect("half a gibibyte each");
        let mut new = Self { size, second: vec![None; tables], uses: Vec::new() };
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

    fn entry(&mut self, number: u64) -> &mut u64 {
        let index = |value: u64| usize::try_from(value).expect("within the disk");
        let table = self.second[index(number / ENTRIES)].get_or_insert_with(|| vec![0; BLOCK / 8]);
        &mut table[index(number % ENTRIES)]
    }

    /// Counts a use of every cluster of the file that this range touches.
    fn take(&mut self, place: u64, length: u64) {
        let [first, last] = [place, place + length - 1].map(|byte| usize::try_from(byte / CLUSTER).expect("in memory"));
        if self.uses.len() <= last {
            self.uses.resize(last + 1, 0);
        }
        // A compressed cluster has more than one byte, so that there are less than 2^16 in one of 2^16 bytes.
        self.uses[first..=last].iter_mut().for_each(|uses| *uses += 1);
    }

    /// The header, and the tables in the order in which they lie behind the data, which ends here.
    pub(super) fn finish(&mut self, end: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
        let mut place = end;
        let mut next = |bytes: u64| {
            let here = place;
            place += bytes.next_multiple_of(CLUSTER);
            here
        };
        let second: Vec<Vec<u8>> = self.second.iter().flatten().map(|table| big_endian(table)).collect();
        let first: Vec<u64> =
            self.second.iter().map(|table| table.as_ref().map_or(0, |_| COPIED | next(CLUSTER))).collect();
        let first_place = next(first.len() as u64 * 8);
        self.take(end, (first_place + (first.len() as u64 * 8).max(1)) - end);
        let (blocks, directory) = self.uses_tables(next(0));
        let header = self.header(first_place, first.len(), directory.0, directory.1.len());
        let uses = [blocks, vec![directory.1]].concat();
        (header, [second, vec![big_endian(&first)], uses].concat())
    }

    /// Tables of uses at this place, which count themselves, and behind them the table of those tables with its place.
    fn uses_tables(&mut self, place: u64) -> (Vec<Vec<u8>>, (u64, Vec<u8>)) {
        let data = place / CLUSTER;
        let (mut blocks, mut directory) = (1, 1);
        while blocks * USES < data + blocks + directory {
            blocks = (data + blocks + directory).div_ceil(USES);
            directory = blocks.div_ceil(ENTRIES);
        }
        self.take(place, (blocks + directory) * CLUSTER);
        let bytes: Vec<u8> = self.uses.iter().flat_map(|uses| uses.to_be_bytes()).collect();
        let blocks: Vec<Vec<u8>> = bytes.chunks(BLOCK).map(<[u8]>::to_vec).collect();
        let places: Vec<u64> = (0..blocks.len() as u64).map(|index| place + index * CLUSTER).collect();
        let directory_place = place + blocks.len() as u64 * CLUSTER;
        let mut directory = big_endian(&places);
        directory.resize(directory.len().next_multiple_of(BLOCK), 0);
        (blocks, (directory_place, directory))
    }

    fn header(&self, first: u64, first_entries: usize, uses: u64, uses_bytes: usize) -> Vec<u8> {
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
        put(&number(first_entries));
        put(&first.to_be_bytes());
        put(&uses.to_be_bytes());
        put(&number(uses_bytes / BLOCK));
        // No snapshots.
        put(&[0; 12]);
        put(&COMPRESSION_TYPE.to_be_bytes());
        put(&[0; 16]);
        // Uses have 2^4 bits.
        put(&4_u32.to_be_bytes());
        put(&HEADER_BYTES.to_be_bytes());
        put(&[ZSTD, 0, 0, 0, 0, 0, 0, 0]);
        header
    }
}

fn big_endian(numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}
