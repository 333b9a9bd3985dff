//! What can't be made is refused with its reason, and nothing is left of it.

use crate::made::Made;
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::output::{Medium, OutputError, OutputErrorKind, Watch};
use kfimg_builder::ova::{self, Machine};
use kfimg_builder::pxe::{self, Way};
use kfimg_builder::{iso, qcow2, uki, vmdk};
use kfimg_images::stop::Stop;
use std::cell::Cell;
use std::fs;
use std::path::Path;

const MIB: u64 = 1 << 20;

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}

/// What is said of a unified kernel image; nothing of it is left.
fn refusal(made: &Made) -> String {
    let before = files(&made.folder);
    let error = uki::write(&made.parts, Medium::Disk, None, &made.path("refused.efi")).unwrap_err();
    assert_eq!(files(&made.folder), before);
    error.to_string().replace(&format!("{}/", made.folder.display()), "")
}

#[test]
fn a_kernel_image_without_its_parts_is_refused() {
    let mut made = Made::new("refused");
    let stub = made.parts.stub.take().unwrap();
    assert!(refusal(&made).contains("install systemd-boot-efi in the base"), "{}", refusal(&made));

    let stub = fs::read(stub).unwrap();
    let path = made.path("stub");
    made.parts.stub = Some(path.clone());
    let with = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refusal(&made)
    };
    assert_eq!(with(b"#!/bin/sh\n"), "stub: it is damaged: its headers point outside of it");
    assert_eq!(with(&[&b"\x7fELF"[..], &[0; 4096]].concat()), "stub: it is no UEFI program");
    assert_eq!(with(&vec![0; 5 * 1024 * 1024]), "stub: it is too large to be systemd-stub");
    let mut other = stub.clone();
    let coff = u32::from_le_bytes(other[0x3c..0x40].try_into().unwrap()) as usize + 4;
    other[coff..coff + 2].copy_from_slice(&[0x4c, 0x01]);
    assert!(with(&other).starts_with("stub: it is for another architecture than "), "{}", with(&other));
    for part in [&made.parts.kernel, &made.parts.initrd] {
        fs::File::options().write(true).open(part).unwrap().set_len(4096).unwrap();
    }
    // Cut off or with any byte of its headers turned round: an error or an image, never a panic.
    for length in (0..stub.len()).step_by(997).chain((0..0x300).step_by(5)) {
        fs::write(&path, &stub[..length]).unwrap();
        let _ = uki::write(&made.parts, Medium::Disk, None, &made.path("cut.efi"));
    }
    for place in (0..0x400).step_by(2) {
        let mut turned = stub.clone();
        turned[place] ^= 0xff;
        fs::write(&path, &turned).unwrap();
        let _ = uki::write(&made.parts, Medium::Disk, None, &made.path("turned.efi"));
    }
}

#[test]
fn values_that_nobody_could_boot_are_refused() {
    let made = Made::new("values");
    fs::write(&made.parts.kernel, b"\x7fELF").unwrap();
    assert_eq!(refusal(&made), "vmlinuz: this is no kernel that UEFI can start (built with CONFIG_EFI_STUB)");
    fs::remove_file(&made.parts.kernel).unwrap();
    assert_eq!(refusal(&made), "reading vmlinuz: No such file or directory (os error 2)");
    let mut made = Made::new("values");
    made.parts.command_line = "quiet\nroot=/dev/sda".into();
    assert!(refusal(&made).ends_with("a command line is one line, and this has the character '\\n' in it"));
    let mut made = Made::new("values");
    made.parts.image_version = "1,2".into();
    assert!(refusal(&made).starts_with("IMAGE_VERSION \"1,2\": os-release allows"), "{}", refusal(&made));
    made.parts.root_hash = "abc".into();
    assert!(refusal(&made).starts_with("root hash \"abc\": a SHA-256 root hash has 64"), "{}", refusal(&made));
}

#[test]
fn sizes_that_are_too_small_are_told_with_the_least() {
    let made = Made::new("sizes");
    let kernel_image = made.kernel_image(Medium::Disk);
    let told = |sizes: DiskSizes| {
        let error = disk::content(&made.parts, &kernel_image, sizes).unwrap_err();
        assert_eq!(error.kind(), OutputErrorKind::Usage);
        error.to_string()
    };
    let disk = told(DiskSizes { disk: Some(100 * MIB), ..DiskSizes::default() });
    assert!(disk.starts_with("the disk has 104857600 bytes, and an EFI system partition, two slots"), "{disk}");
    let slot = told(DiskSizes { slot: Some(2 * MIB), ..DiskSizes::default() });
    assert!(slot.starts_with("a slot has 2097152 bytes") && slot.ends_with("say at least 7Mi"), "{slot}");
    let esp = told(DiskSizes { esp: Some(16 * MIB), ..DiskSizes::default() });
    assert!(
        esp.starts_with("the EFI system partition has 16777216 bytes") && esp.ends_with("say at least 33Mi"),
        "{esp}"
    );
    for size in [1 << 47, u64::MAX] {
        let large = told(DiskSizes { slot: Some(size), esp: Some(size), disk: Some(size) });
        assert!(large.ends_with("bytes are the most that can be"), "{large}");
    }
    // What is said is true.
    let least = |text: &str| text.rsplit(' ').next().unwrap().trim_end_matches("Mi").parse::<u64>().unwrap() * MIB;
    disk::content(&made.parts, &kernel_image, DiskSizes { disk: Some(least(&disk)), ..DiskSizes::default() }).unwrap();
    disk::content(&made.parts, &kernel_image, DiskSizes { slot: Some(least(&slot)), ..DiskSizes::default() }).unwrap();
    disk::content(&made.parts, &kernel_image, DiskSizes { esp: Some(least(&esp)), ..DiskSizes::default() }).unwrap();

    fs::write(&made.parts.verity, [0; 8192]).unwrap();
    let error = disk::content(&made.parts, &kernel_image, DiskSizes::default()).unwrap_err().to_string();
    assert!(error.contains("the hash tree of this root has"), "{error}");
}

