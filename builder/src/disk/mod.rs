//! The machine template as a disk: what lies on it, and where.
//!
//! | number | name | what it is |
//! |---|---|---|
//! | 2 | `esp` | FAT32: `\EFI\BOOT\BOOTX64.EFI`, the unified kernel image |
//! | 3, 4 | `<IMAGE_VERSION>`, `<IMAGE_VERSION>-verity` | slot A: root and its hash tree, read-only |
//! | 5, 6 | `_empty`, `_empty-verity` | slot B, for the next image |
//! | 1 | `kfimg-data` | the rest of the disk, empty: `/var` |
//!
//! Types are those of the [Discoverable Partitions Specification]; the partitions of slot A have the first and the last 128 bits
//! of the root hash as UUIDs, by which `systemd-veritysetup-generator(8)` finds them. `_empty` is what `systemd-sysupdate`
//! calls a slot that may be written.
//!
//! The data partition lies last, so that it can grow, and has number 1, because Ignition knows it by that (crate `ignition`,
//! `payload/ignition.rs`). It holds no file system: Ignition or `kfimg-agent data` make one at the first boot, give it the rest of
//! the disk, and `kfimg-grow.service` grows the file system at every boot. On a larger disk the second copy of the partition
//! table is in the middle at first. `sfdisk`, which the agent uses, knows the whole disk all the same; `sgdisk`, which Ignition uses,
//! moves the copy only when it writes, so that its partition grows at the second boot. For the first one the initrd has to run
//! `sfdisk --relocate gpt-bak-std` (or `sgdisk --move-second-header`) before Ignition.
//!
//! [Discoverable Partitions Specification]: https://uapi-group.org/specifications/specs/discoverable_partitions_specification/

mod raw;

use crate::esp::{self, EspSize};
use crate::extents::{Extents, file_size};
use crate::gpt::{self, ALIGNMENT, Guid, NO_AUTO, Partition, READ_ONLY, TAIL};
use crate::output::{OutputError, RootHash};
use crate::parts::Parts;
use kfimg_images::Architecture;
pub(crate) use raw::copy;
pub use raw::write as write_raw;
use std::path::Path;

/// Name of the data partition (crate `ignition`, `content/data_disk.rs`).
const DATA: &str = "kfimg-data";
/// What systemd-sysupdate calls a partition that waits for an image.
const EMPTY: &str = "_empty";
const ESP_TYPE: Guid = Guid::from_text("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
const LINUX_TYPE: Guid = Guid::from_text("0fc63daf-8483-4772-8e79-3d69d8477de4");

/// Bytes of an EFI system partition unless another size is said: two large unified kernel images, and one in between.
const ESP: u64 = 512 << 20;
/// The least that a data partition gets. What it really gets is the rest of the machine's disk.
const LEAST_DATA: u64 = 64 << 20;
/// Sizes of slots are multiples of this.
const SLOT_STEP: u64 = 64 << 20;
/// No disk is larger (64 TiB; VMware ends at 62), and no volume of 4096-byte clusters (64 GiB, by far).
const LARGEST: u64 = 1 << 46;
const LARGEST_ESP: u64 = 64 << 30;
const BLOCK: u64 = 4096;
/// Hashes in a block of the tree.
const FAN_OUT: u64 = BLOCK / 32;

/// Sizes, in bytes; each has a default.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DiskSizes {
    /// The whole disk; by default the smallest one.
    pub disk: Option<u64>,
    /// The root partition of a slot; by default half as much again as the root needs.
    pub slot: Option<u64>,
    /// The EFI system partition; by default 512 MiB.
    pub esp: Option<u64>,
}

impl DiskSizes {
    fn check(self) -> Result<(), OutputError> {
        let sizes = [("size of the disk", self.disk, LARGEST), ("size of a slot", self.slot, LARGEST)];
        let esp = ("size of the EFI system partition", self.esp, LARGEST_ESP);
        for (what, size, most) in sizes.into_iter().chain([esp]) {
            if let Some(size) = size.filter(|size| *size > most) {
                let problem = format!("{most} bytes are the most that can be");
                return Err(OutputError::Value { what, value: size.to_string(), problem });
            }
        }
        Ok(())
    }
}

/// Types of the partitions of a root, and of its hash tree.
fn root_types(architecture: Architecture) -> [Guid; 2] {
    match architecture {
        Architecture::Amd64 => [
            const { Guid::from_text("4f68bce3-e8cd-4db1-96e7-fbcaf984b709") },
            const { Guid::from_text("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5") },
        ],
        Architecture::Arm64 => [
            const { Guid::from_text("b921b045-1df0-41c3-af44-4c6f280d3fae") },
            const { Guid::from_text("df3300ce-d69f-4c92-978c-9bfb0f38d820") },
        ],
    }
}

/// The UUIDs by which the generator finds data and hash tree of a root.
fn root_ids(hash: &RootHash) -> [Guid; 2] {
    let (data, tree) = hash.as_str().split_at(32);
    [Guid::from_text(data), Guid::from_text(tree)]
}

