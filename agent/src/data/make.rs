//! Changes disks: makes a partition, gives it its file system and its label, grows it.
//!
//! Each change is one write of a table, or one file system in a partition that nothing has ever mounted. A partition gets
//! its own label last, so that whatever bears the label is whole.

use super::codes::{FAILED, FILESYSTEM};
use super::disk::{Disk, Partition};
use super::look::START;
use crate::command;
use crate::failure::Failure;
use crate::wait::{Backoff, Deadline};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Bound of a program that writes a table or speaks to the kernel.
const TIME: Duration = Duration::from_secs(35);
/// Bound of `mkfs`, which leaves most of its work to the mounted file system.
const FORMAT_TIME: Duration = Duration::from_secs(120);
/// What udev gets to act upon a change.
const SETTLE: Duration = Duration::from_secs(30);
/// What the kernel and udev get to show a partition's device.
const NODE_TIME: Duration = Duration::from_secs(10);
/// What others get to close a disk. One that is mounted stays open.
const REREAD: Duration = Duration::from_secs(2);
const LIMIT: u64 = 64 << 10;

/// Waits, within bounds, until udev has done what it has to do. Where no udev runs there is nothing to wait for.
pub(super) fn settle() {
    let time = format!("--timeout={}", SETTLE.as_secs());
    let _ = command::run(Command::new("udevadm").arg("settle").arg(time), SETTLE + Duration::from_secs(5), LIMIT);
}

/// Writes a table with one partition, number 1, that fills a blank disk.
///
/// # Errors
/// [`FAILED`] with what `sfdisk` said.
pub(super) fn partition(disk: &Disk, label: &str) -> Result<(), Failure> {
    let script = format!("label: gpt\nstart={}MiB, type=L, name=\"{label}\"\n", START >> 20);
    let mut sfdisk = table_writer(disk);
    fed(sfdisk.args(["--wipe", "never", "--wipe-partitions", "never"]), &script)?;
    tell_kernel(disk, 1);
    Ok(())
}

/// Gives a partition another label. Both copies of the table are written anew.
///
/// # Errors
/// [`FAILED`] with what `sfdisk` said.
pub(super) fn rename(disk: &Disk, partition: &Partition, label: &str) -> Result<(), Failure> {
    let mut sfdisk = Command::new("sfdisk");
    sfdisk.args(["--quiet", "--lock", "--force", "--no-reread", "--no-tell-kernel", "--part-label"]);
    fed(sfdisk.arg(&disk.node).args([&partition.number.to_string(), label]), "")?;
    settle();
    if !reread(disk) {
        // While others of the disk are in use, the kernel learns of a label only with a partition that is new to it.
        let number = partition.number.to_string();
        let _ = command::run(program("partx", &["--delete", "--nr", &number]).arg(&disk.node), TIME, LIMIT);
    }
    show(disk, partition.number);
    Ok(())
}

/// Gives a partition all the room behind it.
///
/// # Errors
/// [`FAILED`] with what `sfdisk` said.
pub(super) fn grow(disk: &Disk, partition: &Partition) -> Result<(), Failure> {
    let mut sfdisk = table_writer(disk);
    fed(sfdisk.args(["-N", &partition.number.to_string()]), ", +\n")?;
    tell_kernel(disk, partition.number);
    Ok(())
}

/// Makes a file system in a partition that was never mounted, over whatever an earlier try has left there.
///
/// # Errors
/// [`FILESYSTEM`] for one that nobody can make; [`FAILED`] with what `mkfs` said.
pub(super) fn format(partition: &Partition, filesystem: &str, label: &str) -> Result<(), Failure> {
    wait_for_node(&partition.node)?;
    // Blocks are given back by fstrim; some disks take minutes to take all of them back at once.
    let mut mkfs = match filesystem {
        "ext4" => program("mkfs.ext4", &["-q", "-F", "-E", "nodiscard", "-L", label]),
        "xfs" => program("mkfs.xfs", &["-q", "-f", "-K", "-L", label]),
        other => return Err(Failure::new(&FILESYSTEM, format!("this agent can't make {other}"))),
    };
    let said = command::output(mkfs.arg(&partition.node), FORMAT_TIME, LIMIT);
    said.map_err(|error| Failure::new(&FAILED, error.to_string()))?;
    let synced = std::fs::File::open(&partition.node).and_then(|device| device.sync_all());
    synced.map_err(|error| Failure::new(&FAILED, format!("{}: {error}", partition.node.display())))
}

/// Has the partition's device, waiting for it within bounds.
///
/// # Errors
/// [`FAILED`] when it does not come.
pub(super) fn wait_for_node(node: &Path) -> Result<(), Failure> {
    let deadline = Deadline::after(NODE_TIME);
    let mut backoff = Backoff::new(Duration::from_millis(20), Duration::from_millis(500));
    while !node.exists() {
        if deadline.over() {
            let message = format!("{} did not appear within {} s", node.display(), NODE_TIME.as_secs());
            return Err(Failure::new(&FAILED, message));
        }
        backoff.pause(deadline);
    }
    Ok(())
}

/// Has udev look again where it has missed a partition: the mount waits for its link.
pub(super) fn tell_udev(node: &Path) {
    let mut udevadm = Command::new("udevadm");
    let _ = command::run(udevadm.args(["trigger", "--action=change"]).arg(node), TIME, LIMIT);
    settle();
}

/// Locks the disk against udev, which else reads a half-written table; the kernel is told afterwards.
fn table_writer(disk: &Disk) -> Command {
    let mut sfdisk = program("sfdisk", &["--quiet", "--lock", "--force", "--no-reread", "--no-tell-kernel"]);
    sfdisk.arg(&disk.node);
    sfdisk
}

fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments);
    command
}

fn fed(command: &mut Command, input: &str) -> Result<(), Failure> {
    let said = command::fed(command, input.as_bytes(), TIME, LIMIT);
    let said = said.map_err(|error| Failure::new(&FAILED, error.to_string()))?;
    if said.success {
        return Ok(());
    }
    Err(Failure::new(&FAILED, format!("sfdisk: {}", said.complaint.replace('\n', "; "))))
}

/// The kernel reads the whole table where nothing of the disk is in use, else only this partition; whether it did is seen
/// by the partition's device.
fn tell_kernel(disk: &Disk, number: u32) {
    settle();
    reread(disk);
    show(disk, number);
}

fn show(disk: &Disk, number: u32) {
    let number = number.to_string();
    let _ = command::run(program("partx", &["--update", "--nr", &number]).arg(&disk.node), TIME, LIMIT);
    settle();
}

/// udev opens what has just appeared, and while anybody has a partition open the kernel does not read the table. Says whether
/// it did.
fn reread(disk: &Disk) -> bool {
    let deadline = Deadline::after(REREAD);
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(500));
    let reread = || command::run(program("blockdev", &["--rereadpt"]).arg(&disk.node), TIME, LIMIT);
    while !reread().is_ok_and(|said| said.success) {
        if deadline.over() {
            return false;
        }
        backoff.pause(deadline);
    }
    true
}
