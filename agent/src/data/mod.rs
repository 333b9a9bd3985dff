//! `kfimg-agent data`: the data partition on the disk of the right size, or on the one that the description names.
//!
//! It runs before anything is mounted. It finds the partition by its label; makes it on the only blank disk that fits when
//! it is missing; gives it the rest of its disk. An image's own partition that is not meant gets another label. It never wipes,
//! shrinks or replaces anything. The file system grows when it is mounted (`kfimg-grow.service`). Where there is an Ignition, it
//! makes the partition on a named disk before this could run, and this step is not there; see `ignition`'s `data_disk`. The initrd
//! of an image looks first whether it may ([`before_ignition`]).
//!
//! A power cut at any point leaves one of four states, and each has one next step: a blank disk (make the partition, with a
//! label that nothing mounts), that partition (make its file system, give it its own label), a partition with its
//! own label but no file system (take the label away again), and the partition as it shall be.

mod choice;
mod codes;
mod disk;
mod look;
mod make;
mod ours;

pub(crate) use codes::CODES;
pub(crate) use look::known_label;

use crate::failure::Failure;
use crate::plan::DataPartition;
use crate::program::Context;
use crate::root::Root;
use crate::step::StepLog;
use crate::texts::{self, Text};
use crate::wait::{Backoff, Deadline};
use choice::{Choice, choose, sought, spared};
use codes::{ELSEWHERE, FAILED, FILESYSTEM, MISSING, NOT_EMPTY, NOT_GROWN};
use disk::{Disk, Partition, size};
use look::Sought;
use ours::{Ours, Place, places, twice, unfinished};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a missing disk gets to appear; the unit ends the step at 240 s.
const PATIENCE: Duration = Duration::from_secs(60);
/// Disks that stay the same for so long are all that there are; only who makes a partition has to wait for that.
const QUIET: Duration = Duration::from_secs(2);
/// From a blank disk to a partition in use it takes three changes, and one for each partition that is set aside; more than this
/// means that somebody else changes it too.
const CHANGES: usize = 8;
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
    let node = prepare(wanted, log, &|| look::disks(root, Sought::of(wanted)))?;
    link(root, &wanted.label, &node)?;
    log.done(&texts::data::done(&wanted.filesystem, node.display()));
    Ok(())
}

/// Sees that the name by which the partition is mounted leads to it, and not to one that had its label until now.
fn link(root: &Root, label: &str, node: &Path) -> Result<(), Failure> {
    let link = root.at("/dev/disk/by-partlabel").join(label);
    if !look::is_same(&link, node) {
        make::tell_udev(node);
    }
    if link.exists() && !look::is_same(&link, node) {
        let message = format!("{} leads elsewhere than to {}", link.display(), node.display());
        return Err(Failure::new(&FAILED, message));
    }
    Ok(())
}

/// Sees that the data partition is well defined before Ignition makes it on the disk that a payload names: no other disk has one
/// that holds something, and an image's own that is not meant is out of the way. It waits for the disk for `patience`.
///
/// # Errors
/// [`codes::TWICE`], [`ELSEWHERE`], [`MISSING`], [`NOT_EMPTY`], [`FAILED`]. Nothing was made.
pub(crate) fn before_ignition(
    root: &Root,
    wanted: &DataPartition,
    patience: Duration,
    tell: &mut dyn FnMut(Text),
) -> Result<(), Failure> {
    let path = root.at(wanted.disk.as_deref().unwrap_or_default());
    let patience = Deadline::after(patience);
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(2));
    while !path.exists() && !patience.over() {
        backoff.pause(patience);
    }
    make::settle();
    clear(wanted, &path, tell, &|| look::disks(root, Sought::of(wanted)))
}

fn clear(
    wanted: &DataPartition,
    path: &Path,
    tell: &mut dyn FnMut(Text),
    look: &dyn Fn() -> Vec<Disk>,
) -> Result<(), Failure> {
    for _ in 0..CHANGES {
        match choice::before_ignition(&look(), wanted, path.exists())? {
            Some(Choice::Finish(disk, partition)) => finish(disk, partition, wanted, tell)?,
            Some(Choice::Rename(disk, partition, label)) => rename(disk, partition, &label, tell)?,
            Some(Choice::Use(..) | Choice::Make(_)) | None => return Ok(()),
        }
    }
    Err(changed_by_somebody())
}

/// Whether what is mounted is the one data partition of this machine, on the disk that the description means. `device` is its
/// number as `/proc/self/mountinfo` has it.
///
/// # Errors
/// [`codes::TWICE`], [`ELSEWHERE`].
pub(crate) fn check_mounted(root: &Root, wanted: &DataPartition, device: &str) -> Result<(), Failure> {
    let disks = look::disks(root, Sought::of(wanted));
    judge_mounted(&disks, wanted, |partition| look::is_device(root, &partition.node, device))
}

