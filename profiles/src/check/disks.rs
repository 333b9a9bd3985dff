//! The data disk of a machine: chosen in exactly one way, and a whole disk.

use super::{Subject, syntax};
use crate::description::DataDisk;
use crate::document::Path;
use crate::problem::Report;

/// A smaller disk holds neither the images of a node nor etcd, in bytes.
const SMALLEST: u64 = 4 << 30;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (path, node) in subject.parts() {
        if let Some(disk) = &node.data_disk {
            one(&path.key("dataDisk"), disk, report);
        }
    }
}

fn one(path: &Path, disk: &DataDisk, report: &mut Report) {
    let ways: Vec<&str> =
        [("id", disk.id.is_some()), ("path", disk.path.is_some()), ("minSize", disk.min_size.is_some())]
            .into_iter()
            .filter_map(|(key, is_set)| is_set.then_some(key))
            .collect();
    match ways[..] {
        [] if disk.max_size.is_some() => {}
        [] => {
            report
                .error("data-disk-choice", path, "nothing says which disk is meant")
                .help("write one of `id`, `path` and `minSize`");
        }
        [_] => {}
        [first, second, ..] => {
            report
                .error(
                    "data-disk-choice",
                    path.key(second),
                    format!("the disk is chosen by `{first}` and by `{second}`"),
                )
                .at_key()
                .note(path.key(first), "chosen here as well")
                .help(format!("keep one of them; `{first}: null` takes back what another layer says"));
        }
    }
    sizes(path, disk, report);
    if let Some(id) = &disk.id {
        let is_name = !id.is_empty() && !id.contains('/') && !id.chars().any(|c| c.is_whitespace() || c.is_control());
        if !is_name {
            report
                .error("data-disk-path", path.key("id"), format!("`{id}` is no name below /dev/disk/by-id/"))
                .help("write the name alone, such as wwn-0x5000c500a1b2c3d4, or use `path`");
        }
        if id.rsplit_once("-part").is_some_and(|(_, number)| is_number(number)) {
            partition(path.key("id"), id, report);
        }
    }
    if let Some(device) = &disk.path {
        device_path(path.key("path"), device, report);
    }
}

fn sizes(path: &Path, disk: &DataDisk, report: &mut Report) {
    if let Some(min) = disk.min_size.filter(|min| min.get() < SMALLEST) {
        report
            .error("data-disk-size", path.key("minSize"), format!("a disk of {min} is too small for /var"))
            .help("write at least 4Gi; 20Gi or more is good");
    }
    match (disk.min_size, disk.max_size) {
        (Some(min), Some(max)) if max < min => {
            report
                .error(
                    "data-disk-size",
                    path.key("maxSize"),
                    format!("`maxSize` {max} is smaller than `minSize` {min}"),
                )
                .note(path.key("minSize"), "the least size")
                .help("write a `maxSize` above `minSize`, or leave it out");
        }
        (None, Some(_)) => {
            report
                .error("data-disk-choice", path.key("maxSize"), "`maxSize` chooses a disk together with `minSize` only")
                .help("write `minSize`, or remove `maxSize`");
        }
        _ => {}
    }
}

fn device_path(path: Path, device: &str, report: &mut Report) {
    if !device.starts_with("/dev/") || !syntax::is_clean_path(device) {
        report
            .error("data-disk-path", path, format!("`{device}` is no path of a disk"))
            .help("write an absolute path such as /dev/sdb or /dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:1:0");
    } else if is_partition(device) {
        partition(path, device, report);
    }
}

fn partition(path: Path, device: &str, report: &mut Report) {
    report
        .error(
            "data-disk-partition",
            path,
            format!("`{device}` is a partition, and kfimg makes its own on a whole disk"),
        )
        .help("write the disk itself");
}

/// By the kernel's naming: `sda1`, `vdb2`, `nvme0n1p1`, `mmcblk0p1`, and udev's `…-part1`.
fn is_partition(device: &str) -> bool {
    let name = device.rsplit('/').next().unwrap_or_default();
    if name.rsplit_once("-part").is_some_and(|(_, number)| is_number(number)) {
        return true;
    }
    let letters = ["sd", "vd", "xvd", "hd"].into_iter().find_map(|kind| name.strip_prefix(kind));
    if let Some(rest) = letters {
        return rest
            .trim_start_matches(|c: char| c.is_ascii_lowercase())
            .bytes()
            .next()
            .is_some_and(|b| b.is_ascii_digit());
    }
    let is_numbered = name.starts_with("nvme") || name.starts_with("mmcblk");
    is_numbered
        && name
            .rsplit_once('p')
            .is_some_and(|(disk, number)| is_number(number) && disk.ends_with(|c: char| c.is_ascii_digit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_partition;

    #[test]
    fn partitions_are_told_from_disks() {
        for device in ["/dev/sda1", "/dev/vdb12", "/dev/nvme0n1p1", "/dev/mmcblk0p2", "/dev/disk/by-path/x-part3"] {
            assert!(is_partition(device), "{device}");
        }
        for device in
            ["/dev/sda", "/dev/vdb", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/disk/by-path/x-part", "/dev/mapper/p1"]
        {
            assert!(!is_partition(device), "{device}");
        }
    }
}
