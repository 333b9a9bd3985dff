//! One drive with the payloads of all machines, from which each takes its own by its network cards. Only kfimg images read it.
//!
//! The format is the agent's (`kfimg_agent::medium`). What such a drive gives away is said by whoever writes it.

use super::fat;
use kfimg_agent::medium::{INDEX, LABEL, Medium, VERSION, payload};
use std::borrow::Cow;
use std::io::{self, Write};
use thiserror::Error;

/// A machine and its payload.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The node's name.
    pub node: String,
    /// Ethernet addresses of its cards, in lower case.
    pub cards: Vec<String>,
    /// Bytes of its payload.
    pub size: u64,
    /// What tells its payload from others: a digest.
    pub digest: String,
}

/// A drive whose payloads are still elsewhere.
#[derive(Debug)]
pub struct AllInOne {
    index: Vec<u8>,
    nodes: Vec<String>,
    layout: fat::Layout,
}

/// Payloads that no drive holds.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{machines} payloads of {bytes} bytes do not fit on one drive, whose file system (FAT16) ends at 2 GiB")]
pub struct DoesNotFit {
    /// How many there are.
    pub machines: usize,
    /// Bytes of all.
    pub bytes: u64,
}

impl AllInOne {
    /// Finds a place for everything.
    ///
    /// # Errors
    /// [`DoesNotFit`].
    pub fn new(cluster: &str, machines: &[Machine]) -> Result<Self, DoesNotFit> {
        let cards =
            machines.iter().flat_map(|machine| machine.cards.iter().map(|card| (card.clone(), machine.node.clone())));
        let medium = Medium { version: VERSION, cluster: cluster.to_owned(), machines: cards.collect() };
        let mut index = serde_json::to_vec_pretty(&medium).expect("an index has text keys only");
        index.push(b'\n');
        let paths: Vec<String> = machines.iter().map(|machine| payload(&machine.node)).collect();
        let mut files = vec![(INDEX, index.len() as u64)];
        files.extend(paths.iter().map(String::as_str).zip(machines.iter().map(|machine| machine.size)));
        let digests = machines.iter().map(|machine| machine.digest.as_bytes());
        let mut label = [b' '; 11];
        label[..LABEL.len()].copy_from_slice(LABEL.as_bytes());
        let serial = fat::serial(label, std::iter::once(index.as_slice()).chain(digests));
        let bytes = machines.iter().map(|machine| machine.size).sum();
        let layout = fat::Layout::of(label, serial, &files).ok_or(DoesNotFit { machines: machines.len(), bytes })?;
        Ok(Self { index, nodes: machines.iter().map(|machine| machine.node.clone()).collect(), layout })
    }

    /// Writes the drive; each payload is asked for when its place comes, so that no more than one is in memory.
    ///
    /// # Errors
    /// When a payload can't be had or is another one than was said, or nothing more can be written.
    pub fn write(&self, out: &mut impl Write, mut payload: impl FnMut(&str) -> io::Result<Vec<u8>>) -> io::Result<()> {
        self.layout.write(out, |number| match number.checked_sub(1) {
            None => Ok(Cow::Borrowed(self.index.as_slice())),
            Some(node) => payload(&self.nodes[node]).map(Cow::Owned),
        })
    }
}
