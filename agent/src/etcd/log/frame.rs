//! Frames of one file of etcd's log (etcd, `server/storage/wal/decoder.go`): a length of eight bytes, little endian, whose
//! highest byte tells the padding; the record; the padding. Read as a stream: only the beginning of a record is kept.
//!
//! What records mean is in `record`.

use super::crc32c;
use super::protobuf::Malformed;
use super::record::{Content, Record};
use std::io::{self, BufReader, Read};

/// Bytes of a record that are kept. All that is looked at lies before an entry's data, or in a short entry.
const HEAD: usize = 16 << 10;
/// etcd writes whole sectors; a torn write leaves one of them without a byte.
const SECTOR: u64 = 512;
/// Bytes of the length.
const LENGTH: u64 = 8;

/// What comes next in a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Frame {
    /// A record whose checksum is right.
    Record(Content),
    /// The end of the file, or of what was written to it.
    End,
    /// A record that was not written to its end.
    Torn,
    /// Anything that etcd would not have written.
    Damaged,
}

/// Reads the frames of one file.
pub(super) struct Frames<R> {
    input: BufReader<R>,
    /// Bytes that are left.
    left: u64,
    /// Bytes that were read.
    at: u64,
    end: End,
}

/// Where the records of a file end whose checksums are right.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct End {
    /// Bytes of the file.
    pub(super) at: u64,
    /// The checksum after the last one.
    pub(super) crc: u32,
}

impl<R: Read> Frames<R> {
    /// Of a file of `size` bytes that comes after files whose checksum is `crc`; 0 if it is the first.
    pub(super) fn new(input: R, size: u64, crc: u32) -> Self {
        let end = End { at: 0, crc };
        Self { input: BufReader::with_capacity(64 << 10, input), left: size, at: 0, end }
    }

    /// Where the records end that were read.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// The next frame.
    ///
    /// # Errors
    /// Reading failed.
    pub(super) fn next(&mut self) -> io::Result<Frame> {
        if self.left == 0 {
            return Ok(Frame::End);
        }
        if self.left < LENGTH {
            return Ok(Frame::Torn);
        }
        let mut length = [0; 8];
        self.read(&mut length)?;
        if length == [0; 8] {
            return Ok(Frame::End);
        }
        let high = std::mem::take(&mut length[7]);
        let record = u64::from_le_bytes(length);
        let padding = if high & 0x80 == 0 { 0 } else { u64::from(high & 7) };
        if record.saturating_add(padding) > self.left {
            return Ok(Frame::Torn);
        }
        // etcd reads on anywhere; it never writes a frame that does not end at a multiple of eight.
        if record.saturating_add(padding) % LENGTH != 0 || padding >= LENGTH {
            return Ok(Frame::Damaged);
        }
        self.record(record, padding)
    }

    /// After the end: whether nothing but zeros follows, so that nothing was ever written there.
    ///
    /// # Errors
    /// Reading failed.
    pub(super) fn rest_is_zero(&mut self) -> io::Result<bool> {
        let mut part = [0; 4096];
        while self.left > 0 {
            let length = usize::try_from(self.left).map_or(part.len(), |left| left.min(part.len()));
            self.read(&mut part[..length])?;
            if part[..length].iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn read(&mut self, part: &mut [u8]) -> io::Result<()> {
        self.input.read_exact(part)?;
        self.at += part.len() as u64;
        self.left -= part.len() as u64;
        Ok(())
    }

    fn record(&mut self, length: u64, padding: u64) -> io::Result<Frame> {
        let mut sectors = Sectors::new(self.at);
        let total = usize::try_from(length).map_err(io::Error::other)?;
        let mut head = vec![0; total.min(HEAD)];
        self.read(&mut head)?;
        sectors.see(&head);
        let record = Record::parse(&head, total);
        let data = record.as_ref().map_or(0..0, |record| record.data.clone());
        let mut crc = crc32c::update(self.end.crc, head.get(data.start..data.end.min(head.len())).unwrap_or_default());

        let mut unread = total - head.len();
        let mut part = vec![0; unread.min(HEAD)];
        while unread > 0 {
            let part = &mut part[..unread.min(HEAD)];
            self.read(part)?;
            sectors.see(part);
            crc = crc32c::update(crc, part);
            unread -= part.len();
        }
        let mut pad = [0; 7];
        let pad = &mut pad[..usize::try_from(padding).unwrap_or(7).min(7)];
        self.read(pad)?;
        sectors.see(pad);
        let frame = record.map_or(Frame::Damaged, |record| self.judge(&record, crc));
        Ok(if frame == Frame::Damaged && sectors.has_empty() { Frame::Torn } else { frame })
    }

    fn judge(&mut self, record: &Record, crc: u32) -> Frame {
        let expected = match record.content {
            Ok(Content::Crc) => self.end.crc,
            Ok(_) => crc,
            Err(Malformed) => return Frame::Damaged,
        };
        let first = record.content == Ok(Content::Crc) && expected == 0;
        if record.crc != expected && !first {
            return Frame::Damaged;
        }
        self.end = End { at: self.at, crc: record.crc };
        record.content.map_or(Frame::Damaged, Frame::Record)
    }
}

/// Looks for a sector of a record in which every byte is zero.
struct Sectors {
    at: u64,
    begun: bool,
    written: bool,
    empty: bool,
}

impl Sectors {
    fn new(at: u64) -> Self {
        Self { at, begun: false, written: false, empty: false }
    }

    fn see(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let left = usize::try_from(SECTOR - self.at % SECTOR).unwrap_or(bytes.len());
            let (part, rest) = bytes.split_at(left.min(bytes.len()));
            self.begun = true;
            self.written |= part.iter().any(|byte| *byte != 0);
            self.at += part.len() as u64;
            if self.at.is_multiple_of(SECTOR) {
                self.empty |= !self.written;
                (self.begun, self.written) = (false, false);
            }
            bytes = rest;
        }
    }

    fn has_empty(&self) -> bool {
        self.empty || self.begun && !self.written
    }
}