fn judge_mounted(
    disks: &[Disk],
    wanted: &DataPartition,
    is_mounted: impl Fn(&Partition) -> bool,
) -> Result<(), Failure> {
    Ours::among(disks, &wanted.label).data(wanted)?;
    let mounted = disks.iter().find(|disk| disk.partitions().iter().any(&is_mounted));
    match (mounted, &wanted.disk) {
        (Some(disk), Some(path)) if !disk.named => {
            let message = format!("{} is mounted from {}, and {path} is named", wanted.mount_point, disk.name);
            Err(Failure::new(&ELSEWHERE, message))
        }
        _ => Ok(()),
    }
}

/// The partition of this label that holds something, else the first, by what the kernel knows. Nothing is opened but
/// these partitions, so that nobody who opens a root is in the way.
///
/// # Errors
/// [`codes::TWICE`].
pub(crate) fn filled(root: &Root, label: &str) -> Result<Option<PathBuf>, Failure> {
    let known = look::known(root, label);
    let filled: Vec<&PathBuf> = known.iter().filter(|node| look::signature(node).is_some()).collect();
    match filled.as_slice() {
        [] => Ok(known.first().cloned()),
        [one] => Ok(Some((*one).clone())),
        several => Err(twice(several.iter().map(|node| node.as_path()), label)),
    }
}

/// Gives the partition of this label, where there is one, the rest of its disk: before Ignition looks at it, whose `sgdisk` takes
/// the disk for as large as the image that was written to it. Gives its device, and the bytes that it got.
///
/// # Errors
/// [`FAILED`] with what `sfdisk` said; the partition is as it was.
pub(crate) fn grow(root: &Root, label: &str) -> Result<Option<(PathBuf, u64)>, Failure> {
    give_room(&look::disks(root, Sought { label, disk: None }), label)
}

fn give_room(disks: &[Disk], label: &str) -> Result<Option<(PathBuf, u64)>, Failure> {
    let Some(Place { disk, partition }) = last_of_its_disk(disks, label) else { return Ok(None) };
    make::grow(disk, partition)?;
    Ok(Some((partition.node.clone(), disk.room_behind(partition))))
}

/// The first partition of this label with room behind it that is worth a change.
fn last_of_its_disk<'a>(disks: &'a [Disk], label: &str) -> Option<Place<'a>> {
    let mut found = places(disks).filter(|place| place.partition.label == label);
    found.find(|place| place.disk.room_behind(place.partition) >= LEFT_OVER)
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
            Choice::Finish(disk, partition) => {
                spare(&disks, wanted, partition, log);
                finish(disk, partition, wanted, &mut |text| log.running(&text))?;
            }
            Choice::Rename(disk, partition, label) => rename(disk, partition, &label, &mut |text| log.running(&text))?,
            Choice::Use(disk, partition) => {
                if take(disk, partition, wanted, log)? {
                    return Ok(partition.node.clone());
                }
            }
        }
    }
    Err(changed_by_somebody())
}

fn changed_by_somebody() -> Failure {
    Failure::new(&FAILED, "the partition table is another one each time; does somebody else write it?")
}

/// Somebody who attached a disk for the data may have meant it: now nothing is lost by saying so.
fn spare(disks: &[Disk], wanted: &DataPartition, partition: &Partition, log: &mut StepLog) {
    let blank = spared(disks, wanted);
    if !blank.is_empty() {
        log.running(&texts::data::spare(partition.node.display(), blank.join(" and ")));
    }
}

fn rename(disk: &Disk, partition: &Partition, label: &str, tell: &mut dyn FnMut(Text)) -> Result<(), Failure> {
    tell(texts::data::rename(partition.node.display(), &partition.label, label));
    make::rename(disk, partition, label)?;
    make::tell_udev(&partition.node);
    Ok(())
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
            Ok(choice) if choice.is_final() || quiet.over() => return Ok(disks),
            Err(failure) if quiet.over() && (patience.over() || !may_heal(&failure)) => return Err(failure),
            Ok(_) => {}
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
fn finish(
    disk: &Disk,
    partition: &Partition,
    wanted: &DataPartition,
    tell: &mut dyn FnMut(Text),
) -> Result<(), Failure> {
    let (node, filesystem) = (partition.node.display(), &wanted.filesystem);
    announce(disk, partition)?;
    tell(texts::data::format(filesystem, node, size(disk.bytes)));
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
