//! Which disk carries the data partition, decided from what is known of all of them.
//!
//! A partition that bears the label wins over every blank disk, whatever the size of its disk: data are found before
//! anything is made. Nothing is read or changed here.

use super::codes::{AMBIGUOUS, MISSING, NOT_EMPTY, TWICE};
use super::disk::{Content, Disk, Partition, size};
use crate::failure::Failure;
use crate::plan::DataPartition;

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// The partition is there.
    Use(&'a Disk, &'a Partition),
    /// A partition of ours is there that was never mounted: its file system may be half made.
    Finish(&'a Disk, &'a Partition),
    /// A blank disk is to get the partition.
    Make(&'a Disk),
}

/// Label of a partition until its file system is whole. Nothing mounts it, so it holds nothing that could be lost.
pub(super) fn unfinished(label: &str) -> String {
    format!("{label}-new")
}

/// Chooses.
///
/// # Errors
/// [`MISSING`] and [`NOT_EMPTY`], which another disk that appears may heal; [`AMBIGUOUS`] and [`TWICE`].
pub(super) fn choose<'a>(disks: &'a [Disk], wanted: &DataPartition) -> Result<Choice<'a>, Failure> {
    if let Some((disk, partition)) = labelled(disks, &wanted.label)? {
        return Ok(Choice::Use(disk, partition));
    }
    if let Some((disk, partition)) = labelled(disks, &unfinished(&wanted.label))? {
        return Ok(Choice::Finish(disk, partition));
    }
    let meant: Vec<&Disk> = disks.iter().filter(|disk| other_is_meant(disk, wanted).is_none()).collect();
    let free: Vec<&Disk> = meant.into_iter().filter(|disk| disk.unfit.is_none()).collect();
    let blank: Vec<&Disk> = free.iter().copied().filter(|disk| disk.content == Content::Blank).collect();
    let code = match blank.as_slice() {
        [disk] => return Ok(Choice::Make(disk)),
        [] if free.is_empty() => &MISSING,
        [] => &NOT_EMPTY,
        _ => &AMBIGUOUS,
    };
    Err(Failure::new(code, format!("{} is wanted; {}", sought(wanted), list(disks, wanted))))
}

/// The only partition of this label.
fn labelled<'a>(disks: &'a [Disk], label: &str) -> Result<Option<(&'a Disk, &'a Partition)>, Failure> {
    let of_disk = |disk: &'a Disk| disk.partitions().iter().map(move |partition| (disk, partition));
    let found: Vec<_> = disks.iter().flat_map(of_disk).filter(|(_, partition)| partition.label == label).collect();
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => {
            let names: Vec<String> =
                several.iter().map(|(_, partition)| partition.node.display().to_string()).collect();
            Err(Failure::new(&TWICE, format!("{} are labelled {label}", names.join(" and "))))
        }
    }
}

/// What is looked for, in words.
pub(super) fn sought(wanted: &DataPartition) -> String {
    if let Some(path) = &wanted.disk {
        return format!("the blank disk {path}");
    }
    let least = size(wanted.min_disk_bytes.unwrap_or_default());
    match wanted.max_disk_bytes {
        Some(most) => format!("a blank disk of {least} to {}", size(most)),
        None => format!("a blank disk of at least {least}"),
    }
}

/// Why a disk is not the one that the description means.
fn other_is_meant(disk: &Disk, wanted: &DataPartition) -> Option<&'static str> {
    if wanted.disk.is_some() {
        return (!disk.named).then_some("is another disk");
    }
    match disk.bytes {
        bytes if bytes < wanted.min_disk_bytes.unwrap_or_default() => Some("is too small"),
        bytes if bytes > wanted.max_disk_bytes.unwrap_or(u64::MAX) => Some("is too large"),
        _ => None,
    }
}

