//! How large the parts of a FAT32 volume are: reserved sectors, two tables, clusters.

/// Bytes of a sector.
pub(super) const SECTOR: u64 = 512;
/// Boot sector, information sector and their copies, with room as others leave it.
const RESERVED: u64 = 32;
/// With fewer clusters a volume is taken for FAT16.
const LEAST_CLUSTERS: u64 = 65_525;
/// From this size on clusters have 4096 bytes.
const LARGE: u64 = 512 << 20;
/// Clusters that are no file's: three folders.
const FOLDERS: u64 = 3;

/// The size of a volume.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Geometry {
    sectors: u64,
    cluster_sectors: u64,
    /// Sectors of one table.
    table_sectors: u64,
    clusters: u64,
}

impl Geometry {
    /// A volume of a size; what is no whole sector is left out.
    pub(super) fn of_size(bytes: u64) -> Self {
        let sectors = (bytes / SECTOR).min(u64::from(u32::MAX));
        let cluster_sectors = if bytes < LARGE { 1 } else { 8 };
        let mut table_sectors = 1;
        loop {
            let clusters = sectors.saturating_sub(RESERVED + 2 * table_sectors) / cluster_sectors;
            let needed = ((clusters + 2) * 4).div_ceil(SECTOR);
            if needed <= table_sectors {
                return Self { sectors, cluster_sectors, table_sectors, clusters };
            }
            table_sectors = needed.max(table_sectors + 1);
        }
    }

    /// The smallest volume, in whole mebibytes, that has room for a file.
    pub(super) fn least(file: u64) -> Self {
        let from = file.max(LEAST_CLUSTERS * SECTOR).div_ceil(1 << 20);
        let fitting = |mebibytes| Some(Self::of_size(mebibytes << 20)).filter(|volume| volume.room() >= file);
        (from..).find_map(fitting).expect("a larger volume has more room")
    }

    /// Bytes that a file can have; none when the volume is too small to be a FAT32.
    pub(super) fn room(self) -> u64 {
        if self.clusters < LEAST_CLUSTERS { 0 } else { (self.clusters - FOLDERS) * self.cluster_sectors * SECTOR }
    }

    pub(super) fn size(self) -> u64 {
        self.sectors * SECTOR
    }

    /// Clusters of so many bytes.
    pub(super) fn clusters_of(self, bytes: u64) -> u32 {
        u32::try_from(bytes.div_ceil(self.cluster_sectors * SECTOR)).expect("of a file that fits into the volume")
    }

    /// Where a cluster begins, in bytes.
    pub(super) fn cluster(self, number: u32) -> u64 {
        (RESERVED + 2 * self.table_sectors + (u64::from(number) - 2) * self.cluster_sectors) * SECTOR
    }

    /// The first sectors of the two tables.
    pub(super) fn tables(self) -> [u64; 2] {
        [RESERVED, RESERVED + self.table_sectors]
    }

    /// The reserved sectors that are not empty, by their numbers. `used` is the first cluster that is free.
    pub(super) fn head(self, start: u64, serial: u32, used: u32) -> [(u64, Vec<u8>); 4] {
        let boot = self.boot_sector(start, serial);
        let information = self.information(used);
        [(0, boot.clone()), (1, information.clone()), (6, boot), (7, information)]
    }

    fn boot_sector(self, start: u64, serial: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let mut put = |place: usize, bytes: &[u8]| sector[place..place + bytes.len()].copy_from_slice(bytes);
        let number = |value: u64| u32::try_from(value).expect("a volume has less than 2 TiB").to_le_bytes();
        put(0, &[0xeb, 0x58, 0x90]);
        put(3, b"kfimg   ");
        put(11, &number(SECTOR)[..2]);
        put(13, &number(self.cluster_sectors)[..1]);
        put(14, &number(RESERVED)[..2]);
        put(16, &[2]);
        put(21, &[0xf8]);
        // Sectors of a track and heads, which nobody has needed for long.
        put(24, &[32, 0, 64, 0]);
        put(28, &number((start / SECTOR).min(u64::from(u32::MAX))));
        put(32, &number(self.sectors));
        put(36, &number(self.table_sectors));
        // The root folder's cluster, the information sector, the copy of the boot sector.
        put(44, &[2, 0, 0, 0, 1, 0, 6, 0]);
        put(64, &[0x80, 0, 0x29]);
        put(67, &serial.to_le_bytes());
        put(71, b"ESP        FAT32   ");
        put(510, &[0x55, 0xaa]);
        sector
    }

    fn information(self, used: u32) -> Vec<u8> {
        let mut sector = vec![0; SECTOR as usize];
        let free = u32::try_from(self.clusters + 2).expect("less than 2^28") - used;
        // "Nobody knows which is free", where none is.
        let next = if free == 0 { u32::MAX } else { used };
        sector[..4].copy_from_slice(b"RRaA");
        sector[484..488].copy_from_slice(b"rrAa");
        sector[488..492].copy_from_slice(&free.to_le_bytes());
        sector[492..496].copy_from_slice(&next.to_le_bytes());
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        sector
    }
}

#[cfg(test)]
mod tests {
    use super::Geometry;

    #[test]
    fn the_smallest_volume_has_room_and_a_smaller_one_has_not() {
        for file in [0, 1, 100 << 20, 600 << 20, 3 << 30] {
            let least = Geometry::least(file);
            assert!(least.room() >= file, "{file}: {least:?}");
            assert!(Geometry::of_size(least.size() - (1 << 20)).room() < file.max(1), "{file}: {least:?}");
        }
    }

    #[test]
    fn no_cluster_behind_the_end_is_said_to_be_free() {
        let volume = Geometry::of_size(64 << 20);
        let end = u32::try_from(volume.clusters).unwrap() + 2;
        for (used, free, next) in [(end - 1, 1_u32, end - 1), (end, 0, u32::MAX)] {
            let said = volume.information(used);
            assert_eq!(said[488..496], [free.to_le_bytes(), next.to_le_bytes()].concat(), "{used}");
        }
    }

    #[test]
    fn a_volume_of_any_size_is_no_panic() {
        for bytes in [0, 511, 512, 40 << 10, 33 << 20, 1 << 40, u64::MAX] {
            let _ = Geometry::of_size(bytes).room();
        }
    }
}
