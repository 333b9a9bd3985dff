//! Reads what is known of this machine's disks: from `/sys/block`, and from what `blkid` and `sfdisk` read on them.
//!
//! Partition tables are read from the disks and not from the kernel, which does not see a table whose first copy a power
//! cut has torn. Whatever can't be read counts as something that must not be touched.

use super::disk::{Content, Disk, Partition, Table};
use crate::command::{self, CommandError};
use crate::plan::DataPartition;
use crate::root::Root;
use serde::Deserialize;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Bound of one program. A disk that does not answer keeps its reader for 30 s.
const TIME: Duration = Duration::from_secs(35);
/// Most bytes of an answer; a GPT has 128 partitions.
const LIMIT: u64 = 256 << 10;
/// Sectors of `/sys/block/*/size`, whatever the disk's own are.
const SYSFS_SECTOR: u64 = 512;
/// Where the partition of a new table begins. What once was a file system may still lie there.
pub(super) const START: u64 = 1 << 20;
/// Bytes at both ends of a disk in which signatures and tables lie.
const END: u64 = 1 << 20;

/// What is looked for on disks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'a> {
    /// Label of the data partition. What lies on a partition whose label begins with it is looked at.
    pub(super) label: &'a str,
    /// The path by which the description names a disk, often a link that udev makes.
    pub(super) disk: Option<&'a str>,
}

impl<'a> Sought<'a> {
    /// What a plan says.
    pub(super) fn of(wanted: &'a DataPartition) -> Self {
        Self { label: &wanted.label, disk: wanted.disk.as_deref() }
    }
}

/// All disks, sorted by name. Loop devices, RAM disks, device mapper and software RAID are none, and of a disk that is reached
/// by several paths neither is a path.
pub(super) fn disks(root: &Root, sought: Sought<'_>) -> Vec<Disk> {
    let entries = std::fs::read_dir(root.at("/sys/block")).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| is_hardware(root, name));
    names.sort();
    std::thread::scope(|scope| {
        let looks: Vec<_> = names.iter().map(|name| scope.spawn(|| disk(root, name, sought))).collect();
        looks
            .into_iter()
            .filter_map(|look| look.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// One disk; [`None`] where there is no medium.
pub(super) fn disk(root: &Root, name: &str, sought: Sought<'_>) -> Option<Disk> {
    let bytes = attribute(root, name, "size").parse::<u64>().ok()?.saturating_mul(SYSFS_SECTOR);
    if bytes == 0 {
        return None;
    }
    let node = root.at("/dev").join(name);
    let (unfit, mut content) = (unfit(root, name, &node), content(root, name, &node, bytes));
    if let Content::Table(table) = &mut content {
        look_into(table, &node, sought.label);
    }
    let named = sought.disk.is_some_and(|path| is_same(&root.at(path), &node));
    Some(Disk { name: name.to_owned(), node, bytes, named, unfit, content })
}

/// What lies on the partitions that may be ours. One that the kernel does not know has nobody written to, but by way of its disk.
fn look_into(table: &mut Table, disk: &Path, label: &str) {
    for partition in table.partitions.iter_mut().filter(|partition| partition.label.starts_with(label)) {
        let start = partition.start.saturating_mul(table.sector);
        let (device, offset) = if partition.known { (partition.node.as_path(), 0) } else { (disk, start) };
        partition.holds = signature_at(device, offset);
    }
}

/// Whether a path leads to a device.
pub(super) fn is_same(path: &Path, node: &Path) -> bool {
    matches!((path.canonicalize(), node.canonicalize()), (Ok(path), Ok(node)) if path == node)
}

/// Whether a device has this number, `8:1`.
pub(super) fn is_device(root: &Root, node: &Path, number: &str) -> bool {
    let name = node.file_name().unwrap_or_default();
    let file = root.at("/sys/class/block").join(name).join("dev");
    std::fs::read_to_string(file).is_ok_and(|text| text.trim() == number)
}

/// Devices of the partitions that had this label when the kernel read their tables, sorted.
pub(super) fn known(root: &Root, label: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root.at("/sys/class/block")).into_iter().flatten().flatten();
    let has_label = |entry: &std::fs::DirEntry| known_label(&entry.path()).as_deref() == Some(label);
    let mut nodes: Vec<PathBuf> =
        entries.filter(has_label).map(|entry| root.at("/dev").join(entry.file_name())).collect();
    nodes.sort();
    nodes
}

/// The label that a partition had when the kernel read its table, where it had one. `folder` is the partition's own in `/sys`.
pub(crate) fn known_label(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("uevent")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("PARTNAME=")).map(str::to_owned)
}

/// What is on a partition: the name of a file system, or other words; [`None`] when nothing is.
pub(super) fn signature(node: &Path) -> Option<String> {
    signature_at(node, 0)
}

fn signature_at(node: &Path, offset: u64) -> Option<String> {
    let first = match read_end(node, SeekFrom::Start(offset)) {
        Ok(first) => first,
        Err(error) => return Some(format!("what can't be read ({error})")),
    };
    match probe(node, offset) {
        Probed::Nothing => damaged(&first).map(str::to_owned),
        Probed::Found { kind: Some(kind), .. } => Some(kind),
        Probed::Found { table, .. } => Some(format!("a {} partition table", table.unwrap_or_default())),
        Probed::Unclear(reason) => Some(format!("what blkid can't tell ({reason})")),
    }
}

/// NVMe shows each path to a shared disk as a hidden one; of others `multipathd` makes one disk of device mapper.
fn is_hardware(root: &Root, name: &str) -> bool {
    let hidden = attribute(root, name, "hidden") == "1";
    let folder = root.at("/sys/block").join(name);
    let holders = std::fs::read_dir(folder.join("holders")).into_iter().flatten().flatten();
    let mut kinds = holders.filter_map(|holder| std::fs::read_to_string(holder.path().join("dm/uuid")).ok());
    folder.join("device").exists() && !hidden && !kinds.any(|kind| kind.starts_with("mpath-"))
}

fn attribute(root: &Root, name: &str, attribute: &str) -> String {
    let file = root.at("/sys/block").join(name).join(attribute);
    std::fs::read_to_string(file).unwrap_or_default().trim().to_owned()
}

fn unfit(root: &Root, name: &str, node: &Path) -> Option<&'static str> {
    if attribute(root, name, "ro") == "1" {
        return Some("is read-only");
    }
    if attribute(root, name, "removable") == "1" {
        return Some("is removable");
    }
    // The kernel lets nobody else have a disk that is mounted, swapped to, or part of something, or whose partition is.
    let exclusive = i32::try_from(rustix::fs::OFlags::EXCL.bits()).unwrap_or_default();
    match OpenOptions::new().read(true).custom_flags(exclusive).open(node) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => Some("is in use"),
        Err(_) => Some("can't be opened"),
    }
}

