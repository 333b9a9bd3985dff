//! What is known of a disk. Reading it is [`super::look`]'s, judging it [`super::choice`]'s.

use std::path::PathBuf;

/// A disk of this machine: hardware, or what a hypervisor shows as such.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Disk {
    /// The kernel's name for it, such as `sda`.
    pub(super) name: String,
    /// Its device.
    pub(super) node: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
    /// Whether the description names it.
    pub(super) named: bool,
    /// Why it may not be given a new partition, whatever is on it: `is in use`.
    pub(super) unfit: Option<&'static str>,
    /// What is on it.
    pub(super) content: Content,
}

/// What is on a disk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Nothing that anybody knows.
    Blank,
    /// A GPT.
    Table(Table),
    /// No table, and something where the first partition of one begins; in words that fit behind the disk's name.
    Remains(String),
    /// Something else, in such words: `holds ext4`.
    Other(String),
}

/// A GPT, sizes in sectors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Table {
    /// Bytes of a sector.
    pub(super) sector: u64,
    /// In the order of the table.
    pub(super) partitions: Vec<Partition>,
}

/// A partition of a GPT.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Partition {
    /// Its device, which may not be there yet.
    pub(super) node: PathBuf,
    /// Its number in the table.
    pub(super) number: u32,
    /// Its first sector.
    pub(super) start: u64,
    /// Its size in sectors.
    pub(super) size: u64,
    /// Its GPT label.
    pub(super) label: String,
    /// Whether the kernel knows it.
    pub(super) known: bool,
    /// What is on it, in a word: `ext4`. Looked for where the label is one of ours; [`None`] when there is nothing.
    pub(super) holds: Option<String>,
}

impl Disk {
    /// Its partitions, where it has a GPT.
    pub(super) fn partitions(&self) -> &[Partition] {
        match &self.content {
            Content::Table(table) => &table.partitions,
            _ => &[],
        }
    }

    /// Bytes behind the partition that nothing uses; none when another partition follows.
    pub(super) fn room_behind(&self, partition: &Partition) -> u64 {
        let Content::Table(table) = &self.content else { return 0 };
        let end = partition.start.saturating_add(partition.size);
        if table.partitions.iter().any(|other| other.start >= end) {
            return 0;
        }
        self.bytes.saturating_sub(end.saturating_mul(table.sector))
    }
}

/// As a person says it: `500 GiB`, `2.5 GiB`, `64 MiB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes >> 20 {
        mebibytes @ 0..1024 => format!("{mebibytes} MiB"),
        mebibytes @ 1024..10_240 => format!("{}.{} GiB", mebibytes >> 10, ((mebibytes & 1023) * 10) >> 10),
        mebibytes => format!("{} GiB", mebibytes >> 10),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_read_as_people_say_them() {
        for (bytes, expected) in
            [(64 << 20, "64 MiB"), (5 << 29, "2.5 GiB"), (10 << 30, "10 GiB"), (7 << 40, "7168 GiB")]
        {
            assert_eq!(size(bytes), expected);
        }
    }
}
