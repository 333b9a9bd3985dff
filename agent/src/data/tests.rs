//! The step against real block devices: loop devices that `sfdisk`, `mkfs` and `blkid` work on as on any disk.
//!
//! Each test is a state that a person or a power cut leaves, and what becomes of it.

use super::disk::{Content, Disk};
use super::look::Sought;
use super::{choice, clear, give_room, look, make, ours, prepare};
use crate::plan::DataPartition;
use crate::root::Root;
use crate::step::{Step, StepLog};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes something on a disk.
type Write<'a> = &'a dyn Fn(&Loop);

/// A loop device, and its file.
struct Loop {
    folder: tempfile::TempDir,
    device: PathBuf,
}

impl Loop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("disk");
        std::fs::File::create(&file).unwrap().set_len(512 << 20).unwrap();
        let device = ran("losetup", &["--find", "--show", "--partscan", file.to_str().unwrap()]);
        Self { folder, device: device.trim().into() }
    }

    fn node(&self) -> &str {
        self.device.to_str().unwrap()
    }

    fn name(&self) -> &str {
        self.device.file_name().unwrap().to_str().unwrap()
    }

    fn look(&self) -> Vec<Disk> {
        look::disk(&Root::new("/"), self.name(), sought(self.node())).into_iter().collect()
    }

    fn prepare(&self, wanted: &DataPartition) -> Result<PathBuf, String> {
        let mut log = StepLog::begin(&Root::new(self.folder.path()), Step::Data);
        prepare(wanted, &mut log, &|| self.look())
            .map_err(|failure| format!("{}: {}", failure.code.name, failure.message))
    }

    /// Zeros, as a write that a power cut has lost.
    fn lose(&self, sector: u64, sectors: u64) {
        let (seek, count) = (format!("seek={sector}"), format!("count={sectors}"));
        let of = format!("of={}", self.node());
        ran("dd", &["if=/dev/zero", &of, "bs=512", &seek, &count, "conv=notrunc,fsync", "status=none"]);
    }

    /// What lies where tables and signatures lie.
    fn ends(&self) -> [Vec<u8>; 2] {
        use std::io::{Read, Seek, SeekFrom};
        [SeekFrom::Start(0), SeekFrom::End(-(4 << 20))].map(|from| {
            let mut bytes = vec![0; 4 << 20];
            let mut device = std::fs::File::open(&self.device).unwrap();
            device.seek(from).and_then(|_| device.read_exact(&mut bytes)).unwrap();
            bytes
        })
    }

    fn labels(&self) -> Vec<String> {
        self.look().iter().flat_map(|disk| disk.partitions().to_vec()).map(|partition| partition.label).collect()
    }

    /// What is written in a mounted file system must outlive whatever comes.
    fn with_mounted<T>(&self, node: &Path, act: impl FnOnce(&Path) -> T) -> T {
        let point = self.folder.path().join("mounted");
        std::fs::create_dir_all(&point).unwrap();
        ran("mount", &[node.to_str().unwrap(), point.to_str().unwrap()]);
        let result = act(&point);
        ran("umount", &[point.to_str().unwrap()]);
        result
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("partx").arg("--delete").arg(&self.device).output();
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).output();
    }
}

fn ran(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The data partition on this disk.
fn sought(disk: &str) -> Sought<'_> {
    Sought { label: "kfimg-data", disk: Some(disk) }
}

