//! Whether kernel and initrd reach the root, and the disks and cards of the machines that people have.
//!
//! A driver may be in the kernel, or a module that the initrd carries; one that only the root has comes too late. Sources: the
//! kernel's Kconfig and Makefile of each driver; what hypervisors show: VMware's guest OS defaults (KB 1010398 on PVSCSI and its
//! LSI Logic adapters), QEMU's `q35` and `pc` machines, Hyper-V, Amazon's Nitro.

use super::kernel_config::options;
use super::{Subject, listed};
use crate::initrd::Contents;
use kfimg_images::Architecture::{self, Amd64, Arm64};
use std::collections::BTreeSet;

/// A driver: the kernel's option, the module that it makes, what has it, and the machines that do.
type Driver = (&'static str, &'static str, &'static str, &'static [Architecture]);

const ALL: &[Architecture] = &[Amd64, Arm64];

/// Without one of these no image finds its root or its payload.
const NEEDED: &[Driver] = &[
    ("BLK_DEV_DM", "dm_mod", "the verified root", ALL),
    ("DM_VERITY", "dm_verity", "the verified root", ALL),
    ("OVERLAY_FS", "overlay", "the volatile /etc", ALL),
    ("EXT4_FS", "ext4", "the data partition", ALL),
    ("BLK_DEV_LOOP", "loop", "a root from the network or a disc", ALL),
];
/// Root images: only what this one is made as is needed.
const ROOTS: &[Driver] =
    &[("SQUASHFS", "squashfs", "the root image", ALL), ("EROFS_FS", "erofs", "the root image", ALL)];

/// Disks, and drives that bring a payload.
const DISKS: &[Driver] = &[
    ("VIRTIO_PCI", "virtio_pci", "QEMU", ALL),
    ("VIRTIO_BLK", "virtio_blk", "QEMU's disks", ALL),
    ("SCSI_VIRTIO", "virtio_scsi", "QEMU's SCSI disks", ALL),
    ("BLK_DEV_SD", "sd_mod", "SATA, SAS and SCSI disks", ALL),
    ("BLK_DEV_SR", "sr_mod", "discs", ALL),
    ("ISO9660_FS", "isofs", "discs and config drives", ALL),
    ("VFAT_FS", "vfat", "config drives", ALL),
    ("BLK_DEV_NVME", "nvme", "NVMe", ALL),
    ("SATA_AHCI", "ahci", "SATA", ALL),
    ("ATA_PIIX", "ata_piix", "IDE of VMware and QEMU", &[Amd64]),
    ("VMWARE_PVSCSI", "vmw_pvscsi", "VMware's PVSCSI", &[Amd64]),
    ("FUSION_SPI", "mptspi", "VMware's LSI Logic", &[Amd64]),
    ("FUSION_SAS", "mptsas", "VMware's LSI Logic SAS", &[Amd64]),
    ("HYPERV_STORAGE", "hv_storvsc", "Hyper-V's disks", &[Amd64]),
    ("MEGARAID_SAS", "megaraid_sas", "RAID of Broadcom, Dell and Lenovo", ALL),
    ("SCSI_MPT3SAS", "mpt3sas", "SAS of Broadcom", ALL),
    ("SCSI_SMARTPQI", "smartpqi", "RAID of HPE and Microchip", ALL),
    ("SCSI_HPSA", "hpsa", "older RAID of HPE", &[Amd64]),
    ("SCSI_AACRAID", "aacraid", "RAID of Adaptec", &[Amd64]),
    ("USB_XHCI_HCD", "xhci_hcd", "USB", ALL),
    ("USB_XHCI_PCI", "xhci_pci", "USB", ALL),
    ("USB_STORAGE", "usb_storage", "USB sticks", ALL),
];

