//! An EFI system partition: a FAT32 volume that holds one program at the place where firmware looks for it. Microsoft's FAT
//! specification 1.03 (2000); UEFI specification 2.10, chapter 13.3.
//!
//! The program is not copied: the volume is a list of extents. All names are short ones, every file lies in one piece, and the
//! rest of the volume is free for later updates. Crate `fatfs` writes long names for `.`, which `fsck.fat` calls damage.

mod geometry;

use crate::extents::{Extents, file_size};
use crate::gpt::Guid;
use crate::output::OutputError;
use geometry::{Geometry, SECTOR};
use kfimg_images::Architecture;
use std::path::Path;

/// Midnight of 1 January 1980, the first moment that FAT knows.
const DATE: u16 = 1 << 5 | 1;
const FOLDER: u8 = 0x10;
const FILE: u8 = 0x20;
const LABEL: u8 = 0x08;
/// The first cluster of the root folder, `EFI`, `BOOT` and the program.
const ROOT: u32 = 2;
const EFI: u32 = 3;
const BOOT: u32 = 4;
const PROGRAM: u32 = 5;
/// End of a chain of clusters.
const END: u32 = 0x0fff_ffff;

/// How large a volume is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EspSize {
    /// No larger than needed.
    Least,
    /// So many bytes, with room for updates.
    Bytes(u64),
}

/// The name that firmware looks for on media that it knows nothing about, as a short name.
fn program_name(architecture: Architecture) -> &'static [u8; 11] {
    match architecture {
        Architecture::Amd64 => b"BOOTX64 EFI",
        Architecture::Arm64 => b"BOOTAA64EFI",
    }
}

/// A volume with the program. `start` is the first byte of its partition, which the volume records; `id` gives it its serial
/// number.
///
/// # Errors
/// When the program cannot be looked at, or does not fit.
pub fn volume(
    program: &Path,
    architecture: Architecture,
    size: EspSize,
    start: u64,
    id: Guid,
) -> Result<Extents, OutputError> {
    let length = file_size(program)?;
    let Ok(file_bytes) = u32::try_from(length) else {
        return Err(OutputError::part(program, "it has 4 GiB or more, which no FAT volume can hold"));
    };
    let least = Geometry::least(length);
    let geometry = match size {
        EspSize::Least => least,
        EspSize::Bytes(bytes) => Geometry::of_size(bytes),
    };
    if geometry.room() < length {
        let needs = format!("the boot program of {length} bytes");
        let least = least.size();
        return Err(OutputError::TooSmall { what: "the EFI system partition", needs, room: geometry.size(), least });
    }
    let mut volume = Extents::new(geometry.size());
    let used = PROGRAM + geometry.clusters_of(length);
    for (sector, bytes) in geometry.head(start, id.serial(), used) {
        volume.place(sector * SECTOR, bytes);
    }
    let table = table(used);
    for sector in geometry.tables() {
        volume.place(sector * SECTOR, table.clone());
    }
    let root = [slot(b"ESP        ", LABEL, 0, 0), slot(b"EFI        ", FOLDER, EFI, 0)].concat();
    let efi = [folder_head(EFI, 0), slot(b"BOOT       ", FOLDER, BOOT, 0).to_vec()].concat();
    let file = slot(program_name(architecture), FILE, PROGRAM, file_bytes).to_vec();
    let boot = [folder_head(BOOT, EFI), file].concat();
    for (cluster, folder) in [(ROOT, root), (EFI, efi), (BOOT, boot)] {
        volume.place(geometry.cluster(cluster), folder);
    }
    volume.place_file(geometry.cluster(PROGRAM), program)?;
    Ok(volume)
}

/// The used part of the allocation table: three folders of one cluster, and the program's chain.
fn table(used: u32) -> Vec<u8> {
    let chain = PROGRAM..used;
    let next = chain.clone().map(|cluster| if cluster + 1 == chain.end { END } else { cluster + 1 });
    let entries = [0x0fff_fff8, END, END, END, END].into_iter().chain(next);
    entries.flat_map(u32::to_le_bytes).collect()
}

/// The first two entries of a folder: itself, and the one above, which is 0 for the root.
fn folder_head(own: u32, above: u32) -> Vec<u8> {
    [slot(b".          ", FOLDER, own, 0), slot(b"..         ", FOLDER, above, 0)].concat()
}

/// One entry of a folder.
fn slot(name: &[u8; 11], attributes: u8, cluster: u32, size: u32) -> [u8; 32] {
    let mut slot = [0; 32];
    let cluster = cluster.to_le_bytes();
    slot[..11].copy_from_slice(name);
    slot[11] = attributes;
    slot[16..18].copy_from_slice(&DATE.to_le_bytes());
    slot[18..20].copy_from_slice(&DATE.to_le_bytes());
    slot[20..22].copy_from_slice(&cluster[2..]);
    slot[24..26].copy_from_slice(&DATE.to_le_bytes());
    slot[26..28].copy_from_slice(&cluster[..2]);
    slot[28..].copy_from_slice(&size.to_le_bytes());
    slot
}
