//! Which disk carries the data partition, decided from what is known of all of them.
//!
//! A partition that bears the label and holds something wins over every other and over every blank disk, whatever the size of its
//! disk: data are found before anything is made. An image brings a partition with the label that holds nothing: it is
//! taken where its disk is one that the description means, as a blank disk would be, and before one. Else it is set aside,
//! for two of a label are one too many. Nothing is read or changed here.

use super::codes::{AMBIGUOUS, ELSEWHERE, MISSING, NOT_EMPTY, TWICE};
use super::disk::{Content, Disk, Partition, Table, size};
use super::ours::{Ours, Place, only, unfinished, unused};
use crate::failure::Failure;
use crate::plan::DataPartition;

/// What is to be done next.
#[derive(Debug)]
pub(super) enum Choice<'a> {
    /// The partition is there.
    Use(&'a Disk, &'a Partition),
    /// A partition of ours is there that was never mounted: its file system may be half made.
    Finish(&'a Disk, &'a Partition),
    /// A blank disk is to get the partition.
    Make(&'a Disk),
    /// A partition that holds nothing is to get another label.
    Rename(&'a Disk, &'a Partition, String),
}

impl<'a> Choice<'a> {
    /// Whether it is a partition with data, which no disk that comes later makes another.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Use(_, partition) if partition.holds.is_some())
    }

    fn partition(&self) -> Option<&'a Partition> {
        match self {
            Self::Use(_, partition) | Self::Finish(_, partition) | Self::Rename(_, partition, _) => Some(partition),
            Self::Make(_) => None,
        }
    }
}

/// Chooses.
///
/// # Errors
/// [`MISSING`] and [`NOT_EMPTY`], which another disk that appears may heal; [`AMBIGUOUS`], [`TWICE`] and [`ELSEWHERE`].
pub(super) fn choose<'a>(disks: &'a [Disk], wanted: &DataPartition) -> Result<Choice<'a>, Failure> {
    let ours = Ours::among(disks, &wanted.label);
    let choice = chosen(&ours, disks, wanted)?;
    Ok(stray(&ours, choice.partition(), wanted).unwrap_or(choice))
}

/// Chooses what is to be done before Ignition makes the partition on the disk that is named; [`None`]: nothing. Ignition also
/// makes it beside other partitions, and on disks that are none here. `is_there` says whether the path leads to something.
///
/// # Errors
/// As of [`choose`]. [`NOT_EMPTY`] means that Ignition would write its table over something.
pub(super) fn before_ignition<'a>(
    disks: &'a [Disk],
    wanted: &DataPartition,
    is_there: bool,
) -> Result<Option<Choice<'a>>, Failure> {
    match choose(disks, wanted) {
        Ok(choice @ (Choice::Finish(..) | Choice::Rename(..))) => return Ok(Some(choice)),
        Ok(Choice::Use(..) | Choice::Make(_)) => return Ok(None),
        Err(failure) if failure.code == &TWICE || failure.code == &ELSEWHERE || !is_there => return Err(failure),
        Err(failure) if disks.iter().any(|disk| disk.named && matches!(disk.content, Content::Other(_))) => {
            return Err(failure);
        }
        Err(_) => {}
    }
    let ours = Ours::among(disks, &wanted.label);
    Ok(stray(&ours, ours.empty.iter().find(|place| place.disk.named).map(|place| place.partition), wanted))
}