fn content(root: &Root, name: &str, node: &Path, bytes: u64) -> Content {
    let ends = read_end(node, SeekFrom::Start(0)).and_then(|first| Ok((first, read_end(node, last(bytes))?)));
    let (first, last) = match ends {
        Ok(ends) => ends,
        Err(error) => return Content::Other(format!("can't be read ({error})")),
    };
    match probe(node, 0) {
        Probed::Nothing => {
            damaged(&first).map_or_else(|| remains(node), |what| Content::Other(format!("holds {what}")))
        }
        Probed::Found { table: Some(table), .. } if table == "gpt" => match partitions(root, name, node) {
            Ok(table) => Content::Table(table),
            Err(error) => Content::Other(format!("has a partition table that can't be read ({error})")),
        },
        // The protective first sector of a GPT that a power cut kept from being written.
        Probed::Found { table: Some(table), kind: None }
            if table == "PMBR" && are_zero(&first[512..]) && are_zero(&last) =>
        {
            remains(node)
        }
        Probed::Found { kind: Some(kind), .. } => Content::Other(format!("holds {kind}")),
        Probed::Found { table, .. } => Content::Other(format!("has a {} partition table", table.unwrap_or_default())),
        Probed::Unclear(reason) => Content::Other(format!("holds what blkid can't tell ({reason})")),
    }
}

/// A file system whose first sectors are damaged, as by a write that a power cut has torn: since util-linux 2.39 `blkid`
/// says that there is nothing when the checksum is wrong. Who wipes one (`wipefs`) removes the number that is sought here.
fn damaged(first: &[u8]) -> Option<&'static str> {
    match first {
        _ if first.starts_with(b"XFSB") => Some("a damaged xfs"),
        _ if first.get(1080..1082) == Some(&[0x53, 0xEF]) => Some("a damaged ext4"),
        _ => None,
    }
}

