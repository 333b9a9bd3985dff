//! What differs between the machines that images are for, as the specifications have it: names of UEFI programs, types of
//! partitions, headers of kernels and stubs.

use crate::made::{Made, content};
use crate::program::{program, succeed};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::output::{Medium, OutputErrorKind, Watch};
use kfimg_builder::parts::Parts;
use kfimg_builder::uki;
use kfimg_images::Architecture;
use std::fs;
use std::path::PathBuf;

struct Row {
    architecture: Architecture,
    /// UEFI specification 2.10, table 3.2 in 3.5.1.1: what firmware looks for on media that it knows nothing about.
    firmware: &'static str,
    /// The other one.
    not: &'static str,
    /// What systemd's packages call its stub (`systemd-stub(7)`).
    stub: &'static str,
    /// Discoverable Partitions Specification: root, and its verity data.
    types: [&'static str; 2],
    /// Microsoft PE format, "Machine Types".
    machine: u16,
}

const ROWS: [Row; 2] = [
    Row {
        architecture: Architecture::Amd64,
        firmware: "BOOTX64.EFI",
        not: "BOOTAA64.EFI",
        stub: "usr/lib/systemd/boot/efi/linuxx64.efi.stub",
        types: ["4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5"],
        machine: 0x8664,
    },
    Row {
        architecture: Architecture::Arm64,
        firmware: "BOOTAA64.EFI",
        not: "BOOTX64.EFI",
        stub: "usr/lib/systemd/boot/efi/linuxaa64.efi.stub",
        types: ["B921B045-1DF0-41C3-AF44-4C6F280D3FAE", "DF3300CE-D69F-4C92-978C-9BFB0F38D820"],
        machine: 0xaa64,
    },
];
/// Types that are the same everywhere: the data partition's (Linux file system) and the EFI system partition's.
const COMMON: [(u32, &str); 2] =
    [(1, "0FC63DAF-8483-4772-8E79-3D69D8477DE4"), (2, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B")];
/// Where the EFI system partition begins: behind the table.
const ESP: &str = "1M";

#[test]
fn disks_have_the_types_and_names_that_systemd_and_firmware_of_their_machines_look_for() {
    for row in &ROWS {
        let mut made = Made::new(row.firmware);
        made.parts.architecture = row.architecture;
        let (kernel_image, path) = (made.path("disk.efi"), made.path("disk.raw"));
        fs::write(&kernel_image, content(9, 300_001)).unwrap();
        let disk = disk::content(&made.parts, &kernel_image, DiskSizes::default()).unwrap();
        disk::write_raw(&disk, &path, &Watch::default()).unwrap();
        let root = [(3, row.types[0]), (4, row.types[1]), (5, row.types[0]), (6, row.types[1])];
        for (number, expected) in COMMON.into_iter().chain(root) {
            let said = succeed(program("sgdisk").arg(format!("-i{number}")).arg(&path));
            assert!(said.contains(&format!("Partition GUID code: {expected} ")), "{number}: {said}");
        }
        let image = format!("{}@@{ESP}", path.display());
        let listed = succeed(program("mdir").args(["-b", "-i", &image, "::EFI/BOOT"]));
        let files: Vec<&str> = listed.lines().filter(|line| !line.ends_with('/')).collect();
        assert_eq!(files, [format!("::/EFI/BOOT/{}", row.firmware)], "{listed}");
        assert!(!listed.contains(row.not));
    }
}

/// A copy of the installed stub whose header says these machines.
fn stub(made: &Made, machine: u16) -> PathBuf {
    let mut bytes = fs::read(made.parts.stub.as_ref().unwrap()).unwrap();
    let header = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
    bytes[header + 4..header + 6].copy_from_slice(&machine.to_le_bytes());
    let path = made.path(&format!("stub-{machine:x}.efi"));
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn stubs_of_other_machines_are_refused_and_leave_nothing() {
    for row in &ROWS {
        assert_eq!(uki::stub_place(row.architecture), row.stub);
        let made = Made::new(&format!("stub-{}", row.firmware));
        for other in &ROWS {
            let (stub, path) = (stub(&made, other.machine), made.path("out.efi"));
            let parts = Parts { architecture: row.architecture, stub: Some(stub), ..made.parts.clone() };
            let written = uki::write(&parts, Medium::Disk, None, &path);
            if other.machine == row.machine {
                written.unwrap();
                fs::remove_file(&path).unwrap();
                continue;
            }
            let refused = written.unwrap_err();
            let problem = format!("it is for another architecture than {}", row.architecture);
            assert_eq!(refused.kind(), OutputErrorKind::Invalid, "{refused}");
            assert!(refused.to_string().contains(&problem), "{refused}");
            assert!(!path.exists());
        }
        let parts = Parts { architecture: row.architecture, stub: None, ..made.parts.clone() };
        let refused = uki::write(&parts, Medium::Disk, None, &made.path("out.efi")).unwrap_err();
        assert!(refused.to_string().contains(row.stub), "{refused}");
    }
}
