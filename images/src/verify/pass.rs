//! Hashes the chunks of a bundle and the blobs in them in one pass, so that a slow medium is read once: one thread reads and hashes
//! for the chunk, another hashes the same bytes for the blobs.
//!
//! Such a pair of threads takes chunks that lie one after the other. What lies across the chunks of two pairs is left to others, as is
//! what could not be read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::Fault;
use super::hash::Blob;
use crate::archive::{ChunkState, open_chunk};
use crate::content::{Chunk, Source};
use crate::digest::Digest;
use crate::hasher::Hasher;

/// Bytes that are passed on at a time: few enough to stay in the processors' caches.
const PORTION: usize = 256 << 10;
/// Portions that wait to be hashed for their blobs.
const WAITING: usize = 4;

/// What came out.
#[derive(Debug, Default)]
pub(super) struct Passed {
    pub(super) chunks: Vec<ChunkState>,
    /// Blobs that were hashed.
    pub(super) hashed: BTreeSet<Digest>,
    /// Those of them whose bytes are others'.
    pub(super) faults: BTreeMap<Digest, Fault>,
}

/// Where a blob lies in all chunks, one after the other.
#[derive(Clone, Copy)]
struct Span<'a> {
    start: u64,
    end: u64,
    digest: &'a Digest,
}

/// Hashes all chunks; `count` is told of the bytes that were read last.
pub(super) fn run(
    folder: &Path,
    chunks: &[Chunk],
    blobs: &[Blob<'_>],
    threads: usize,
    count: &(dyn Fn(u64) + Sync),
) -> Passed {
    let spans = spans(folder, chunks, blobs);
    let most = chunks.len().div_ceil((threads / 2).max(1)).max(1);
    let mut start = 0;
    let runs = chunks.chunks(most).map(|chunks| {
        let from = start;
        start += chunks.iter().map(|chunk| chunk.size).sum::<u64>();
        let inside = spans.iter().filter(|span| span.start >= from && span.end <= start).copied();
        (from, chunks, inside.collect::<Vec<_>>())
    });
    let runs: Vec<_> = runs.collect();
    let mut passed = Passed::default();
    thread::scope(|scope| {
        let pairs =
            runs.iter().map(|(from, chunks, spans)| scope.spawn(move || pair(folder, *from, chunks, spans, count)));
        for pair in pairs.collect::<Vec<_>>() {
            let one = pair.join().expect("hashing does not panic");
            passed.chunks.extend(one.chunks);
            passed.hashed.extend(one.hashed);
            passed.faults.extend(one.faults);
        }
    });
    passed
}

/// The spans of all blobs that lie in one piece of the chunks' bytes, in their order.
fn spans<'a>(folder: &Path, chunks: &[Chunk], blobs: &[Blob<'a>]) -> Vec<Span<'a>> {
    let mut start = 0;
    let starts: HashMap<_, _> = chunks
        .iter()
        .map(|chunk| {
            start += chunk.size;
            (folder.join(&chunk.file), start - chunk.size)
        })
        .collect();
    let span = |blob: &Blob<'a>| {
        let (digest, extent) = *blob;
        let piece = extent.pieces().first()?;
        let Source::Path(path) = &*piece.file else { return None };
        let start = starts.get(path)? + piece.offset;
        Some(Span { start, end: start + extent.size(), digest })
    };
    let mut spans: Vec<Span<'a>> = blobs.iter().filter_map(span).collect();
    spans.sort_by_key(|span| span.start);
    spans
}

/// Two threads over chunks that lie one after the other, the first of them at `from`.
fn pair(folder: &Path, from: u64, chunks: &[Chunk], spans: &[Span<'_>], count: &(dyn Fn(u64) + Sync)) -> Passed {
    let (full, portions) = sync_channel(WAITING);
    let (give_back, spare) = channel();
    thread::scope(|scope| {
        let blobs = scope.spawn(move || hash_blobs(spans, &portions, &give_back));
        let mut reading = Reading { full, spare, count };
        let mut start = from;
        let states = chunks.iter().map(|chunk| {
            let state = reading.chunk(folder, chunk, start);
            start += chunk.size;
            state
        });
        let states = states.collect::<Vec<_>>();
        drop(reading);
        let (hashed, faults) = blobs.join().expect("hashing does not panic");
        Passed { chunks: states, hashed, faults }
    })
}

/// Bytes, and where they begin.
type Portion = (u64, Vec<u8>);

/// The thread that reads, and hashes for the chunks.
struct Reading<'a> {
    full: SyncSender<Portion>,
    spare: Receiver<Vec<u8>>,
    count: &'a (dyn Fn(u64) + Sync),
}

impl Reading<'_> {
    fn chunk(&mut self, folder: &Path, chunk: &Chunk, start: u64) -> ChunkState {
        let mut file = match open_chunk(folder, chunk) {
            Ok(file) => file.take(chunk.size),
            Err(state) => return state,
        };
        let mut hasher = Hasher::like(&chunk.digest);
        let mut offset = 0;
        loop {
            let mut bytes = self.spare.try_recv().unwrap_or_default();
            bytes.resize(PORTION, 0);
            let length = match fill(&mut file, &mut bytes) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) => return ChunkState::Damaged(error.to_string()),
            };
            bytes.truncate(length);
            hasher.update(&bytes);
            (self.count)(length as u64);
            // Whoever takes them ends after us.
            let _ = self.full.send((start + offset, bytes));
            offset += length as u64;
        }
        ChunkState::of(&chunk.digest, hasher)
    }
}

/// As many bytes as there are, up to the buffer's.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The thread that hashes for the blobs.
fn hash_blobs(
    spans: &[Span<'_>],
    portions: &Receiver<Portion>,
    give_back: &Sender<Vec<u8>>,
) -> (BTreeSet<Digest>, BTreeMap<Digest, Fault>) {
    let (mut hashed, mut faults) = (BTreeSet::new(), BTreeMap::new());
    let mut next = 0;
    // How far the next blob is hashed.
    let mut open: Option<(Hasher, u64)> = None;
    for (start, bytes) in portions {
        let end = start + bytes.len() as u64;
        while let Some(span) = spans.get(next).filter(|span| span.start < end) {
            let (mut hasher, at) = open.take().unwrap_or_else(|| (Hasher::like(span.digest), span.start));
            let until = span.end.min(end);
            // Else some bytes of it could not be read.
            if at >= start {
                hasher.update(&bytes[index(at - start)..index(until - start)]);
                if until < span.end {
                    open = Some((hasher, until));
                    break;
                }
                hashed.insert(span.digest.clone());
                faults.extend(Fault::of(span.digest, hasher).map(|fault| (span.digest.clone(), fault)));
            }
            next += 1;
        }
        // At the end nobody takes it any more.
        let _ = give_back.send(bytes);
    }
    (hashed, faults)
}

fn index(offset: u64) -> usize {
    usize::try_from(offset).expect("an offset in a portion is small")
}
