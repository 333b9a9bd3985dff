//! The partitions of a machine that bear the data partition's label, or one of the two that the agent gives.
//!
//! | label | what it is |
//! |---|---|
//! | `kfimg-data` | the data partition: what is mounted; in an image's own table it holds nothing yet |
//! | `kfimg-data-new` | its file system may be half made, and nothing has ever mounted it |
//! | `kfimg-data-unused` | an image's own, which held nothing when the data belonged to another disk; nothing mounts it |
//!
//! Nothing is read or changed here.

use super::codes::{ELSEWHERE, TWICE};
use super::disk::{Disk, Partition};
use crate::failure::Failure;
use crate::plan::DataPartition;
use std::path::Path;

/// A partition and the disk on which it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) disk: &'a Disk,
    pub(super) partition: &'a Partition,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Ours<'a> {
    /// With the label, and with something on it, be it what nobody can read.
    pub(super) filled: Vec<Place<'a>>,
    /// With the label, and nothing on it.
    pub(super) empty: Vec<Place<'a>>,
    pub(super) unfinished: Vec<Place<'a>>,
    /// Set aside, and still with nothing on it.
    pub(super) unused: Vec<Place<'a>>,
}

/// Label of a partition until its file system is whole. Nothing mounts it, so it holds nothing that could be lost.
pub(super) fn unfinished(label: &str) -> String {
    format!("{label}-new")
}

/// Label of a partition that came with an image and is not what the payload means.
pub(super) fn unused(label: &str) -> String {
    format!("{label}-unused")
}

impl<'a> Ours<'a> {
    /// Of these disks.
    pub(super) fn among(disks: &'a [Disk], label: &str) -> Self {
        let all = |label: &str, is_wanted: fn(&Partition) -> bool| -> Vec<Place<'a>> {
            places(disks).filter(|place| place.partition.label == label && is_wanted(place.partition)).collect()
        };
        let (unfinished, unused) = (unfinished(label), unused(label));
        Self {
            filled: all(label, |partition| partition.holds.is_some()),
            empty: all(label, |partition| partition.holds.is_none()),
            unfinished: all(&unfinished, |_| true),
            unused: all(&unused, |partition| partition.holds.is_none()),
        }
    }

    /// The data partition, where there is one that holds something.
    ///
    /// # Errors
    /// [`TWICE`]; [`ELSEWHERE`] when the description names another disk than that on which it lies.
    pub(super) fn data(&self, wanted: &DataPartition) -> Result<Option<Place<'a>>, Failure> {
        match (only(&self.filled, &wanted.label)?, &wanted.disk) {
            (Some(Place { disk, partition }), Some(path)) if !disk.named => {
                let node = partition.node.display();
                Err(Failure::new(&ELSEWHERE, format!("{node} on {} holds the data, and {path} is named", disk.name)))
            }
            (found, _) => Ok(found),
        }
    }
}

/// All partitions of these disks.
pub(super) fn places(disks: &[Disk]) -> impl Iterator<Item = Place<'_>> {
    disks.iter().flat_map(|disk| disk.partitions().iter().map(move |partition| Place { disk, partition }))
}

/// The only one of these.
///
/// # Errors
/// [`TWICE`].
pub(super) fn only<'a>(places: &[Place<'a>], label: &str) -> Result<Option<Place<'a>>, Failure> {
    match places {
        [] => Ok(None),
        [one] => Ok(Some(*one)),
        several => Err(twice(several.iter().map(|place| place.partition.node.as_path()), label)),
    }
}

/// Says that several devices bear one name.
pub(super) fn twice<'a>(nodes: impl Iterator<Item = &'a Path>, label: &str) -> Failure {
    let names: Vec<String> = nodes.map(|node| node.display().to_string()).collect();
    Failure::new(&TWICE, format!("{} are called {label}", names.join(" and ")))
}