fn chosen<'a>(ours: &Ours<'a>, disks: &'a [Disk], wanted: &DataPartition) -> Result<Choice<'a>, Failure> {
    if let Some(Place { disk, partition }) = ours.data(wanted)? {
        return Ok(Choice::Use(disk, partition));
    }
    // One that was set aside is only taken back by name: as long as it is not, the disk with the data may only be late.
    let unused: &[Place<'a>] = if wanted.disk.is_some() { &ours.unused } else { &[] };
    let begun = [ours.unfinished.as_slice(), &ours.empty, unused].concat();
    let begun: Vec<Place<'a>> =
        begun.into_iter().filter(|place| other_is_meant(place.disk, wanted).is_none()).collect();
    let Some(Place { disk, partition }) = only(&begun, &wanted.label)? else { return blank(disks, wanted) };
    Ok(match &partition.label {
        label if *label == wanted.label => Choice::Use(disk, partition),
        label if *label == unfinished(&wanted.label) => Choice::Finish(disk, partition),
        _ => Choice::Rename(disk, partition, unfinished(&wanted.label)),
    })
}

/// The blank disk that is to get the partition.
fn blank<'a>(disks: &'a [Disk], wanted: &DataPartition) -> Result<Choice<'a>, Failure> {
    let free: Vec<&Disk> = meant(disks, wanted).filter(|disk| disk.unfit.is_none()).collect();
    let blank: Vec<&Disk> = free.iter().copied().filter(|disk| disk.content == Content::Blank).collect();
    let code = match blank.as_slice() {
        [disk] => return Ok(Choice::Make(disk)),
        [] if free.is_empty() => &MISSING,
        [] => &NOT_EMPTY,
        _ => &AMBIGUOUS,
    };
    Err(Failure::new(code, format!("{} is wanted; {}", sought(wanted), list(disks, wanted))))
}

/// Blank disks that could have been taken, and were not, because an image's own partition was; for a person to know.
pub(super) fn spared<'a>(disks: &'a [Disk], wanted: &'a DataPartition) -> Vec<&'a str> {
    let blank = |disk: &&Disk| disk.unfit.is_none() && disk.content == Content::Blank;
    meant(disks, wanted).filter(blank).map(|disk| disk.name.as_str()).collect()
}

fn meant<'a>(disks: &'a [Disk], wanted: &DataPartition) -> impl Iterator<Item = &'a Disk> {
    disks.iter().filter(|disk| other_is_meant(disk, wanted).is_none())
}

/// Another partition than the chosen one that bears the label and holds nothing.
fn stray<'a>(ours: &Ours<'a>, chosen: Option<&Partition>, wanted: &DataPartition) -> Option<Choice<'a>> {
    let other = ours.empty.iter().find(|place| !chosen.is_some_and(|chosen| std::ptr::eq(chosen, place.partition)))?;
    Some(Choice::Rename(other.disk, other.partition, unused(&wanted.label)))
}

/// What is looked for, in words.
pub(super) fn sought(wanted: &DataPartition) -> String {
    if let Some(path) = &wanted.disk {
        return format!("the blank disk {path}");
    }
    let least = size(wanted.min_disk_bytes.unwrap_or_default());
    match wanted.max_disk_bytes {
        Some(most) => format!("a blank disk of {least} to {}", size(most)),
        None => format!("a blank disk of at least {least}"),
    }
}

/// Why a disk is not the one that the description means.
fn other_is_meant(disk: &Disk, wanted: &DataPartition) -> Option<&'static str> {
    if wanted.disk.is_some() {
        return (!disk.named).then_some("is another disk");
    }
    match disk.bytes {
        bytes if bytes < wanted.min_disk_bytes.unwrap_or_default() => Some("is too small"),
        bytes if bytes > wanted.max_disk_bytes.unwrap_or(u64::MAX) => Some("is too large"),
        _ => None,
    }
}

/// Every disk, and what speaks against it.
fn list(disks: &[Disk], wanted: &DataPartition) -> String {
    if disks.is_empty() {
        return "this machine shows no disk".to_owned();
    }
    let line = |disk: &Disk| format!("{} ({}) {}", disk.name, size(disk.bytes), verdict(disk, wanted));
    disks.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn verdict(disk: &Disk, wanted: &DataPartition) -> String {
    if let Some(problem) = other_is_meant(disk, wanted).or(disk.unfit) {
        return problem.to_owned();
    }
    match &disk.content {
        Content::Blank => "is blank".to_owned(),
        Content::Table(table) => match set_aside(table, wanted) {
            Some(partition) => format!("has {}, which is taken when the description names this disk", partition.label),
            None => format!("has a partition table with {} partitions", table.partitions.len()),
        },
        Content::Remains(what) | Content::Other(what) => what.clone(),
    }
}

/// What could be taken back.
fn set_aside<'a>(table: &'a Table, wanted: &DataPartition) -> Option<&'a Partition> {
    let label = unused(&wanted.label);
    table.partitions.iter().find(|partition| partition.label == label && partition.holds.is_none())
}

#[cfg(test)]
mod tests;
