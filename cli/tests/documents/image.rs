//! `docs/image.md`, its chapters on disks: what they say is written, disks are as a machine wants them, and QEMU takes the machine.
//!
//! Disks of the page (`/dev/sdX`) are files here. That such a disk boots is for `qemu-tests/kfimg_media_boot` to show.

use super::support::document::{read, script, shell, walk};
use super::support::program::{both, empty_folder, find, succeed};
use super::support::steps::{self, chapter};
use super::{succeeds, to_build_unified};
use kfimg_builder::fake::FakeBase;
use kfimg_images::Architecture;
use serde_json::Value;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

const DISKS: &str = "From a disk, a stick or a disc";
const NEXT: &str = "A new image";
/// What partitions of a disk are called, by number.
const PARTITIONS: [&str; 6] = ["kfimg-data", "esp", "1.36.3", "1.36.3-verity", "_empty", "_empty-verity"];
const KERNEL: &str = "BOOTX64.EFI";
const FORMER: &str = "BOOTX64.EFI.OLD";

/// The folder in which a reader did everything that the first of the two chapters says, once; its disks are files of 4 GiB.
fn walked() -> &'static Path {
    static WALKED: OnceLock<PathBuf> = OnceLock::new();
    WALKED.get_or_init(|| {
        let folder = empty_folder("documents/image-disks");
        to_build_unified(&folder);
        let page = read("image.md");
        let text = chapter(&page, DISKS).replace("/dev/", "");
        let count = steps::walk("image.md", &text, &folder, |command, folder| {
            let said = shell(command, folder);
            // What is written to a disk ends before the disk does.
            for disk in ["sdX", "sdY", "sdZ"].map(|name| folder.join(name)).iter().filter(|disk| disk.exists()) {
                File::options().write(true).open(disk).unwrap().set_len(4 << 30).unwrap();
            }
            said
        });
        assert_eq!(count, 8, "commands");
        folder
    })
}

/// A partition: start and size in bytes, UUID in lower case without dashes, name.
#[derive(Debug, PartialEq)]
struct Partition {
    start: u64,
    size: u64,
    uuid: String,
    name: String,
}

/// All of a disk, by number.
fn partitions(disk: &Path) -> Vec<Partition> {
    let said = succeed(Command::new(find("sfdisk")).arg("--json").arg(disk));
    let table: Value = serde_json::from_str(&said).unwrap();
    let mut found: Vec<&Value> = table["partitiontable"]["partitions"].as_array().unwrap().iter().collect();
    found.sort_by_key(|partition| partition["node"].as_str().unwrap().to_owned());
    let bytes = |value: &Value| value.as_u64().unwrap() * 512;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let partition = |one: &Value| Partition {
        start: bytes(&one["start"]),
        size: bytes(&one["size"]),
        uuid: text(&one["uuid"]).replace('-', "").to_lowercase(),
        name: text(&one["name"]),
    };
    found.into_iter().map(partition).collect()
}

fn root_hash(build: &str) -> String {
    fs::read_to_string(walked().join(build).join("parts/root.hash")).unwrap().trim_end().to_owned()
}

#[test]
fn disks_and_sticks_are_written_as_the_page_says() {
    let folder = walked();
    let named: Vec<String> = partitions(&folder.join("sdX")).into_iter().map(|partition| partition.name).collect();
    assert_eq!(named, PARTITIONS);
    let label = |file: &str| {
        let mut blkid = Command::new(find("blkid"));
        succeed(blkid.args(["-p", "-s", "LABEL", "-o", "value"]).arg(folder.join(file))).trim().to_owned()
    };
    assert_eq!(label("sdY").to_lowercase(), "config-2");
    assert_eq!(label("sdZ"), format!("KFIMG_{}", root_hash("images")[..8].to_uppercase()));
    let said = succeed(Command::new("qemu-img").args(["info", "--output=json"]).arg(folder.join("master1.qcow2")));
    let info: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(info["virtual-size"], 40_u64 << 30);
}

/// The root hash in a kernel image of a disk.
fn boots(disk: &Path, kernel: &str) -> String {
    let esp = format!("{}@@{}", disk.display(), partitions(disk)[1].start);
    let [efi, copy, line] = ["efi", "copy", "cmdline"].map(|ending| disk.with_extension(ending));
    succeed(Command::new(find("mcopy")).args(["-n", "-o", "-i", &esp, &format!("::EFI/BOOT/{kernel}")]).arg(&efi));
    let dump = format!(".cmdline={}", line.display());
    succeed(Command::new(find("objcopy")).args(["--dump-section", &dump]).args([&efi, &copy]));
    let line = fs::read_to_string(line).unwrap();
    line.split("roothash=").nth(1).unwrap()[..64].to_owned()
}

