//! How large the parts of a volume are: the boot sector, two tables, the root folder, clusters.

use super::ROOT_ENTRIES;

/// Bytes of a sector.
pub(super) const SECTOR: usize = 512;
/// Clusters that can be wanted: those of the largest FAT16, beyond which a volume is taken for FAT32, without the last track.
pub(super) const MOST_CLUSTERS: usize = 65_524 - TRACK;
/// Clusters of the smallest FAT16; with fewer a volume is taken for FAT12.
pub(super) const LEAST_FAT16: usize = 4085;
/// Sectors of a track. mtools take a volume whose size is no multiple of it for damaged.
const TRACK: usize = 32;
/// The boot sector and the root folder.
const FIXED: usize = 1 + ROOT_ENTRIES * 32 / SECTOR;
const MEDIUM: u8 = 0xf8;

/// The size of a volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Geometry {
    /// Bits of a table's entry: 12 or 16.
    bits: usize,
    /// Sectors of one table.
    table_sectors: usize,
    /// Sectors of a cluster.
    cluster_sectors: usize,
    /// Sectors of all.
    pub(super) total_sectors: usize,
}

impl Geometry {
    /// The smallest volume with so many clusters. Whoever reads it tells 12 from 16 bits by the number of clusters alone.
    pub(super) fn of(clusters: usize, cluster_sectors: usize) -> Self {
        let of = |wanted| [12, 16].into_iter().find_map(|bits| Self::with(bits, wanted, cluster_sectors));
        (clusters..).find_map(of).expect("with more clusters than FAT12 has it is a FAT16")
    }

    fn with(bits: usize, wanted: usize, cluster_sectors: usize) -> Option<Self> {
        let table = |clusters: usize| ((clusters + 2) * bits).div_ceil(8 * SECTOR);
        let mut table_sectors = table(wanted);
        loop {
            let total_sectors = (FIXED + 2 * table_sectors + wanted * cluster_sectors).next_multiple_of(TRACK);
            let clusters = (total_sectors - FIXED - 2 * table_sectors) / cluster_sectors;
            let is_of_its_kind = (clusters >= LEAST_FAT16) == (bits == 16);
            if table(clusters) <= table_sectors {
                return is_of_its_kind.then_some(Self { bits, table_sectors, cluster_sectors, total_sectors });
            }
            table_sectors += 1;
        }
    }

    /// The first sector of a volume.
    pub(super) fn boot_sector(self, label: [u8; 11], serial: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR];
        let mut put = |place: usize, bytes: &[u8]| sector[place..place + bytes.len()].copy_from_slice(bytes);
        let total = u32::try_from(self.total_sectors).expect("2 GiB at most");
        let small = u16::try_from(total).unwrap_or(0);
        put(0, &[0xeb, 0x3c, 0x90]);
        put(3, b"kfimg   ");
        put(11, &number(SECTOR));
        put(13, &number(self.cluster_sectors)[..1]);
        put(14, &number(1));
        put(16, &[2]);
        put(17, &number(ROOT_ENTRIES));
        put(19, &small.to_le_bytes());
        put(21, &[MEDIUM]);
        put(22, &number(self.table_sectors));
        put(24, &number(TRACK));
        put(26, &number(64));
        put(32, &if small == 0 { total } else { 0 }.to_le_bytes());
        put(36, &[0x80, 0, 0x29]);
        put(39, &serial.to_le_bytes());
        put(43, &label);
        put(54, if self.bits == 12 { b"FAT12   " } else { b"FAT16   " });
        put(510, &[0x55, 0xaa]);
        sector
    }

    /// One of the two equal tables, from each cluster's successor.
    pub(super) fn table(self, next: &[Option<u16>]) -> Vec<u8> {
        let last: u16 = if self.bits == 12 { 0xfff } else { 0xffff };
        let first = last & 0xff00 | u16::from(MEDIUM);
        let entries = [first, last].into_iter().chain(next.iter().map(|next| next.unwrap_or(last)));
        let mut table: Vec<u8> = match self.bits {
            12 => packed(&entries.collect::<Vec<_>>()),
            _ => entries.flat_map(u16::to_le_bytes).collect(),
        };
        table.resize(self.table_sectors * SECTOR, 0);
        table
    }
}

/// Two numbers of 12 bits in three bytes.
fn packed(entries: &[u16]) -> Vec<u8> {
    let pair = |pair: &[u16]| {
        let number = u32::from(pair[0]) | u32::from(pair.get(1).copied().unwrap_or_default()) << 12;
        let [a, b, c, _] = number.to_le_bytes();
        [a, b, c]
    };
    entries.chunks(2).flat_map(pair).collect()
}

fn number(value: usize) -> [u8; 2] {
    u16::try_from(value).expect("every size of FAT16 has 16 bits").to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::{Geometry, LEAST_FAT16, MOST_CLUSTERS};

    #[test]
    fn the_tables_bits_follow_from_the_number_of_clusters_at_every_size() {
        for wanted in (0..300).chain(3900..4300).chain(MOST_CLUSTERS - 40..=MOST_CLUSTERS) {
            for cluster_sectors in [1, 2, 64] {
                let found = Geometry::of(wanted, cluster_sectors);
                let clusters = (found.total_sectors - 2 - 2 * found.table_sectors) / cluster_sectors;
                assert!(clusters >= wanted && clusters <= 65_524, "{wanted}: {found:?}");
                assert_eq!(found.bits == 16, clusters >= LEAST_FAT16, "{wanted}: {found:?}");
                assert!((clusters + 2) * found.bits <= found.table_sectors * 512 * 8, "{wanted}: {found:?}");
            }
        }
    }
}
