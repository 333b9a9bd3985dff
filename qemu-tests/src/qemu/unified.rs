//! The unified kernel image of a disk, for firmware that can't read the disk.
//!
//! VMware's firmware starts it from a disk at PVSCSI. Debian's UEFI has no driver for that controller, though Linux has: there QEMU hands
//! the same file to the firmware, and everything from the kernel on is as on VMware.

use crate::Result;
use crate::command::{command, succeed};
use fs_err as fs;
use std::path::Path;

/// Where the EFI system partition begins on a disk (`builder`, `disk`), as mtools writes it.
const PARTITION: &str = "@@1M";
/// Where UEFI looks for it on a disk that it does not know (UEFI 2.10, 3.5.1.1).
const FILE: &str = "::/EFI/BOOT/BOOTX64.EFI";

/// Copies it from a disk image of this format.
///
/// # Errors
/// Those of `qemu-img` and `mcopy`.
pub(super) fn copy(disk: &Path, format: &str, target: &Path) -> Result<()> {
    let plain = target.with_extension("raw");
    succeed(command("qemu-img").args(["convert", "-f", format, "-O", "raw"]).arg(disk).arg(&plain))?;
    let partition = format!("{}{PARTITION}", plain.display());
    succeed(command("mcopy").args(["-n", "-o", "-i", &partition, FILE]).arg(target))?;
    Ok(fs::remove_file(plain)?)
}