/// A file system whose table was wiped begins where ours would.
fn remains(node: &Path) -> Content {
    let first = match read_end(node, SeekFrom::Start(START)) {
        Ok(first) => first,
        Err(error) => return Content::Other(format!("can't be read ({error})")),
    };
    match probe(node, START) {
        Probed::Nothing => match damaged(&first) {
            Some(what) => Content::Remains(format!("has no partition table, but at 1 MiB {what}")),
            None => Content::Blank,
        },
        Probed::Found { kind, table } => {
            let what = kind.or(table).unwrap_or_default();
            Content::Remains(format!("has no partition table, but at 1 MiB the remains of {what}"))
        }
        Probed::Unclear(reason) => Content::Remains(format!("holds at 1 MiB what blkid can't tell ({reason})")),
    }
}

fn last(bytes: u64) -> SeekFrom {
    SeekFrom::Start(bytes.saturating_sub(END))
}

fn are_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// blkid tells a disk that can't be read from a blank one by no exit code.
fn read_end(node: &Path, from: SeekFrom) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(node)?;
    file.seek(from)?;
    let mut bytes = Vec::new();
    file.take(END).read_to_end(&mut bytes)?;
    bytes.resize(bytes.len().max(512), 0);
    Ok(bytes)
}

/// What `blkid` says.
enum Probed {
    Nothing,
    Found { kind: Option<String>, table: Option<String> },
    Unclear(String),
}

/// Probes a device itself, without blkid's memory.
fn probe(node: &Path, offset: u64) -> Probed {
    let mut blkid = Command::new("blkid");
    blkid.args(["-p", "-o", "export", "-O", &offset.to_string()]).arg(node);
    let said = match command::run(&mut blkid, TIME, LIMIT) {
        Ok(said) => said,
        Err(error) => return Probed::Unclear(error.to_string()),
    };
    let text = String::from_utf8_lossy(&said.output).into_owned();
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned);
    let (kind, table) = (value("TYPE"), value("PTTYPE"));
    match said.code {
        // A partition without anything on it still has its entry in the table told of.
        Some(0) if kind.is_none() && table.is_none() => Probed::Nothing,
        Some(0) => Probed::Found { kind, table },
        Some(2) if said.complaint.is_empty() => Probed::Nothing,
        _ => Probed::Unclear(said.complaint),
    }
}

/// `sfdisk --json`, as far as it is needed.
#[derive(Deserialize)]
struct Dump {
    partitiontable: DumpedTable,
}

#[derive(Deserialize)]
struct DumpedTable {
    #[serde(default = "usual_sector")]
    sectorsize: u64,
    #[serde(default)]
    partitions: Vec<DumpedPartition>,
}

#[derive(Deserialize)]
struct DumpedPartition {
    node: PathBuf,
    start: u64,
    size: u64,
    #[serde(default)]
    name: String,
}

fn usual_sector() -> u64 {
    SYSFS_SECTOR
}

fn partitions(root: &Root, disk: &str, node: &Path) -> Result<Table, CommandError> {
    let mut sfdisk = Command::new("sfdisk");
    let said = command::output(sfdisk.arg("--json").arg(node), TIME, LIMIT)?;
    let parsed: Result<Dump, _> = serde_json::from_slice(&said);
    let Dump { partitiontable: DumpedTable { sectorsize, partitions } } =
        parsed.map_err(|error| CommandError::Failed { program: "sfdisk".to_owned(), complaint: error.to_string() })?;
    let partitions = partitions.into_iter().filter_map(|found| {
        let name = found.node.file_name()?.to_string_lossy().into_owned();
        let known = root.at("/sys/block").join(disk).join(&name).exists();
        let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let number = name[name.len() - digits..].parse().ok()?;
        let DumpedPartition { node, start, size, name: label } = found;
        Some(Partition { node, number, start, size, label, known, holds: None })
    });
    Ok(Table { sector: sectorsize, partitions: partitions.collect() })
}

#[cfg(test)]
mod tests {
    use super::damaged;

    #[test]
    fn what_blkid_no_longer_knows_is_not_taken_for_nothing() {
        let mut first = vec![0; 2048];
        assert_eq!(damaged(&first), None);
        first[1080..1082].copy_from_slice(&0xEF53_u16.to_le_bytes());
        assert_eq!(damaged(&first), Some("a damaged ext4"));
        assert_eq!(damaged(b"XFSB"), Some("a damaged xfs"));
    }
}
