//! The disk and its forms: gdisk, dosfstools, mtools, veritysetup and qemu-img read them.

use crate::made::Made;
use crate::program::{both, program, run, succeed};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::extents::Extents;
use kfimg_builder::output::{Medium, Watch};
use kfimg_builder::{qcow2, vmdk};
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

const MIB: u64 = 1 << 20;
const PORTION: usize = 1 << 20;

fn content(made: &Made, sizes: DiskSizes) -> Extents {
    disk::content(&made.parts, &made.kernel_image(Medium::Disk), sizes).unwrap()
}

/// What sgdisk tells of a partition.
fn told(disk: &Path, number: u32, key: &str) -> String {
    let said = succeed(program("sgdisk").arg(format!("-i{number}")).arg(disk));
    let line = said.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
    line.unwrap_or_else(|| panic!("{key} in {said}")).to_owned()
}

/// A partition as a file, with holes where there is nothing.
fn partition(made: &Made, disk: &Path, number: u32) -> PathBuf {
    let number_of = |key| told(disk, number, key).split(' ').next().unwrap().parse::<u64>().unwrap();
    let (first, last) = (number_of("First sector"), number_of("Last sector"));
    let path = made.path(&format!("partition{number}"));
    let (from, to) = (File::open(disk).unwrap(), File::create(&path).unwrap());
    to.set_len((last + 1 - first) * 512).unwrap();
    let mut portion = vec![0; PORTION];
    let zeros = vec![0; PORTION];
    for place in (0..(last + 1 - first) * 512).step_by(PORTION) {
        // Partitions are whole mebibytes.
        from.read_exact_at(&mut portion, first * 512 + place).unwrap();
        if portion != zeros {
            to.write_all_at(&portion, place).unwrap();
        }
    }
    path
}

#[test]
fn partitions_are_what_gdisk_and_systemd_look_for() {
    let made = Made::new("partitions");
    let disk = made.path("disk.raw");
    disk::write_raw(&content(&made, DiskSizes::default()), &disk, &Watch::default()).unwrap();
    let said = succeed(program("sgdisk").arg("-v").arg(&disk));
    assert!(said.contains("No problems found"), "{said}");
    let metadata = fs::metadata(&disk).unwrap();
    assert!(metadata.blocks() * 512 < 16 * MIB && metadata.len() > 600 * MIB, "sparse: {metadata:?}");
    assert_eq!(metadata.mode() & 0o777, 0o644);

    let uuid = |digits: &str| {
        let groups = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        groups.join("-").to_uppercase()
    };
    let (data, tree) = made.parts.root_hash.split_at(32);
    assert_eq!(told(&disk, 3, "Partition unique GUID"), uuid(data));
    assert_eq!(told(&disk, 4, "Partition unique GUID"), uuid(tree));
    let names = [1, 2, 3, 4, 5, 6].map(|number| told(&disk, number, "Partition name"));
    let expected = ["kfimg-data", "esp", "1.36.3-1", "1.36.3-1-verity", "_empty", "_empty-verity"];
    assert_eq!(names, expected.map(|name| format!("'{name}'")));
    let code = |number| told(&disk, number, "Partition GUID code");
    assert!(code(2).contains("EFI system partition"), "{}", code(2));
    assert!(code(1).contains("Linux filesystem"), "{}", code(1));
    if cfg!(target_arch = "x86_64") {
        assert!(code(3).contains("Linux x86-64 root (/)") && code(5) == code(3), "{}", code(3));
        assert!(code(4).contains("x86-64 root verity") && code(6) == code(4), "{}", code(4));
    }

    let [root, tree] = [3, 4].map(|number| partition(&made, &disk, number));
    succeed(program("veritysetup").arg("verify").args([&root, &tree]).arg(&made.parts.root_hash));
}

