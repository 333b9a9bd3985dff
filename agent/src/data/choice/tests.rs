//! The decision as tables: what disks a machine has, what the description says, and what becomes of it.

use super::super::disk::{Content, Disk, Partition, Table};
use super::super::judge_mounted;
use super::{Choice, before_ignition, choose};
use crate::failure::Failure;
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
    let holds = (label == "kfimg-data").then(|| "ext4".to_owned());
    let partition = Partition { node, number: 1, start: 2048, size: 4096, label: label.into(), known: true, holds };
    disk(name, gib, Content::Table(Table { sector: 512, partitions: vec![partition] }))
}

/// As `kfimg build` makes it: its data partition holds nothing yet.
fn image(name: &str, gib: u64) -> Disk {
    let mut disk = labelled(name, gib, "kfimg-data");
    let Content::Table(table) = &mut disk.content else { unreachable!("it has a table") };
    table.partitions[0].holds = None;
    disk
}

fn unused(name: &str, gib: u64) -> Disk {
    labelled(name, gib, "kfimg-data-unused")
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
    in_words(choose(disks, wanted).map(Some))
}

fn in_words(choice: Result<Option<Choice<'_>>, Failure>) -> String {
    match choice {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(Choice::Use(disk, _))) => format!("use {}", disk.name),
        Ok(Some(Choice::Finish(disk, _))) => format!("finish {}", disk.name),
        Ok(Some(Choice::Make(disk))) => format!("make {}", disk.name),
        Ok(Some(Choice::Rename(disk, _, label))) => format!("label {} {label}", disk.name),
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
        (vec![other("sda", 50), blank("sdb", 3)], format!("{full}sda (50 GiB) holds ext4, sdb (3.0 GiB) is too small")),
        (vec![labelled("sda", 50, "home")], format!("{full}sda (50 GiB) has a partition table with 1 partitions")),
        (vec![blank("sda", 20), blank("sdb", 30)], format!("{many}sda (20 GiB) is blank, sdb (30 GiB) is blank")),
        (
            vec![labelled("sda", 50, "kfimg-data"), labelled("sdb", 50, "kfimg-data")],
            "DATA_PARTITION_TWICE: /dev/sda1 and /dev/sdb1 are called kfimg-data".to_owned(),
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
        (vec![blank("sda", 5), named(labelled("sdb", 9, "kfimg-data"))], "use sdb".to_owned()),
        (vec![labelled("sda", 5, "kfimg-data-new"), named(blank("sdb", 9))], "make sdb".to_owned()),
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

/// An image's own partition, and sizes that the description gives: at least 20 GiB.
#[test]
fn an_images_own_partition_is_taken_where_its_disk_is_meant_and_else_set_aside() {
    let wanted = "a blank disk of at least 20 GiB is wanted; ";
    let cases = [
        (vec![image("sda", 20)], "use sda".to_owned()),
        // Disks for other things are left alone.
        (vec![image("sda", 40), blank("sdb", 100)], "use sda".to_owned()),
        (vec![image("sda", 40), blank("sdb", 100), blank("sdc", 100)], "use sda".to_owned()),
        (vec![labelled("sda", 40, "kfimg-data-new"), blank("sdb", 100)], "finish sda".to_owned()),
        // The disk for the system is too small for data.
        (vec![image("sda", 8), blank("sdb", 100)], "label sda kfimg-data-unused".to_owned()),
        (vec![unused("sda", 8), blank("sdb", 100)], "make sdb".to_owned()),
        (vec![unused("sda", 8), labelled("sdb", 100, "kfimg-data-new")], "finish sdb".to_owned()),
        (vec![unused("sda", 8), labelled("sdb", 100, "kfimg-data")], "use sdb".to_owned()),
        (vec![image("sda", 8)], format!("DATA_DISK_MISSING: {wanted}sda (8.0 GiB) is too small")),
        (vec![image("sda", 8), blank("sdb", 9)], {
            format!("DATA_DISK_MISSING: {wanted}sda (8.0 GiB) is too small, sdb (9.0 GiB) is too small")
        }),
        (vec![image("sda", 8), blank("sdb", 30), blank("sdc", 30)], {
            let blank = "sdb (30 GiB) is blank, sdc (30 GiB) is blank";
            format!("DATA_DISK_AMBIGUOUS: {wanted}sda (8.0 GiB) is too small, {blank}")
        }),
        // What was set aside once is only taken by name: the disk with the data may be late, or unplugged.
        (vec![unused("sda", 40)], {
            let aside = "sda (40 GiB) has kfimg-data-unused, which is taken when the description names this disk";
            format!("DATA_DISK_NOT_EMPTY: {wanted}{aside}")
        }),
        // The system's disk was replaced by that of a new image: the data are where they were.
        (vec![image("sda", 40), labelled("sdb", 5, "kfimg-data")], "label sda kfimg-data-unused".to_owned()),
        (vec![labelled("sda", 5, "kfimg-data"), blank("sdb", 100)], "use sda".to_owned()),
        (vec![image("sda", 40), image("sdb", 40)], {
            "DATA_PARTITION_TWICE: /dev/sda1 and /dev/sdb1 are called kfimg-data".to_owned()
        }),
        (vec![image("sda", 8), image("sdb", 40)], "label sda kfimg-data-unused".to_owned()),
    ];
    for (disks, expected) in cases {
        assert_eq!(chosen(&disks, 20, None), expected, "{disks:#?}");
    }
    assert_eq!(chosen(&[image("sda", 500), blank("sdb", 30)], 20, Some(40)), "label sda kfimg-data-unused");
}

/// What the agent does on its own, and what before Ignition makes the partition.
#[test]
fn a_disk_that_is_named_gets_the_data_and_data_elsewhere_stop_the_boot() {
    let elsewhere = "DATA_ELSEWHERE: /dev/sda1 on sda holds the data, and /dev/x is named";
    let twice = "DATA_PARTITION_TWICE: /dev/sda1 and /dev/sdb1 are called kfimg-data";
    let missing = "DATA_DISK_MISSING: the blank disk /dev/x is wanted; sda (40 GiB) is another disk";
    let (aside, back) = ("label sda kfimg-data-unused", "label sda kfimg-data-new");
    let data = |name| labelled(name, 40, "kfimg-data");
    let table: [(Vec<Disk>, &str, &str); 16] = [
        (vec![named(image("sda", 2))], "use sda", "nothing"),
        (vec![named(image("sda", 2)), blank("sdb", 9)], "use sda", "nothing"),
        (vec![image("sda", 40), named(blank("sdb", 9))], aside, aside),
        (vec![unused("sda", 40), named(blank("sdb", 9))], "make sdb", "nothing"),
        (vec![unused("sda", 40), named(labelled("sdb", 9, "kfimg-data-new"))], "finish sdb", "finish sdb"),
        (vec![unused("sda", 40), named(data("sdb"))], "use sdb", "nothing"),
        (vec![image("sda", 40), named(data("sdb"))], aside, aside),
        (vec![named(unused("sda", 40)), blank("sdb", 9)], back, back),
        (vec![named(labelled("sda", 40, "kfimg-data-new"))], "finish sda", "finish sda"),
        (vec![data("sda"), named(blank("sdb", 9))], elsewhere, elsewhere),
        (vec![data("sda"), named(image("sdb", 9))], elsewhere, elsewhere),
        (vec![data("sda"), named(unused("sdb", 9))], elsewhere, elsewhere),
        (vec![data("sda")], elsewhere, elsewhere),
        (vec![data("sda"), named(data("sdb"))], twice, twice),
        // Nothing is changed before the disk is there.
        (vec![image("sda", 40)], missing, missing),
        (vec![image("sda", 40), named(image("sdb", 40))], aside, aside),
    ];
    for (disks, own, ignition) in table {
        let wanted = by_name("/dev/x");
        let is_there = disks.iter().any(|disk| disk.named);
        let told = in_words(before_ignition(&disks, &wanted, is_there));
        assert_eq!(
            (in_words(choose(&disks, &wanted).map(Some)).as_str(), told.as_str()),
            (own, ignition),
            "{disks:#?}"
        );
    }
}

/// Ignition writes a table over what has none; it makes its partition beside others, and finds one whose table was lost.
#[test]
fn ignition_is_kept_from_what_it_would_overwrite_and_from_nothing_else() {
    let lvm = || disk("sdb", 9, Content::Other("holds LVM2_member".into()));
    let remains =
        || disk("sdb", 9, Content::Remains("has no partition table, but at 1 MiB the remains of ext4".into()));
    let wanted = by_name("/dev/x");
    let told = |disks: &[Disk], is_there| in_words(before_ignition(disks, &wanted, is_there));
    let refused = told(&[image("sda", 40), named(lvm())], true);
    assert!(refused.starts_with("DATA_DISK_NOT_EMPTY: ") && refused.ends_with("sdb (9.0 GiB) holds LVM2_member"));
    for disk in [labelled("sdb", 9, "home"), remains(), in_use("sdb", 9)] {
        assert_eq!(told(&[image("sda", 40), named(disk.clone())], true), "label sda kfimg-data-unused", "{disk:?}");
        assert_eq!(told(&[unused("sda", 40), named(disk)], true), "nothing");
    }
    // A disk of device mapper is none of those that are known here.
    assert_eq!(told(&[image("sda", 40)], true), "label sda kfimg-data-unused");
    assert_eq!(told(&[blank("sda", 40)], true), "nothing");
    assert!(told(&[labelled("sda", 40, "kfimg-data")], true).starts_with("DATA_ELSEWHERE: "));
}

#[test]
fn what_is_mounted_is_judged_by_where_it_lies() {
    let data = |name| labelled(name, 40, "kfimg-data");
    let judged = |disks: &[Disk], mounted: &str| {
        let is_mounted = |partition: &Partition| partition.node.to_str() == Some(mounted);
        match judge_mounted(disks, &by_name("/dev/x"), is_mounted) {
            Ok(()) => "right".to_owned(),
            Err(failure) => format!("{}: {}", failure.code.name, failure.message),
        }
    };
    assert_eq!(judged(&[named(data("sda"))], "/dev/sda1"), "right");
    assert_eq!(judged(&[image("sda", 9), named(data("sdb"))], "/dev/sdb1"), "right");
    assert_eq!(judged(&[blank("sda", 9)], "/dev/dm-1"), "right", "nobody knows better");
    let wrong = judged(&[labelled("sda", 9, "home"), named(blank("sdb", 9))], "/dev/sda1");
    assert_eq!(wrong, "DATA_ELSEWHERE: /var is mounted from sda, and /dev/x is named");
    assert!(judged(&[data("sda"), named(data("sdb"))], "/dev/sdb1").starts_with("DATA_PARTITION_TWICE: "));
}

#[test]
fn room_is_behind_the_last_partition_only() {
    let mut disk = labelled("sda", 1, "kfimg-data");
    let Content::Table(table) = &mut disk.content else { unreachable!("it has a table") };
    table.partitions.push(Partition { start: 10_000, ..table.partitions[0].clone() });
    let (first, last) = (&disk.partitions()[0], &disk.partitions()[1]);
    assert_eq!((disk.room_behind(first), disk.room_behind(last)), (0, GIB - (10_000 + 4096) * 512));
}
