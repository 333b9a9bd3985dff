//! Records of etcd's log, as far as the guard looks into them (etcd, `server/storage/wal/walpb/record.proto`,
//! `api/etcdserverpb/raft_internal.proto`; raft, `raftpb/raft.proto`).
//!
//! Whether a record is whole is `frame`'s to find out.

use super::protobuf::{Fields, Malformed, Value};
use crate::guard::{ClusterId, MemberId};
use std::ops::Range;

/// What a record says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Content {
    /// Whose log it is; the same in every file.
    Metadata {
        /// The cluster.
        cluster: ClusterId,
        /// The member.
        member: MemberId,
    },
    /// An entry.
    Entry {
        /// The term in which it was proposed.
        term: u64,
        /// Its place in the log, from 1.
        index: u64,
        /// Whether it is one of those that a founder writes before it asks anybody: a member is added in term 1, and
        /// nobody proposed it, so it has no id (raft, `bootstrap.go`).
        founding: bool,
    },
    /// Term, vote and commit.
    State {
        /// The last term that the member has seen.
        term: u64,
        /// The member for which it voted in that term; 0: for nobody.
        vote: u64,
        /// Index of the last entry that is known to be committed.
        commit: u64,
    },
    /// The checksum of all files before.
    Crc,
    /// A snapshot was taken.
    Snapshot {
        /// Index of the last entry in it.
        index: u64,
    },
}

/// A record's checksum and content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Record {
    /// CRC-32C over the data of all records up to this one; in [`Content::Crc`], up to the one before.
    pub(super) crc: u32,
    /// Where the data lie in the record, for the checksum.
    pub(super) data: Range<usize>,
    /// What it says.
    pub(super) content: Result<Content, Malformed>,
}

impl Record {
    /// Of a record of `total` bytes, from as many of its first bytes as are at hand.
    pub(super) fn parse(head: &[u8], total: usize) -> Result<Self, Malformed> {
        let (mut kind, mut crc, mut data) = (0, 0, 0..0);
        for field in Fields::new(head, total) {
            match field? {
                (1, Value::Number(number)) => kind = number,
                (2, Value::Number(number)) => crc = u32::try_from(number).map_err(|_| Malformed)?,
                (3, Value::Bytes(range)) => data = range,
                _ => {}
            }
        }
        let at_hand = head.get(data.start..data.end.min(head.len())).unwrap_or_default();
        let content = content(kind, at_hand, data.len());
        Ok(Self { crc, data, content })
    }
}

/// `head`: the first bytes of a message of `total` bytes.
fn content(kind: u64, head: &[u8], total: usize) -> Result<Content, Malformed> {
    Ok(match kind {
        1 => {
            let [member, cluster] = numbers(head, total, [1, 2])?;
            Content::Metadata { cluster: ClusterId(cluster), member: MemberId(member) }
        }
        2 => {
            let [kind, term, index] = numbers(head, total, [1, 2, 3])?;
            let founding = kind == 1 && term == 1 && adds_founder(head, total).unwrap_or(false);
            Content::Entry { term, index, founding }
        }
        3 => {
            let [term, vote, commit] = numbers(head, total, [1, 2, 3])?;
            Content::State { term, vote, commit }
        }
        4 => Content::Crc,
        5 => Content::Snapshot { index: numbers(head, total, [1])?[0] },
        _ => return Err(Malformed),
    })
}

/// Numbers of a message, by their fields; those that are left out are 0.
fn numbers<const N: usize>(head: &[u8], total: usize, wanted: [u64; N]) -> Result<[u64; N], Malformed> {
    let mut found = [0; N];
    for field in Fields::new(head, total) {
        let (number, value) = field?;
        let place = wanted.iter().position(|wanted| *wanted == number);
        match (place, value) {
            (Some(place), Value::Number(value)) => found[place] = value,
            (Some(_), Value::Bytes(_)) => return Err(Malformed),
            (None, _) => {}
        }
    }
    Ok(found)
}

/// Whether the data of an entry are a change that adds a voter and that nobody proposed.
fn adds_founder(head: &[u8], total: usize) -> Result<bool, Malformed> {
    let mut change = None;
    for field in Fields::new(head, total) {
        if let (4, Value::Bytes(range)) = field? {
            change = Some(range);
        }
    }
    let change = change.and_then(|range| head.get(range)).ok_or(Malformed)?;
    let [proposal, kind] = numbers(change, change.len(), [1, 2])?;
    Ok(proposal == 0 && kind == 0)
}
