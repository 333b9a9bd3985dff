//! A base as Ubuntu 24.04 lays it out: another kernel's names, an initrd of several parts, units and files that Debian has not.
//! What its packages do is not asked here: nothing of it runs.

use crate::site::{Outcome, Site, listed};
use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::{OutputKind, lint::Severity};
use kfimg_images::Architecture;
use std::fs;
use std::process::Command;

const KERNEL: &str = "6.8.0-51-generic";
const OS_RELEASE: &str = "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\nID=ubuntu\n\
     ID_LIKE=debian\nUBUNTU_CODENAME=noble\n";
/// Units that Ubuntu starts, and a node does not want.
const UNITS: [&str; 4] =
    ["snapd.socket", "ua-timer.timer", "update-notifier-motd.timer", "unattended-upgrades.service"];
const PACKAGES: &str = "Package: base-files\nStatus: install ok installed\nVersion: 13ubuntu10\nSection: admin\n\n\
     Package: linux-firmware\nStatus: install ok installed\nVersion: 20240318\nSection: restricted/misc\n";

/// Microcode of two makers, modules, and then what is packed: as update-initramfs of 24.04 writes it.
fn initrd(programs: &[u8]) -> Vec<u8> {
    let early =
        ["AuthenticAMD", "GenuineIntel"].map(|maker| fake::initrd_of([format!("kernel/x86/microcode/{maker}.bin")]));
    let modules = fake::initrd_of([format!("usr/lib/modules/{KERNEL}/kernel/fs/overlayfs/overlay.ko.zst")]);
    let main = zstd::encode_all(programs, 1).unwrap();
    [early.concat(), modules, main].concat()
}

fn base(initrd: &[u8]) -> FakeBase {
    let mut base = FakeBase::new(Architecture::Amd64);
    for path in ["modules/6.1.0-fake/modules.dep", "x86_64-linux-gnu/systemd/libsystemd-shared-252.so"] {
        base.without(&format!("usr/lib/{path}"));
    }
    for name in ["vmlinuz", "initrd.img", "config"] {
        base.without(&format!("boot/{name}-6.1.0-fake"));
    }
    base.file("usr/lib/os-release", 0o644, OS_RELEASE);
    base.file("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-255.so", 0o644, "");
    // The one before it is still there, without its kernel's own initrd.
    for version in ["6.8.0-9-generic", KERNEL] {
        base.file(&format!("usr/lib/modules/{version}/modules.dep"), 0o644, "");
        base.file(&format!("boot/vmlinuz-{version}"), 0o600, fake::kernel(Architecture::Amd64));
        base.file(&format!("boot/config-{version}"), 0o644, fake::kernel_config());
    }
    base.file(&format!("boot/initrd.img-{KERNEL}"), 0o600, initrd);
    base.link("boot/vmlinuz", &format!("vmlinuz-{KERNEL}")).link("boot/initrd.img", &format!("initrd.img-{KERNEL}"));
    for unit in UNITS {
        base.file(&format!("usr/lib/systemd/system/{unit}"), 0o644, "[Unit]\n");
    }
    base.file("etc/netplan/50-cloud-init.yaml", 0o600, "network: {version: 2, ethernets: {ens3: {dhcp4: true}}}\n");
    base.file("var/lib/dpkg/status", 0o644, PACKAGES);
    for package in ["base-files", "linux-firmware"] {
        base.file(&format!("usr/share/doc/{package}/copyright"), 0o644, "License: GPL-2\n");
    }
    base.stub(Architecture::Amd64);
    base
}

#[test]
fn a_base_of_ubuntu_is_built_by_the_same_rules() {
    let site = Site::new();
    base(&initrd(&fake::initrd())).write(&site.path("base.tar"));
    let kinds = [OutputKind::Parts, OutputKind::Raw, OutputKind::Sysext];
    let Outcome { result, findings, folder } = site.build_signed("out", &kinds, None, |_| {});
    let record = result.unwrap_or_else(|error| panic!("{error}: {findings:#?}")).record;
    assert_eq!((record.system.as_str(), record.kernel_version.as_str()), ("Ubuntu 24.04.3 LTS", KERNEL));
    assert_eq!(record.packages["base-files"], "13ubuntu10");
    let told: Vec<&str> = findings.iter().filter(|one| one.severity < Severity::Note).map(|one| one.lint).collect();
    assert!(!told.contains(&"initrd-unread"), "{told:?}");
    let unfree = findings.iter().find(|finding| finding.lint == "licences-unfree").unwrap();
    assert!(unfree.text.contains("linux-firmware"), "{}", unfree.text);

    let root = listed(&folder.join("parts/root.squashfs"));
    for unit in UNITS {
        assert!(root.contains(&format!("squashfs-root/etc/systemd/system/{unit} -> /dev/null")), "{unit}\n{root}");
    }
    assert!(!root.contains("50-cloud-init.yaml"), "cards of the machine that the base was made on\n{root}");
    let unpacked = folder.join("unpacked");
    let mut unsquashfs = Command::new("unsquashfs");
    unsquashfs.arg("-d").arg(&unpacked).arg(folder.join("parts/root.squashfs")).arg("usr/lib/os-release");
    assert!(unsquashfs.output().unwrap().status.success());
    let release = fs::read_to_string(unpacked.join("usr/lib/os-release")).unwrap();
    assert!(release.starts_with(OS_RELEASE) && release.contains("IMAGE_ID=kfimg\n"), "{release}");
    // kfimg's own part lies behind all of them.
    let whole = fs::read(folder.join("parts/initrd")).unwrap();
    assert!(whole.starts_with(&initrd(&fake::initrd())) && whole.len() > initrd(&fake::initrd()).len());
}

#[test]
fn an_initrd_of_initramfs_tools_is_refused_with_what_it_lacks() {
    let site = Site::new();
    let programs = ["init", "usr/bin/busybox", "usr/bin/mount", "scripts/local"].map(str::to_owned);
    base(&initrd(&fake::initrd_of(programs))).write(&site.path("base.tar"));
    let Outcome { result, findings, .. } = site.build("out", |_| {});
    assert!(result.is_err());
    let lacking = findings.iter().find(|finding| finding.lint == "initrd-contents").unwrap();
    assert_eq!(lacking.severity, Severity::Refused);
    assert_eq!(
        lacking.text,
        "the base's initrd has no blkid, ignition, losetup, mkdir, mkfs.ext4, partx, sfdisk, systemd-networkd, systemd-veritysetup"
    );
}