/// Every disk, and what speaks against it.
fn list(disks: &[Disk], wanted: &DataPartition) -> String {
    if disks.is_empty() {
        return "this machine shows no disk".to_owned();
    }
    let line = |disk: &Disk| format!("{} ({}) {}", disk.name, size(disk.bytes), verdict(disk, wanted));
    disks.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn verdict(disk: &Disk, wanted: &DataPartition) -> String {
    if let Some(problem) = other_is_meant(disk, wanted).or(disk.unfit) {
        return problem.to_owned();
    }
    match &disk.content {
        Content::Blank => "is blank".to_owned(),
        Content::Table(table) => format!("has a partition table with {} partitions", table.partitions.len()),
        Content::Other(what) => what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::{Content, Disk, Partition, Table};
    use super::{Choice, choose};
    use crate::plan::DataPartition;

    const GIB: u64 = 1 << 30;

    fn disk(name: &str, gib: u64, content: Content) -> Disk {
        let node = format!("/dev/{name}").into();
        Disk { name: name.into(), node, bytes: gib * GIB, named: false, unfit: None, content }
    }

    fn blank(name: &str, gib: u64) -> Disk {
        disk(name, gib, Content::Blank)
    }

    fn labelled(name: &str, gib: u64, label: &str) -> Disk {
        let node = format!("/dev/{name}1").into();
        let partition = Partition { node, number: 1, start: 2048, size: 4096, label: label.into(), known: true };
        disk(name, gib, Content::Table(Table { sector: 512, partitions: vec![partition] }))
    }

    fn other(name: &str, gib: u64) -> Disk {
        disk(name, gib, Content::Other("holds ext4".into()))
    }

    fn in_use(name: &str, gib: u64) -> Disk {
        Disk { unfit: Some("is in use"), ..labelled(name, gib, "root") }
    }

    fn named(disk: Disk) -> Disk {
        Disk { named: true, ..disk }
    }

    /// The choice in a word; of a refusal the code and what is said of the disks.
    fn chosen(disks: &[Disk], min: u64, max: Option<u64>) -> String {
        let (min_disk_bytes, max_disk_bytes) = (Some(min * GIB), max.map(|max| max * GIB));
        told(disks, &DataPartition { min_disk_bytes, max_disk_bytes, ..by_name("") })
    }

    fn by_name(disk: &str) -> DataPartition {
        DataPartition {
            label: "kfimg-data".into(),
            mount_point: "/var".into(),
            filesystem: "ext4".into(),
            disk: (!disk.is_empty()).then(|| disk.to_owned()),
            min_disk_bytes: None,
            max_disk_bytes: None,
        }
    }

    fn told(disks: &[Disk], wanted: &DataPartition) -> String {
        match choose(disks, wanted) {
            Ok(Choice::Use(disk, _)) => format!("use {}", disk.name),
            Ok(Choice::Finish(disk, _)) => format!("finish {}", disk.name),
            Ok(Choice::Make(disk)) => format!("make {}", disk.name),
            Err(failure) => format!("{}: {}", failure.code.name, failure.message),
        }
    }

    #[test]
    fn one_disk_is_chosen_or_every_disk_is_named_with_what_speaks_against_it() {
        let blank_of = "a blank disk of at least 20 GiB is wanted; ";
        let none = format!("DATA_DISK_MISSING: {blank_of}");
        let full = format!("DATA_DISK_NOT_EMPTY: {blank_of}");
        let many = format!("DATA_DISK_AMBIGUOUS: {blank_of}");
        let cases = [
            (vec![blank("sda", 20)], "make sda".to_owned()),
            (vec![in_use("sda", 500), blank("sdb", 10), blank("sdc", 100), other("sdd", 50)], "make sdc".to_owned()),
            (vec![labelled("sdb", 5, "kfimg-data"), blank("sda", 100)], "use sdb".to_owned()),
            (vec![blank("sda", 100), labelled("sdb", 100, "kfimg-data-new")], "finish sdb".to_owned()),
            (vec![labelled("sda", 1, "kfimg-data-new"), labelled("sdb", 1, "kfimg-data")], "use sdb".to_owned()),
            (vec![], format!("{none}this machine shows no disk")),
            (vec![blank("sda", 19)], format!("{none}sda (19 GiB) is too small")),
            (vec![in_use("vda", 50)], format!("{none}vda (50 GiB) is in use")),
            (
                vec![other("sda", 50), blank("sdb", 3)],
                format!("{full}sda (50 GiB) holds ext4, sdb (3.0 GiB) is too small"),
            ),
            (vec![labelled("sda", 50, "home")], format!("{full}sda (50 GiB) has a partition table with 1 partitions")),
            (vec![blank("sda", 20), blank("sdb", 30)], format!("{many}sda (20 GiB) is blank, sdb (30 GiB) is blank")),
            (
                vec![labelled("sda", 50, "kfimg-data"), labelled("sdb", 50, "kfimg-data")],
                "DATA_PARTITION_TWICE: /dev/sda1 and /dev/sdb1 are labelled kfimg-data".to_owned(),
            ),
        ];
        for (disks, expected) in cases {
            assert_eq!(chosen(&disks, 20, None), expected);
        }
    }

    #[test]
    fn a_greatest_size_tells_two_blank_disks_apart() {
        let disks = [blank("sda", 20), blank("sdb", 30)];
        assert_eq!(chosen(&disks, 20, Some(25)), "make sda");
        assert_eq!(chosen(&disks, 25, Some(40)), "make sdb");
        let told = chosen(&disks, 21, Some(22));
        assert!(
            told.ends_with("of 21 GiB to 22 GiB is wanted; sda (20 GiB) is too small, sdb (30 GiB) is too large"),
            "{told}"
        );
    }

    #[test]
    fn a_disk_that_is_named_is_the_only_one_that_is_touched() {
        let wanted = "the blank disk /dev/x is wanted; ";
        let cases = [
            (vec![blank("sda", 1), named(blank("sdb", 2))], "make sdb".to_owned()),
            (vec![labelled("sda", 5, "kfimg-data"), named(blank("sdb", 9))], "use sda".to_owned()),
            (vec![blank("sda", 1)], format!("DATA_DISK_MISSING: {wanted}sda (1.0 GiB) is another disk")),
            (vec![named(in_use("sda", 9))], format!("DATA_DISK_MISSING: {wanted}sda (9.0 GiB) is in use")),
            (vec![blank("sda", 1), named(other("sdb", 9))], {
                format!("DATA_DISK_NOT_EMPTY: {wanted}sda (1.0 GiB) is another disk, sdb (9.0 GiB) holds ext4")
            }),
        ];
        for (disks, expected) in cases {
            assert_eq!(told(&disks, &by_name("/dev/x")), expected);
        }
    }

    #[test]
    fn room_is_behind_the_last_partition_only() {
        let mut disk = labelled("sda", 1, "kfimg-data");
        let Content::Table(table) = &mut disk.content else { unreachable!("it has a table") };
        table.partitions.push(Partition { start: 10_000, ..table.partitions[0].clone() });
        let (first, last) = (&disk.partitions()[0], &disk.partitions()[1]);
        assert_eq!((disk.room_behind(first), disk.room_behind(last)), (0, GIB - (10_000 + 4096) * 512));
    }
}