#[test]
fn nothing_is_left_of_an_output_that_failed() {
    let made = Made::new("left");
    let kernel_image = made.kernel_image(Medium::Disk);
    let content = disk::content(&made.parts, &kernel_image, DiskSizes::default()).unwrap();
    // The root became shorter after it was looked at.
    fs::File::options().write(true).open(&made.parts.root).unwrap().set_len(4096).unwrap();
    let before = files(&made.folder);
    let error = qcow2::write(&content, &made.path("disk.qcow2"), &Watch::default()).unwrap_err().to_string();
    assert!(error.contains("root.img"), "{error}");
    fs::remove_file(&made.parts.verity).unwrap();
    let error = iso::write(&made.parts, &kernel_image, &made.path("live.iso"), &Watch::default()).unwrap_err();
    assert_eq!(error.kind(), OutputErrorKind::Program);
    assert!(error.to_string().contains("root.verity"), "{error}");
    assert_eq!(files(&made.folder), before - 1);
    let nowhere = qcow2::write(&content, &made.path("none/disk.qcow2"), &Watch::default()).unwrap_err();
    assert_eq!(nowhere.kind(), OutputErrorKind::Missing);
}

/// What each writer does when somebody asks to stop once its first bytes are told.
#[test]
fn every_writer_ends_when_it_is_asked_to_and_leaves_nothing() {
    let made = Made::new("stopped");
    let kernel_image = made.kernel_image(Medium::Disk);
    let content = disk::content(&made.parts, &kernel_image, DiskSizes::default()).unwrap();
    fs::create_dir(made.path("pxe")).unwrap();
    type Write<'a> = &'a dyn Fn(&Watch<'_>) -> Result<(), OutputError>;
    // Asked before it begins, and in the middle: how far xorriso is when it is asked is nothing that a test can know.
    const BOTH: &[bool] = &[false, true];
    let writers: [(&str, &[bool], Write<'_>); 6] = [
        ("raw", BOTH, &|watch| disk::write_raw(&content, &made.path("disk.raw"), watch)),
        ("qcow2", BOTH, &|watch| qcow2::write(&content, &made.path("disk.qcow2"), watch)),
        ("vmdk", BOTH, &|watch| vmdk::write(&content, &made.parts.root_hash, &made.path("disk.vmdk"), watch)),
        ("ova", BOTH, &|watch| {
            let machine = Machine::default();
            ova::write(&made.parts, &kernel_image, DiskSizes::default(), machine, &made.path("node.ova"), watch)
        }),
        ("iso", &[false], &|watch| iso::write(&made.parts, &kernel_image, &made.path("live.iso"), watch)),
        ("pxe", BOTH, &|watch| pxe::write(&made.parts, Way::Carried, "images", &made.path("pxe"), watch)),
    ];
    for (name, moments, write) in writers {
        let (before, told) = (files(&made.folder), Cell::new(0_u64));
        for late in moments {
            let stop = Stop::new();
            if !late {
                stop.ask();
            }
            let advanced = |bytes: u64| {
                told.set(told.get() + bytes);
                if bytes > 0 {
                    stop.ask();
                }
            };
            let error = write(&Watch::new(&stop, &advanced)).unwrap_err();
            assert_eq!(error.kind(), OutputErrorKind::Stopped, "{name}, late: {late}: {error}");
            assert_eq!((files(&made.folder), files(&made.path("pxe"))), (before, 0), "{name}, late: {late}");
            assert_eq!(told.get() > 0, *late, "{name} tells its bytes");
        }
    }
}

#[test]
fn a_name_that_no_archive_takes_is_told_before_anything_is_written() {
    let mut made = Made::new("named");
    let kernel_image = made.kernel_image(Medium::Disk);
    let before = files(&made.folder);
    made.parts.image_id = "a".repeat(60);
    for (length, is_fine) in [(28, true), (29, false)] {
        made.parts.image_version = "1".repeat(length);
        let path = made.path("node.ova");
        let sizes = DiskSizes { disk: Some(1 << 30), ..DiskSizes::default() };
        let written = ova::write(&made.parts, &kernel_image, sizes, Machine::default(), &path, &Watch::default());
        match written {
            Ok(()) => {
                assert!(is_fine);
                let listed = crate::program::succeed(crate::program::program("tar").arg("-tf").arg(&path));
                assert_eq!(listed.lines().map(str::len).max(), Some(100), "{listed}");
                fs::remove_file(path).unwrap();
            }
            Err(error) => {
                assert!(!is_fine && error.kind() == OutputErrorKind::Usage, "{error}");
                assert!(error.to_string().contains("of 90 bytes, and 89 are the most"), "{error}");
            }
        }
        assert_eq!(files(&made.folder), before);
    }
}