fn wanted(filesystem: &str) -> DataPartition {
    DataPartition {
        label: "kfimg-data".into(),
        mount_point: "/var".into(),
        filesystem: filesystem.into(),
        disk: None,
        min_disk_bytes: Some(256 << 20),
        max_disk_bytes: None,
    }
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn a_blank_disk_gets_the_partition_once_and_keeps_its_data_for_ever() {
    for filesystem in ["ext4", "xfs"] {
        let (disk, wanted) = (Loop::new(), wanted(filesystem));
        let node = disk.prepare(&wanted).unwrap();
        assert_eq!(
            (look::signature(&node).as_deref(), disk.labels()),
            (Some(filesystem), vec!["kfimg-data".to_owned()])
        );
        disk.with_mounted(&node, |point| std::fs::write(point.join("kept"), "1").unwrap());
        let before = ran("sfdisk", &["--dump", disk.node()]);
        assert_eq!(disk.prepare(&wanted), Ok(node.clone()));
        assert_eq!(ran("sfdisk", &["--dump", disk.node()]), before);
        // The copy of the table that the kernel reads is torn; the other one counts, and both are there again.
        disk.lose(1, 33);
        ran("partx", &["--delete", disk.node()]);
        assert_eq!(disk.prepare(&wanted), Ok(node.clone()));
        assert_eq!(ran("sfdisk", &["--dump", disk.node()]), before);
        // A disk that grew.
        let file = std::fs::OpenOptions::new().write(true).open(disk.folder.path().join("disk")).unwrap();
        file.set_len(700 << 20).unwrap();
        ran("losetup", &["--set-capacity", disk.node()]);
        assert_eq!(disk.prepare(&wanted), Ok(node.clone()));
        let grown = disk.look().remove(0);
        assert!(grown.room_behind(&grown.partitions()[0]) < 2 << 20 && grown.partitions()[0].size * 512 > 690 << 20);
        assert_eq!(disk.with_mounted(&node, |point| std::fs::read_to_string(point.join("kept")).unwrap()), "1");
    }
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn whatever_a_power_cut_leaves_becomes_the_partition() {
    let wanted = wanted("xfs");
    let unfinished = ours::unfinished(&wanted.label);
    let cuts: [fn(&Loop, &str); 4] = [
        |disk, unfinished| make::partition(&disk.look()[0], unfinished).unwrap(),
        |disk, unfinished| {
            // A file system that is half made: all of it is there but its end.
            make::partition(&disk.look()[0], unfinished).unwrap();
            make::format(&disk.look()[0].partitions()[0], "xfs", "kfimg-data").unwrap();
        },
        |disk, _| make::partition(&disk.look()[0], "kfimg-data").unwrap(),
        |disk, unfinished| {
            // Only the protective first sector arrived.
            make::partition(&disk.look()[0], unfinished).unwrap();
            disk.lose(1, 33);
            disk.lose((512 << 11) - 33, 33);
            ran("partx", &["--delete", disk.node()]);
        },
    ];
    for (number, cut) in cuts.iter().enumerate() {
        let disk = Loop::new();
        cut(&disk, &unfinished);
        let node = disk.prepare(&wanted).unwrap_or_else(|error| panic!("cut {number}: {error}"));
        assert_eq!(look::signature(&node).as_deref(), Some("xfs"), "cut {number}");
        assert_eq!(disk.labels(), ["kfimg-data"], "cut {number}");
        disk.with_mounted(&node, |_| ());
    }
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn what_somebody_else_wrote_is_never_touched() {
    let script = |text: &str, disk: &Loop| {
        let path = disk.folder.path().join("script");
        std::fs::write(&path, text).unwrap();
        ran("sh", &["-c", &format!("sfdisk --quiet --no-reread {} < {}", disk.node(), path.display())]);
    };
    let cases: [(Write<'_>, &str); 5] = [
        (&|disk| drop(ran("mkfs.ext4", &["-q", disk.node()])), "holds ext4"),
        (&|disk| script("label: dos\n,\n", disk), "has a dos partition table"),
        (&|disk| script("label: gpt\nname=home\n", disk), "has a partition table with 1 partitions"),
        (&|disk| script("label: gpt\n", disk), "has a partition table with 0 partitions"),
        (
            &|disk| drop(ran("mkfs.ext4", &["-q", "-E", "offset=1048576", disk.node(), "400M"])),
            "has no partition table, but at 1 MiB the remains of ext4",
        ),
    ];
    for (make, expected) in cases {
        let disk = Loop::new();
        make(&disk);
        let before = disk.ends();
        // Without the patience that the step has for another disk to appear.
        let disks = disk.look();
        let refused = choice::choose(&disks, &wanted("ext4")).unwrap_err();
        assert_eq!(refused.code.name, "DATA_DISK_NOT_EMPTY", "{expected}");
        assert!(refused.message.ends_with(expected), "{}", refused.message);
        assert!(disk.ends() == before, "{expected}: the disk was changed");
    }
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn a_labelled_partition_with_another_file_system_stays_as_it_is() {
    let disk = Loop::new();
    disk.prepare(&wanted("ext4")).unwrap();
    let refused = disk.prepare(&wanted("xfs")).unwrap_err();
    assert!(
        refused.starts_with("DATA_FILESYSTEM: ") && refused.ends_with("holds ext4, and xfs is wanted"),
        "{refused}"
    );
    assert_eq!(disk.labels(), ["kfimg-data"]);
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn a_disk_that_is_named_gets_the_partition_whatever_its_size() {
    let disk = Loop::new();
    let by_name = DataPartition { disk: Some(disk.node().to_owned()), min_disk_bytes: None, ..wanted("ext4") };
    let node = disk.prepare(&by_name).unwrap();
    assert_eq!(disk.prepare(&by_name), Ok(node.clone()));
    assert_eq!(look::signature(&node).as_deref(), Some("ext4"));
    let named = |path| look::disk(&Root::new("/"), disk.name(), sought(path)).unwrap().named;
    let link = disk.folder.path().join("by-id");
    std::os::unix::fs::symlink(disk.node(), &link).unwrap();
    assert!(named(link.to_str().unwrap()), "a link of udev's leads to it");
    assert!(!named("/dev/zero") && !named("/dev/disk/by-id/none"));
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn a_disk_in_use_gets_no_partition() {
    let disk = Loop::new();
    ran("mkfs.ext4", &["-q", disk.node()]);
    let unfit = disk.with_mounted(&disk.device, |_| disk.look()[0].unfit);
    assert_eq!(unfit, Some("is in use"));
    assert!(matches!(disk.look()[0], Disk { unfit: None, content: Content::Other(_), .. }));
}

/// An image of a disk that was written to a larger one: both copies of its table lie in the first part.
#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn the_last_partition_of_an_image_gets_the_rest_of_the_disk_while_others_of_it_are_in_use() {
    let disk = Loop::new();
    let small = disk.folder.path().join("image");
    std::fs::File::create(&small).unwrap().set_len(128 << 20).unwrap();
    let script = "label: gpt\n2: start=1MiB, size=32MiB, name=root\n1: start=33MiB, name=kfimg-data\n";
    let small = small.to_str().unwrap();
    let fed = |line: &str| ran("sh", &["-euc", line, "sh", small, disk.node(), script]);
    fed("printf '%s' \"$3\" | sfdisk --quiet \"$1\"; dd if=\"$1\" of=\"$2\" bs=1M conv=fsync status=none");
    fed("blockdev --rereadpt \"$2\"; partx --update \"$2\"; udevadm settle 2>/dev/null || true");
    // A file system that is mounted holds its partition as dm-verity does.
    let held = format!("{}p2", disk.node());
    make::wait_for_node(held.as_ref()).unwrap();
    ran("mkfs.ext4", &["-q", &held]);
    let (grown, known, again, nothing) = disk.with_mounted(held.as_ref(), |_| {
        let grow = |label| give_room(&disk.look(), label).map_err(|failure| failure.message);
        let grown = grow("kfimg-data");
        let known = ran("blockdev", &["--getsize64", &format!("{}p1", disk.node())]);
        (grown, known, grow("kfimg-data"), grow("root"))
    });
    let (node, bytes) = grown.unwrap().expect("there is room");
    assert!(node.ends_with(format!("{}p1", disk.device.file_name().unwrap().to_str().unwrap())));
    assert!(bytes > 380 << 20, "{bytes}");
    assert!(known.trim().parse::<u64>().unwrap() > 470 << 20, "the kernel knows {known}");
    assert_eq!((again, nothing), (Ok(None), Ok(None)));
}

/// As `kfimg build` makes it, with a root that is in use.
struct Image {
    disk: Loop,
    root: PathBuf,
}

impl Image {
    fn new() -> Self {
        let disk = Loop::new();
        let script = "label: gpt\n2: start=1MiB, size=32MiB, name=root\n1: start=33MiB, name=kfimg-data\n";
        let line = "printf '%s' \"$2\" | sfdisk --quiet \"$1\"; partx --update \"$1\"";
        ran("sh", &["-euc", line, "sh", disk.node(), script]);
        let held = format!("{}p2", disk.node());
        make::wait_for_node(held.as_ref()).unwrap();
        ran("mkfs.ext4", &["-q", &held]);
        let root = disk.folder.path().join("root");
        std::fs::create_dir_all(&root).unwrap();
        ran("mount", &[&held, root.to_str().unwrap()]);
        Self { disk, root }
    }

    /// What the kernel tells those who ask it for the label of the data partition.
    fn known_label(&self) -> Option<String> {
        let file = format!("/sys/class/block/{}p1/uevent", self.disk.name());
        let text = std::fs::read_to_string(file).unwrap();
        text.lines().find_map(|line| line.strip_prefix("PARTNAME=")).map(str::to_owned)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.root).output();
    }
}

/// Of both disks; the description names this one.
fn both(image: &Image, other: &Loop, named: &str) -> Vec<Disk> {
    [&image.disk, other].iter().filter_map(|disk| look::disk(&Root::new("/"), disk.name(), sought(named))).collect()
}

fn prepared(image: &Image, other: &Loop, wanted: &DataPartition) -> Result<PathBuf, String> {
    let mut log = StepLog::begin(&Root::new(other.folder.path()), Step::Data);
    let named = wanted.disk.clone().unwrap_or_default();
    prepare(wanted, &mut log, &|| both(image, other, &named))
        .map_err(|failure| format!("{}: {}", failure.code.name, failure.message))
}

fn on(disk: &Loop) -> DataPartition {
    DataPartition { disk: Some(disk.node().to_owned()), min_disk_bytes: None, ..wanted("ext4") }
}

#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn an_images_own_partition_is_set_aside_for_another_disk_and_taken_back_by_name_alone() {
    let (image, other) = (Image::new(), Loop::new());
    let node = prepared(&image, &other, &on(&other)).unwrap();
    assert_eq!(node, Path::new(&format!("{}p1", other.node())));
    assert_eq!((image.disk.labels(), other.labels()), labels("kfimg-data-unused", &["kfimg-data"]));
    assert_ne!(image.known_label().as_deref(), Some("kfimg-data"), "the kernel shows the former label");
    other.with_mounted(&node, |point| std::fs::write(point.join("kept"), "1").unwrap());

    // The description names the other disk, gives a size, or names the image's: data are where they are.
    assert_eq!(prepared(&image, &other, &on(&other)), Ok(node.clone()));
    assert_eq!(prepared(&image, &other, &wanted("ext4")), Ok(node.clone()));
    let (refused, expected) = (prepared(&image, &other, &on(&image.disk)).unwrap_err(), node.display());
    let name = other.name();
    assert_eq!(
        refused,
        format!("DATA_ELSEWHERE: {expected} on {name} holds the data, and {} is named", image.disk.node())
    );
    assert_eq!((image.disk.labels(), other.labels()), labels("kfimg-data-unused", &["kfimg-data"]));
    assert_eq!(other.with_mounted(&node, |point| std::fs::read_to_string(point.join("kept")).unwrap()), "1");

    // Somebody has emptied the other disk, and means the image's.
    ran("wipefs", &["--quiet", "--all", node.to_str().unwrap()]);
    ran("partx", &["--delete", "--nr", "1", other.node()]);
    ran("wipefs", &["--quiet", "--all", other.node()]);
    let own = prepared(&image, &other, &on(&image.disk)).unwrap();
    assert_eq!(own, Path::new(&format!("{}p1", image.disk.node())));
    assert_eq!((image.disk.labels(), other.labels()), labels("kfimg-data", &[]));
    assert_eq!(look::signature(&own).as_deref(), Some("ext4"));
    assert_ne!(image.known_label().as_deref(), Some("kfimg-data-unused"));
}

fn labels(own: &str, other: &[&str]) -> (Vec<String>, Vec<String>) {
    let own = [own, "root"].map(str::to_owned).to_vec();
    (own, other.iter().map(|label| (*label).to_owned()).collect())
}

/// A new image's disk beside the old one's data: Ignition finds one partition of the label, or does not run.
#[test]
#[ignore = "needs root and loop devices: `make data-test`"]
fn before_ignition_there_is_one_partition_of_the_label_or_the_boot_stops() {
    let (image, other) = (Image::new(), Loop::new());
    let cleared = |wanted: &DataPartition, named: &str| {
        let mut told = Vec::new();
        let path = Path::new(wanted.disk.as_deref().unwrap());
        let done = clear(wanted, path, &mut |text| told.push(text.to_string()), &|| both(&image, &other, named));
        done.map(|()| told.len()).map_err(|failure| failure.code.name)
    };
    // A power cut has left a partition that Ignition would stop at.
    make::partition(&other.look()[0], "kfimg-data-new").unwrap();
    assert_eq!(cleared(&on(&other), other.node()), Ok(2));
    assert_eq!((image.disk.labels(), other.labels()), labels("kfimg-data-unused", &["kfimg-data"]));
    assert_eq!(look::signature(format!("{}p1", other.node()).as_ref()).as_deref(), Some("ext4"));
    assert_eq!(cleared(&on(&other), other.node()), Ok(0));
    assert_eq!(cleared(&on(&image.disk), image.disk.node()), Err("DATA_ELSEWHERE"));

    // Both hold data: nobody guesses.
    make::rename(&both(&image, &other, "")[0], &both(&image, &other, "")[0].partitions()[0], "kfimg-data").unwrap();
    let own = format!("{}p1", image.disk.node());
    make::wait_for_node(own.as_ref()).unwrap();
    ran("mkfs.ext4", &["-q", &own]);
    assert_eq!(cleared(&on(&other), other.node()), Err("DATA_PARTITION_TWICE"));
    assert!(prepared(&image, &other, &on(&other)).unwrap_err().starts_with("DATA_PARTITION_TWICE: "));
    assert_eq!((image.disk.labels(), other.labels()), labels("kfimg-data", &["kfimg-data"]));

    // A disk that somebody else uses without a table.
    let full = Loop::new();
    ran("mkfs.ext4", &["-q", full.node()]);
    let before = full.ends();
    let wanted = on(&full);
    let seen = || look::disk(&Root::new("/"), full.name(), sought(full.node())).into_iter().collect::<Vec<_>>();
    let refused = clear(&wanted, &full.device, &mut |_| (), &seen).unwrap_err();
    assert_eq!(refused.code.name, "DATA_DISK_NOT_EMPTY");
    assert!(full.ends() == before, "the disk was changed");
}