/// A larger disk: its table is mended as the initrd does it, and the data partition can have the rest.
#[test]
fn the_data_partition_can_grow() {
    let made = Made::new("grow");
    let disk = made.path("disk.raw");
    disk::write_raw(&content(&made, DiskSizes::default()), &disk, &Watch::default()).unwrap();
    let before = told(&disk, 1, "Last sector");
    File::options().write(true).open(&disk).unwrap().set_len(4 << 30).unwrap();
    succeed(program("sgdisk").arg("--move-second-header").arg(&disk));
    // As Ignition resizes it: deleted, and made anew from the same sector with the same name and number.
    let first = told(&disk, 1, "First sector");
    let first = first.split(' ').next().unwrap();
    let id = told(&disk, 1, "Partition unique GUID");
    let mut sgdisk = program("sgdisk");
    sgdisk.args(["--delete=1", &format!("--new=1:{first}:+0"), "--change-name=1:kfimg-data"]);
    succeed(sgdisk.arg(format!("--partition-guid=1:{id}")).arg(&disk));
    assert_ne!(told(&disk, 1, "Last sector"), before);
    assert!(told(&disk, 1, "Last sector").contains("(at 4.0 GiB)"), "{}", told(&disk, 1, "Last sector"));
    assert!(succeed(program("sgdisk").arg("-v").arg(&disk)).contains("No problems found"));
}

#[test]
fn firmware_finds_the_program_on_a_sound_volume() {
    let made = Made::new("esp");
    for mebibytes in [33, 512] {
        let disk = made.path("disk.raw");
        let sizes = DiskSizes { esp: Some(mebibytes * MIB), ..DiskSizes::default() };
        disk::write_raw(&content(&made, sizes), &disk, &Watch::default()).unwrap();
        let volume = partition(&made, &disk, 2);
        let said = succeed(program("fsck.fat").args(["-n", "-v"]).arg(&volume));
        assert!(said.contains("32 bit entries"), "{said}");
        assert!(said.contains(": 4 files, "), "{mebibytes} MiB: {said}");
        let name = if cfg!(target_arch = "aarch64") { "BOOTAA64.EFI" } else { "BOOTX64.EFI" };
        let copy = made.path("copy.efi");
        let _ = fs::remove_file(&copy);
        succeed(program("mcopy").arg("-i").arg(&volume).arg(format!("::EFI/BOOT/{name}")).arg(&copy));
        assert!(fs::read(&copy).unwrap() == fs::read(made.path("disk.efi")).unwrap(), "{mebibytes} MiB");
    }
}

#[test]
fn hypervisors_read_the_same_disk() {
    let made = Made::new("forms");
    // Some tables of each kind.
    let sizes = DiskSizes { disk: Some(3 << 30), ..DiskSizes::default() };
    let content = content(&made, sizes);
    let [raw, qcow2, vmdk] = ["disk.raw", "disk.qcow2", "disk.vmdk"].map(|name| made.path(name));
    disk::write_raw(&content, &raw, &Watch::default()).unwrap();
    qcow2::write(&content, &qcow2, &Watch::default()).unwrap();
    vmdk::write(&content, &made.parts.root_hash, &vmdk, &Watch::default()).unwrap();
    for (format, path) in [("qcow2", &qcow2), ("vmdk", &vmdk)] {
        let said = run(program("qemu-img").args(["check", "-f", format]).arg(path));
        assert!(said.status.success() && both(&said).contains("No errors were found"), "{}", both(&said));
        let mut compare = program("qemu-img");
        succeed(compare.args(["compare", "-f", "raw", "-F", format]).args([&raw, path]));
        let size = fs::metadata(path).unwrap().len();
        assert!(size < 9 * MIB, "compressed: {format} has {size} bytes");
        let mut information = program("qemu-img");
        let information = succeed(information.args(["info", "-f", format]).arg(path));
        assert!(information.contains("3 GiB"), "{information}");
        let kind = if format == "qcow2" { "compression type: zstd" } else { "create type: streamOptimized" };
        assert!(information.contains(kind), "{information}");
    }
}

/// One core or many: a writer that let blocks pass each other would not survive this.
#[test]
fn the_same_parts_give_the_same_bytes() {
    let outputs = |name: &str, threads: usize| {
        let made = Made::new(name);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let content = content(&made, DiskSizes::default());
            disk::write_raw(&content, &made.path("disk.raw"), &Watch::default()).unwrap();
            qcow2::write(&content, &made.path("disk.qcow2"), &Watch::default()).unwrap();
            vmdk::write(&content, &made.parts.root_hash, &made.path("disk.vmdk"), &Watch::default()).unwrap();
        });
        ["disk.efi", "disk.qcow2", "disk.vmdk"].map(|name| fs::read(made.path(name)).unwrap())
    };
    assert!(outputs("same/one", 1) == outputs("same/other/folder", 7));
}
