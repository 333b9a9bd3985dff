//! Makes all entries of a log count that stands still, before its member goes on alone.
//!
//! etcd writes down what is committed with the entries that follow, and `--force-new-cluster` discards what is not written down as
//! committed (etcd, `server/etcdserver/bootstrap.go`, `CommittedEntries`): the last writes that clients were told of. Whoever goes on
//! alone by the word of an operator keeps all that its log has; what was told to nobody may be among it, as after any write without an
//! answer.

use super::{MEMBER, Seen, crc32c, segments};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Type of a record with term, vote and commit (`server/storage/wal/walpb/record.proto`).
const STATE: u64 = 3;
/// Where the length of a frame tells its padding (`server/storage/wal/encoder.go`).
const PADDED: u64 = 0x80;

/// Writes behind the last whole record of the log that all entries are committed, and brings it to the disk. Says how many were not.
/// A record behind it that was not written to its end is cut off, as etcd itself does. Cut short at any point, it may be done again.
///
/// # Errors
/// When the log can't be read or written; [`io::ErrorKind::InvalidData`] where it is damaged.
pub(crate) fn commit_all(data_dir: &Path) -> io::Result<u64> {
    let segments = segments(&data_dir.join(MEMBER).join("wal"))?;
    let mut seen = Seen::default();
    let Some(end) = seen.read(&segments, false)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "etcd's log is damaged"));
    };
    let left = seen.last.saturating_sub(seen.commit);
    let Some(segment) = segments.last().filter(|_| left > 0) else { return Ok(0) };
    // A vote belongs to its term.
    let (term, vote) = if seen.entry_term > seen.term { (seen.entry_term, 0) } else { (seen.term, seen.vote) };
    let state = fields(&[(1, term), (2, vote), (3, seen.last)]);
    let mut record = fields(&[(1, STATE), (2, u64::from(crc32c::update(end.crc, &state)))]);
    // Field 3, its length, its bytes; a state is shorter than the numbers that need two bytes.
    record.extend([3 << 3 | 2, state.len() as u8]);
    record.extend(state);
    let file = File::options().write(true).open(&segment.path)?;
    file.set_len(end.at)?;
    file.write_all_at(&frame(&record), end.at)?;
    file.sync_all()?;
    Ok(left)
}

/// A message of numbers (<https://protobuf.dev/programming-guides/encoding/>).
fn fields(fields: &[(u64, u64)]) -> Vec<u8> {
    let mut message = Vec::new();
    for (field, value) in fields {
        for number in [field << 3, *value] {
            varint(number, &mut message);
        }
    }
    message
}

fn varint(mut number: u64, message: &mut Vec<u8>) {
    while number >= 0x80 {
        message.push(number as u8 | 0x80);
        number >>= 7;
    }
    message.push(number as u8);
}

/// A length of eight bytes with the padding in its highest one, the record, the padding.
fn frame(record: &[u8]) -> Vec<u8> {
    let padding = record.len().next_multiple_of(8) - record.len();
    let high = if padding > 0 { (PADDED | padding as u64) << 56 } else { 0 };
    let mut frame = (record.len() as u64 | high).to_le_bytes().to_vec();
    frame.extend(record);
    frame.resize(frame.len() + padding, 0);
    frame
}