/// A slot holds this root, as systemd will find it and the kernel will read it.
fn assert_holds(disk: &Path, slot: [usize; 2], hash: &str) {
    let table = partitions(disk);
    let [root, tree] = slot.map(|number| {
        let Partition { start, size, .. } = &table[number - 1];
        let file = disk.with_extension(format!("part{number}"));
        let mut dd = Command::new("dd");
        dd.args(["bs=1M", "iflag=skip_bytes,count_bytes", "status=none", "conv=sparse"]);
        dd.args([format!("skip={start}"), format!("count={size}"), format!("if={}", disk.display())]);
        succeed(dd.arg(format!("of={}", file.display())));
        file
    });
    let uuids = slot.map(|number| table[number - 1].uuid.as_str()).concat();
    assert_eq!(uuids, hash, "the halves of the root hash are the UUIDs");
    assert_eq!(slot.map(|number| table[number - 1].name.as_str()), [PARTITIONS[2], PARTITIONS[3]]);
    succeed(Command::new(find("veritysetup")).arg("verify").args([&root, &tree]).arg(hash));
}

#[test]
fn the_next_image_goes_into_the_slot_that_does_not_boot_and_back() {
    let folder = walked();
    let mut base = FakeBase::new(Architecture::Amd64);
    base.stub(Architecture::Amd64).file("usr/share/news", 0o644, "a newer distribution\n");
    base.write(&folder.join("base-next.tar"));
    let page = read("image.md");
    assert_eq!(walk("image.md", chapter(&page, NEXT), folder), 4, "commands");
    let (disk, old, new) = (folder.join("master1.raw"), root_hash("images"), root_hash("images-next"));
    assert_ne!(old, new);
    assert_eq!([boots(&disk, KERNEL), boots(&disk, FORMER)], [new.as_str(), old.as_str()]);
    assert_holds(&disk, [3, 4], &old);
    assert_holds(&disk, [5, 6], &new);

    let next = "sh next-image.sh master1.raw images-next";
    let again = shell(next, folder);
    assert!(!again.status.success() && both(&again).contains("boots this image already"), "{}", both(&again));

    // The way back goes into the first slot, and the second stays.
    let back = "sh next-image.sh master1.raw images";
    assert!(page.contains(&format!("`{back}`")));
    succeeds("image.md", back, folder);
    assert_eq!([boots(&disk, KERNEL), boots(&disk, FORMER)], [old.as_str(), new.as_str()]);
    assert_holds(&disk, [3, 4], &old);
    assert_holds(&disk, [5, 6], &new);

    // One that is too large is refused before anything is written.
    let before = partitions(&disk);
    let large = File::options().write(true).open(folder.join("images-next/parts/root.squashfs")).unwrap();
    large.set_len(before[4].size + 4096).unwrap();
    let refused = shell(next, folder);
    assert!(
        !refused.status.success() && both(&refused).contains("does not fit into partition 5"),
        "{}",
        both(&refused)
    );
    assert!(partitions(&disk) == before && boots(&disk, KERNEL) == old);
}

#[test]
#[ignore = "needs QEMU and OVMF, which `make interop` installs"]
fn qemu_takes_the_machine_of_image() {
    // Not switched on, with its monitor in place of the console, at a port of its own, and whatever the KVM of this machine is worth.
    let line = script("image.md", "qemu-system-x86_64").trim_end().replace(" -nographic", " -display none");
    let line = line.replace("127.0.0.1:6443-", "127.0.0.1:0-").replace(" -accel kvm", "");
    let mut shell = Command::new("sh");
    shell.args(["-euc", &format!("exec {line} -S -serial none -monitor stdio")]).current_dir(walked());
    let mut qemu = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut monitor = qemu.stdin.take().unwrap();
    monitor.write_all(b"info status\ninfo block\ninfo network\nquit\n").unwrap();
    let said = qemu.wait_with_output().unwrap();
    let told = both(&said);
    assert!(said.status.success(), "{told}");
    let disks = ["master1.qcow2 (qcow2)", "config-drive.img (raw, read-only)", "OVMF_CODE_4M.fd (raw, read-only)"];
    for part in disks.into_iter().chain(["VM status: paused", "macaddr=52:54:00:00:01:51", "net=192.168.49.0"]) {
        assert!(told.contains(part), "{part} in {told}");
    }
}
