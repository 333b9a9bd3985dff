//! What etcd's write-ahead log tells while etcd does not run: whose it is, whether it can be read, whether anything was
//! ever written to it (etcd, `server/storage/wal`).
//!
//! Files are read as streams; several hundred megabytes are usual. What follows from it is the guard's. Only [`commit_all`] writes.

mod commit;
mod crc32c;
mod frame;
mod kept;
mod protobuf;
mod record;
#[cfg(test)]
mod tests;

use super::aside::MEMBER;
use crate::guard::{ClusterId, MemberId, OwnData};
pub(crate) use commit::commit_all;
pub(crate) use kept::Kept;

use frame::{End, Frame, Frames};
use record::Content;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Looks at the log below etcd's data folder. While etcd runs it looks only until it knows whether there are data: a tail
/// that is being written can't be judged.
///
/// - None: there is no log, or none with an entry, and no snapshot. A lone database is none: etcd leaves one behind when
///   it is refused.
/// - Unreadable: damage before the tail; files that are missing between others; a snapshot without a log.
/// - Unknown: reading failed.
pub(crate) fn inspect(data_dir: &Path, running: bool) -> OwnData {
    look(&data_dir.join(MEMBER), running).unwrap_or(OwnData::Unknown)
}

/// As [`inspect`], of a folder `member` of whatever name that etcd does not have open.
pub(crate) fn inspect_member(member: &Path) -> OwnData {
    look(member, false).unwrap_or(OwnData::Unknown)
}

fn look(member: &Path, running: bool) -> io::Result<OwnData> {
    let segments = segments(&member.join("wal"))?;
    let snapshots = names(&member.join("snap"))?.iter().any(|name| name.ends_with(".snap"));
    let Some(first) = segments.first() else {
        return Ok(if snapshots { OwnData::Unreadable } else { OwnData::None });
    };
    let gap = segments.windows(2).any(|pair| pair[1].sequence.checked_sub(pair[0].sequence) != Some(1));
    let mut seen = Seen { beyond: snapshots || first.sequence > 0 || first.index > 0, ..Seen::default() };
    if gap || seen.read(&segments, running)?.is_none() {
        return Ok(OwnData::Unreadable);
    }
    Ok(seen.verdict(running))
}

/// A file of the log, named `<sequence>-<index of its first entry>.wal`.
#[derive(Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Segment {
    sequence: u64,
    index: u64,
    path: PathBuf,
}

/// The log's files in their order. Files of other names are etcd's scratch.
fn segments(folder: &Path) -> io::Result<Vec<Segment>> {
    let parse = |name: &String| {
        let (sequence, index) = name.strip_suffix(".wal")?.split_once('-')?;
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        Some(Segment { sequence: number(sequence)?, index: number(index)?, path: folder.join(name) })
    };
    let mut found: Vec<_> = names(folder)?.iter().filter_map(parse).collect();
    found.sort_unstable();
    Ok(found)
}

/// Names in a folder; none when it is missing.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = match fs_err::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// What was found so far.
#[derive(Debug, Default)]
struct Seen {
    owner: Option<(ClusterId, MemberId)>,
    /// Index of the last entry.
    last: u64,
    /// Term of the last entry.
    entry_term: u64,
    /// The last term that the member has seen, and for whom it voted in it.
    term: u64,
    vote: u64,
    /// Entries that are not a founder's, in the order of a founder's, or a snapshot.
    beyond: bool,
    /// What is known to be committed.
    commit: u64,
    /// Whether the tail may hide what once was there: a damaged length looks like a torn tail too.
    doubtful: bool,
}

impl Seen {
    /// Reads to the end; of a running etcd's log only until it is known whether there are data. None: damaged.
    fn read(&mut self, segments: &[Segment], running: bool) -> io::Result<Option<End>> {
        let mut end = End::default();
        for (place, segment) in segments.iter().enumerate() {
            let file = File::open(&segment.path)?;
            let size = file.metadata()?.len();
            let mut frames = Frames::new(file, size, end.crc);
            let last_file = place + 1 == segments.len();
            let torn = loop {
                match frames.next()? {
                    Frame::Record(content) if self.take(content) => {}
                    Frame::End => break false,
                    Frame::Torn if last_file => break true,
                    Frame::Torn | Frame::Damaged | Frame::Record(_) => return Ok(None),
                }
                if running && self.owner.is_some() && self.has_data() {
                    return Ok(Some(end));
                }
            };
            end = frames.end();
            // Only an answer that makes little of a log that stands still depends on what lies behind its end.
            if last_file && !self.beyond && !running {
                self.doubtful = torn || !frames.rest_is_zero()?;
            }
        }
        Ok(self.owner.map(|_| end))
    }

    /// False: it contradicts what came before.
    fn take(&mut self, content: Content) -> bool {
        match content {
            Content::Metadata { cluster, member } => {
                return *self.owner.get_or_insert((cluster, member)) == (cluster, member);
            }
            Content::Entry { term, index, founding } => {
                self.beyond |= !founding || index != self.last.saturating_add(1);
                (self.last, self.entry_term) = (index, term);
            }
            Content::State { term, vote, commit } => {
                (self.term, self.vote) = (term, vote);
                self.commit = self.commit.max(commit);
            }
            Content::Snapshot { index } => self.beyond |= index > 0,
            Content::Crc => {}
        }
        true
    }

    fn has_data(&self) -> bool {
        self.beyond || self.last > 0 || self.commit > 0
    }

    fn verdict(&self, running: bool) -> OwnData {
        let Some((cluster, member)) = self.owner else { return OwnData::Unreadable };
        if !self.has_data() && (!self.doubtful || running) {
            return OwnData::None;
        }
        let bootstrap = self.last > 0 && !self.beyond && !self.doubtful && self.commit <= self.last;
        OwnData::Log { cluster, member, only_bootstrap: bootstrap && !running }
    }
}