/// Network cards, for who boots or gets a payload over one.
const CARDS: &[Driver] = &[
    ("VIRTIO_NET", "virtio_net", "QEMU", ALL),
    ("VMXNET3", "vmxnet3", "VMware", &[Amd64]),
    ("E1000", "e1000", "Intel 82545, and VMware and QEMU as such", &[Amd64]),
    ("E1000E", "e1000e", "Intel 1 Gb/s, and VMware as such", &[Amd64]),
    ("HYPERV_NET", "hv_netvsc", "Hyper-V", &[Amd64]),
    ("ENA_ETHERNET", "ena", "Amazon", ALL),
    ("IGB", "igb", "Intel 1 Gb/s", ALL),
    ("IGC", "igc", "Intel 2.5 Gb/s", ALL),
    ("IXGBE", "ixgbe", "Intel 10 Gb/s", ALL),
    ("I40E", "i40e", "Intel 40 Gb/s", ALL),
    ("ICE", "ice", "Intel 100 Gb/s", ALL),
    ("TIGON3", "tg3", "Broadcom 1 Gb/s", ALL),
    ("BNX2X", "bnx2x", "Broadcom 10 Gb/s", ALL),
    ("BNXT", "bnxt_en", "Broadcom 25 Gb/s and more", ALL),
    ("MLX4_EN", "mlx4_en", "Mellanox ConnectX-3", ALL),
    ("MLX5_CORE", "mlx5_core", "Mellanox ConnectX-4 and later", ALL),
    ("R8169", "r8169", "Realtek", ALL),
];

fn all() -> impl Iterator<Item = &'static Driver> {
    [NEEDED, ROOTS, DISKS, CARDS].into_iter().flatten()
}

/// Names of all modules, for who looks into an initrd.
pub(super) fn names() -> Vec<&'static str> {
    all().map(|(_, module, ..)| *module).collect()
}

/// The kernel's options of all drivers.
pub(super) fn all_options() -> impl Iterator<Item = &'static str> {
    all().map(|(option, ..)| *option)
}

/// Modules of another kernel than the image's can't be loaded.
pub(super) fn kernel(subject: &Subject<'_>) -> Vec<String> {
    let (Some(Contents::Files(found)), Some(version)) = (subject.initrd, &subject.kernel.version) else {
        return Vec::new();
    };
    if found.modules.is_empty() || found.modules.contains_key(version) {
        return Vec::new();
    }
    let others: Vec<String> = found.modules.keys().cloned().collect();
    vec![format!("the modules of the initrd are for the kernel {}, and the base's is {version}", listed(&others))]
}

pub(super) fn devices(subject: &Subject<'_>) -> Vec<String> {
    let root = ROOTS.iter().filter(|(option, ..)| subject.root_options.contains(option));
    // What the kernel has not at all is told by the lint `kernel-config`.
    let missing = missing(subject, NEEDED.iter().chain(root)).into_iter().filter(|missing| missing.is_module);
    let lines = missing.map(|Missing { driver: (_, module, why, _), .. }| format!("{module}, which {why} needs"));
    told("the initrd lacks", lines.collect())
}

pub(super) fn drivers(subject: &Subject<'_>) -> Vec<String> {
    let lines = |drivers: &'static [Driver]| missing(subject, drivers).iter().map(ToString::to_string).collect();
    let disks = told("no driver of the kernel's own, and none in the initrd, for disks of these kinds:", lines(DISKS));
    let cards = told("no driver of the kernel's own, and none in the initrd, for these network cards:", lines(CARDS));
    [disks, cards].concat()
}

fn told(what: &str, lines: Vec<String>) -> Vec<String> {
    // All of them: whoever mends the initrd has to name each.
    if lines.is_empty() { lines } else { vec![format!("{what} {}", lines.join(", "))] }
}

/// A driver that is neither in the kernel nor in the initrd.
struct Missing {
    driver: Driver,
    /// Whether the kernel has it as a module, so that the initrd could.
    is_module: bool,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { driver: (option, module, what, _), is_module } = self;
        if *is_module { write!(f, "{module} ({what})") } else { write!(f, "{module} ({what}; no CONFIG_{option})") }
    }
}

/// Nothing where kernel or initrd can't be read, which other lints tell.
fn missing(subject: &Subject<'_>, drivers: impl IntoIterator<Item = &'static Driver>) -> Vec<Missing> {
    let kernel = subject.kernel;
    let (Some(Contents::Files(found)), Some(config)) = (subject.initrd, &kernel.config) else { return Vec::new() };
    let Some(options) = options(config) else { return Vec::new() };
    let none = BTreeSet::new();
    let carried = kernel.version.as_ref().and_then(|version| found.modules.get(version)).unwrap_or(&none);
    let of_machine = drivers.into_iter().filter(|(.., machines)| machines.contains(&subject.architecture));
    let missing = of_machine.filter_map(|driver| match options.get(driver.0).map(String::as_str) {
        Some("y") => None,
        Some("m") if carried.contains(driver.1) => None,
        value => Some(Missing { driver: *driver, is_module: value == Some("m") }),
    });
    missing.collect()
}
