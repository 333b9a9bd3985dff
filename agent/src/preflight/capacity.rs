//! Memory, and the space and state of the data partition.
//!
//! Making the partition is `data`'s, growing its file system `systemd-growfs`'s.

use super::Findings;
use super::codes::{DATA_FULL, DATA_LOW, DATA_NOT_MOUNTED, DATA_READ_ONLY, DATA_SMALL, MEMORY};
use crate::data;
use crate::plan::{DataPartition, Plan};
use crate::root::Root;

/// Where all that lasts lies, with or without a partition of its own.
const LASTING: &str = "/var";
/// Bytes below which a node that ran before does not start: etcd's write-ahead log alone takes 64 MB at a time.
const FULL: u64 = 256 << 20;

/// The machine has the memory that the role needs.
pub(super) fn check_memory(root: &Root, plan: &Plan, findings: &mut Findings) {
    let text = std::fs::read_to_string(root.at("/proc/meminfo")).unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes = total.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    // Nobody runs without meminfo; a check that can't be made stops no boot.
    let Some(bytes) = kibibytes.map(|kibibytes| kibibytes << 10) else { return };
    let needed = plan.preflight.memory_bytes;
    if bytes < needed {
        findings.add(&MEMORY, format!("{} MiB, where {} MiB are needed", bytes >> 20, needed >> 20));
    }
}

/// The data partition is there, can be written, and has room.
pub(super) fn check_data(root: &Root, plan: &Plan, findings: &mut Findings) {
    if let Some(partition) = &plan.data_partition {
        let mounts = mounts(root);
        let Some(mount) = Mount::find(&mounts, partition) else {
            let message = format!("{} is no mount", partition.mount_point);
            return findings.add(&DATA_NOT_MOUNTED, message);
        };
        if let Some(name) = mount.partition_name(root).filter(|name| *name != partition.label) {
            let message = format!("{} is the partition {name:?}, not {:?}", mount.point, partition.label);
            return findings.add(&DATA_NOT_MOUNTED, message);
        }
        // Where an Ignition makes the partition, this is the first time that anybody looks at all disks.
        findings.0.extend(data::check_mounted(root, partition, mount.device).err());
    }
    check_space(root, plan, findings);
}

/// Whether something is mounted where the data partition belongs, be it another partition.
pub(super) fn is_mounted(root: &Root, plan: &Plan) -> bool {
    plan.data_partition.as_ref().is_some_and(|partition| Mount::find(&mounts(root), partition).is_some())
}

fn mounts(root: &Root) -> String {
    std::fs::read_to_string(root.at("/proc/self/mountinfo")).unwrap_or_default()
}

fn check_space(root: &Root, plan: &Plan, findings: &mut Findings) {
    let place = root.at(LASTING);
    let space = match rustix::fs::statvfs(&place) {
        Ok(space) => space,
        Err(error) => return findings.add(&DATA_READ_ONLY, format!("{LASTING}: {error}")),
    };
    if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return findings.add(&DATA_READ_ONLY, format!("{LASTING} is mounted read-only"));
    }
    let (free, size) = (space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize);
    let ran_before = root.state().join("generation.json").exists();
    judge_space(free, size, if ran_before { 0 } else { plan.preflight.data_bytes }, findings);
}

/// Bytes that are free, of so many; `first`: those that a first boot needs.
pub(super) fn judge_space(free: u64, size: u64, first: u64, findings: &mut Findings) {
    let message = |least: u64| {
        format!("{} MiB of {} MiB are free on {LASTING}, where {} MiB are needed", free >> 20, size >> 20, least >> 20)
    };
    if free < first {
        findings.add(&DATA_SMALL, message(first));
    } else if free < FULL {
        findings.add(&DATA_FULL, message(FULL));
    } else if free < size / 10 {
        findings.add(&DATA_LOW, message(size / 10));
    }
}

/// A line of `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`).
struct Mount<'a> {
    device: &'a str,
    point: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split(' ');
        Some(Self { device: fields.nth(2)?, point: fields.nth(1)? })
    }

    fn find(mounts: &'a str, partition: &DataPartition) -> Option<Self> {
        mounts.lines().filter_map(Mount::parse).rfind(|mount| mount.point == partition.mount_point)
    }

    /// GPT name of the partition behind it, where it is a partition with a name.
    fn partition_name(&self, root: &Root) -> Option<String> {
        data::known_label(&root.at("/sys/dev/block").join(self.device))
    }
}
