//! `kfimg-agent data`: the data partition on the disk of the right size, or on the one that the description names.
//!
//! It runs before anything is mounted. It finds the partition by its label; makes it on the only blank disk that fits when
//! it is missing; gives it the rest of its disk. It never wipes, shrinks or replaces anything. The file system grows when
//! it is mounted (`kfimg-grow.service`). Where there is an Ignition, it makes the partition on a named disk before this could
//! run, and this step is not there; see `ignition`'s `data_disk`.
//!
//! A power cut at any point leaves one of four states, and each has one next step: a blank disk (make the partition, with a
//! label that nothing mounts), that partition (make its file system, give it its own label), a partition with its
//! own label but no file system (take the label away again), and the partition as it shall be.

mod choice;
mod codes;
mod disk;
mod look;
mod make;

pub(crate) use codes::CODES;

use crate::failure::Failure;
use crate::plan::DataPartition;
use crate::program::Context;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts;
use crate::wait::{Backoff, Deadline};
use choice::{Choice, choose, sought, unfinished};
use codes::{FAILED, FILESYSTEM, MISSING, NOT_EMPTY, NOT_GROWN};
use disk::{Disk, Partition, size};
use std::path::PathBuf;
use std::time::Duration;

/// What a missing disk gets to appear; the unit ends the step at 240 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// Disks that stay the same for so long are all that there are; only who makes a partition has to wait for that.
const QUIET: Duration = Duration::from_secs(2);
/// From a blank disk to a partition in use it takes three changes; more than this means that somebody else changes it too.
const CHANGES: usize = 6;
/// Room behind the partition that is not worth a change: tables and alignment take up to two.
const LEFT_OVER: u64 = 4 << 20;

/// Runs the step.
pub(crate) fn run(context: &Context, log: &mut StepLog) -> Result<(), Failure> {
    let Context { root, plan } = context;
    let Some(wanted) = &plan.data_partition else {
        log.done(&texts::data::no_disk());
        return Ok(());
    };
    make::settle();
    let node = prepare(wanted, log, &|| look::disks(root, wanted.disk.as_deref()))?;
    if !root.at("/dev/disk/by-partlabel").join(&wanted.label).exists() {
        make::tell_udev(&node);
    }
    log.done(&texts::data::done(&wanted.filesystem, node.display()));
    Ok(())
}

/// Gives the partition of this label, where there is one, the rest of its disk: before Ignition looks at it, whose `sgdisk` takes
/// the disk for as large as the image that was written to it. Gives its device, and the bytes that it got.
///
/// # Errors
/// [`FAILED`] with what `sfdisk` said; the partition is as it was.
pub(crate) fn grow(root: &Root, label: &str) -> Result<Option<(PathBuf, u64)>, Failure> {
    give_room(&look::disks(root, None), label)
}

fn give_room(disks: &[Disk], label: &str) -> Result<Option<(PathBuf, u64)>, Failure> {
    let Some((disk, partition)) = last_of_its_disk(disks, label) else { return Ok(None) };
    make::grow(disk, partition)?;
    Ok(Some((partition.node.clone(), disk.room_behind(partition))))
}

/// The first partition of this label with room behind it that is worth a change.
fn last_of_its_disk<'a>(disks: &'a [Disk], label: &str) -> Option<(&'a Disk, &'a Partition)> {
    let all = disks.iter().flat_map(|disk| disk.partitions().iter().map(move |partition| (disk, partition)));
    let mut found = all.filter(|(_, partition)| partition.label == label);
    found.find(|(disk, partition)| disk.room_behind(partition) >= LEFT_OVER)
}

/// Goes from what there is to the partition, a change at a time, and looks afresh after each. Gives its device.
fn prepare(wanted: &DataPartition, log: &mut StepLog, look: &dyn Fn() -> Vec<Disk>) -> Result<PathBuf, Failure> {
    for _ in 0..CHANGES {
        let disks = settled_disks(wanted, log, look)?;
        match choose(&disks, wanted)? {
            Choice::Make(disk) => {
                log.running(&texts::data::partition(&disk.name, size(disk.bytes)));
                make::partition(disk, &unfinished(&wanted.label))?;
            }
            Choice::Finish(disk, partition) => finish(disk, partition, wanted, log)?,
            Choice::Use(disk, partition) => {
                if take(disk, partition, wanted, log)? {
                    return Ok(partition.node.clone());
                }
            }
        }
    }
    Err(Failure::new(&FAILED, "the partition table is another one each time; does somebody else write it?"))
}

/// The disks, when a choice can be made among them and all had the time to appear.
fn settled_disks(
    wanted: &DataPartition,
    log: &mut StepLog,
    look: &dyn Fn() -> Vec<Disk>,
) -> Result<Vec<Disk>, Failure> {
    let patience = Deadline::after(PATIENCE);
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(2));
    let (mut disks, mut quiet) = (look(), Deadline::after(QUIET));
    loop {
        match choose(&disks, wanted) {
            Ok(Choice::Use(..) | Choice::Finish(..)) => return Ok(disks),
            Ok(Choice::Make(_)) if quiet.over() => return Ok(disks),
            Err(failure) if quiet.over() && (patience.over() || !may_heal(&failure)) => return Err(failure),
            Ok(Choice::Make(_)) => {}
            Err(_) => log.waiting(&texts::data::waiting(sought(wanted))),
        }
        backoff.pause(patience);
        make::settle();
        let now = look();
        if now != disks {
            quiet = Deadline::after(QUIET);
            disks = now;
        }
    }
}

fn may_heal(failure: &Failure) -> bool {
    failure.code == &MISSING || failure.code == &NOT_EMPTY
}

/// Makes the file system of a partition that was never mounted, then gives it the label by which it is mounted.
fn finish(disk: &Disk, partition: &Partition, wanted: &DataPartition, log: &mut StepLog) -> Result<(), Failure> {
    let (node, filesystem) = (partition.node.display(), &wanted.filesystem);
    announce(disk, partition)?;
    log.running(&texts::data::format(filesystem, node, size(disk.bytes)));
    make::format(partition, filesystem, &wanted.label)?;
    make::rename(disk, partition, &wanted.label)
}

/// Takes the partition as it is and grows it; false when it has no file system, and was given back the unfinished label.
fn take(disk: &Disk, partition: &Partition, wanted: &DataPartition, log: &mut StepLog) -> Result<bool, Failure> {
    let (node, filesystem) = (&partition.node, &wanted.filesystem);
    announce(disk, partition)?;
    match look::signature(node) {
        Some(found) if found == *filesystem => {}
        Some(found) => {
            let message = format!("{} holds {found}, and {filesystem} is wanted", node.display());
            return Err(Failure::new(&FILESYSTEM, message));
        }
        None => return make::rename(disk, partition, &unfinished(&wanted.label)).map(|()| false),
    }
    let room = disk.room_behind(partition);
    if room >= LEFT_OVER {
        log.running(&texts::data::grow(node.display(), size(room)));
        if let Err(failure) = make::grow(disk, partition) {
            log.warn(&NOT_GROWN, &failure.message);
        }
    }
    Ok(true)
}

/// A table that the kernel did not understand is written anew, both copies of it.
fn announce(disk: &Disk, partition: &Partition) -> Result<(), Failure> {
    if !partition.known {
        make::rename(disk, partition, &partition.label)?;
    }
    make::wait_for_node(&partition.node)
}

#[cfg(test)]
mod tests;