/// Bytes that the hash tree of a root takes: a superblock, and a hash for each block of the level below (the kernel's
/// `Documentation/admin-guide/device-mapper/verity.rst`).
fn tree_size(root: u64) -> u64 {
    let mut level = root.div_ceil(BLOCK);
    let mut blocks = 1;
    while level > 1 {
        level = level.div_ceil(FAN_OUT);
        blocks += level;
    }
    blocks * BLOCK
}

/// The content of a disk that boots from a unified kernel image made for [`crate::output::Medium::Disk`].
///
/// # Errors
/// When a size is too small, with the least that it has to be; when the parts do not fit each other or cannot be read.
pub fn content(parts: &Parts, kernel_image: &Path, sizes: DiskSizes) -> Result<Extents, OutputError> {
    let plan = Plan::of(parts, sizes)?;
    let partitions = plan.partitions(parts);
    let of = |number| partitions.iter().find(|partition| partition.number == number).expect("all six are there");
    let mut extents = Extents::new(plan.disk);
    let (esp, id) = (of(2), Guid::derived(&format!("{} esp", plan.hash)));
    let volume = esp::volume(kernel_image, parts.architecture, EspSize::Bytes(plan.esp), esp.start, id)?;
    extents.embed(esp.start, volume);
    extents.place_file(of(3).start, &parts.root)?;
    extents.place_file(of(4).start, &parts.verity)?;
    gpt::place(&mut extents, Guid::derived(&format!("{} disk", plan.hash)), &partitions);
    Ok(extents)
}

/// How large everything is.
struct Plan {
    hash: RootHash,
    esp: u64,
    slot: u64,
    tree: u64,
    data: u64,
    disk: u64,
}

impl Plan {
    fn of(parts: &Parts, sizes: DiskSizes) -> Result<Self, OutputError> {
        sizes.check()?;
        let hash = RootHash::of(parts)?;
        let root = file_size(&parts.root)?;
        let tree_file = file_size(&parts.verity)?;
        if root == 0 || root % BLOCK != 0 {
            return Err(OutputError::part(&parts.root, "a root has whole blocks of 4096 bytes"));
        }
        if tree_file != tree_size(root) {
            let problem = format!("the hash tree of this root has {} bytes, and this has {tree_file}", tree_size(root));
            return Err(OutputError::part(&parts.verity, problem));
        }
        let slot = sizes.slot.unwrap_or((root + root / 2).next_multiple_of(SLOT_STEP)) / ALIGNMENT * ALIGNMENT;
        if slot < root {
            let needs = format!("the root of {root} bytes");
            let least = root.next_multiple_of(ALIGNMENT);
            return Err(OutputError::TooSmall { what: "a slot", needs, room: slot, least });
        }
        let tree = tree_size(slot).next_multiple_of(ALIGNMENT);
        let esp = sizes.esp.unwrap_or(ESP) / ALIGNMENT * ALIGNMENT;
        let fixed = ALIGNMENT + esp + 2 * (slot + tree);
        let least = fixed + LEAST_DATA + ALIGNMENT;
        let disk = sizes.disk.unwrap_or(least) / ALIGNMENT * ALIGNMENT;
        if disk < least {
            let needs = "an EFI system partition, two slots and a data partition".to_owned();
            return Err(OutputError::TooSmall { what: "the disk", needs, room: disk, least });
        }
        let data = (disk - TAIL) / ALIGNMENT * ALIGNMENT - fixed;
        Ok(Self { hash, esp, slot, tree, data, disk })
    }

    /// In the order in which they lie on the disk.
    fn partitions(&self, parts: &Parts) -> Vec<Partition> {
        let [root_type, tree_type] = root_types(parts.architecture);
        let [root, tree] = root_ids(&self.hash);
        let derived = |name: &str| Guid::derived(&format!("{} {name}", self.hash));
        let version = &parts.image_version;
        // A name has 36 characters; a version that is longer loses its end.
        let tree_name = |name: &str| format!("{}-verity", name.chars().take(29).collect::<String>());
        let mut start = ALIGNMENT;
        let mut next = |number, kind, id, name: String, length, flags| {
            let partition = Partition { number, kind, id, name, start, length, flags };
            start += length;
            partition
        };
        vec![
            next(2, ESP_TYPE, derived("esp"), "esp".into(), self.esp, 0),
            next(3, root_type, root, version.chars().take(36).collect(), self.slot, READ_ONLY),
            next(4, tree_type, tree, tree_name(version), self.tree, READ_ONLY),
            next(5, root_type, derived("root b"), EMPTY.into(), self.slot, READ_ONLY | NO_AUTO),
            next(6, tree_type, derived("verity b"), tree_name(EMPTY), self.tree, READ_ONLY | NO_AUTO),
            next(1, LINUX_TYPE, derived("data"), DATA.into(), self.data, 0),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::tree_size;

    /// What veritysetup 2.6.1 makes of roots of so many blocks.
    #[test]
    fn the_tree_is_as_large_as_veritysetup_makes_it() {
        for (blocks, tree) in [(1, 1), (2, 2), (128, 2), (129, 4), (16_384, 130), (16_385, 133)] {
            assert_eq!(tree_size(blocks * 4096) / 4096, tree, "{blocks}");
        }
    }
}
