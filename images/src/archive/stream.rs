//! The bytes of the tar, in order: one thread reads and hashes, another writes.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::header::{BLOCK, filled, headers};
use super::{ArchiveError, Writing};
use crate::content::{BLOBS_FOLDER, BUNDLE_FILE, Content, ContentError, INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT};
use crate::digest::Digest;
use crate::hasher::Hasher;

/// Bytes that are passed on at a time.
const PORTION: usize = 1 << 20;
/// Portions that wait to be written.
const WAITING: usize = 4;
/// Two blocks of zeros end a tar.
const END: u64 = 2 * BLOCK;

/// The size of the tar that a bundle becomes, in bytes.
#[must_use]
pub fn tar_size(content: &Content) -> u64 {
    let file = |path: &str, size: u64| headers(path, size).len() as u64 + filled(size);
    let roots: u64 = roots(content).iter().map(|(name, bytes)| file(name, bytes.len() as u64)).sum();
    let blobs: u64 = content.blobs().map(|(digest, extent)| file(&blob_path(digest), extent.size())).sum();
    roots + blobs + END
}

/// Writes the tar into `out`; `path` is the target's name, for errors. Returns the number of bytes.
pub(super) fn stream(
    content: &Content,
    path: &Path,
    out: &mut (impl Write + Send),
    writing: &Writing<'_>,
) -> Result<u64, ArchiveError> {
    let (full, portions) = sync_channel(WAITING);
    let (give_back, spare) = channel();
    let (fed, written) = thread::scope(|scope| {
        let writer = scope.spawn(move || write(out, &portions, &give_back, writing.progress));
        let mut feed = Feed { path, portion: Vec::with_capacity(PORTION), full, spare, total: 0, writing };
        let fed = feed.all(content);
        let total = feed.total;
        drop(feed);
        (fed.map(|()| total), writer.join().expect("writing does not panic"))
    });
    // When writing failed, reading only failed because nobody took its bytes.
    written.map_err(|source| ArchiveError::Write { path: path.to_owned(), source })?;
    fed
}

fn write(
    out: &mut impl Write,
    portions: &Receiver<Vec<u8>>,
    give_back: &Sender<Vec<u8>>,
    progress: &(dyn Fn(u64) + Sync),
) -> std::io::Result<()> {
    for mut portion in portions {
        out.write_all(&portion)?;
        progress(portion.len() as u64);
        portion.clear();
        // At the end nobody takes it any more.
        let _ = give_back.send(portion);
    }
    Ok(())
}

/// The documents at the root, in their order.
fn roots(content: &Content) -> Vec<(&'static str, &[u8])> {
    let mut roots = vec![(LAYOUT_FILE, LAYOUT_TEXT.as_bytes()), (INDEX_FILE, content.index_bytes())];
    roots.extend(content.manifest_bytes().map(|bytes| (BUNDLE_FILE, bytes)));
    roots
}

fn blob_path(digest: &Digest) -> String {
    format!("{BLOBS_FOLDER}/{}/{}", digest.algorithm(), digest.hexadecimal())
}

struct Feed<'a> {
    path: &'a Path,
    portion: Vec<u8>,
    full: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
    total: u64,
    writing: &'a Writing<'a>,
}

impl Feed<'_> {
    fn all(&mut self, content: &Content) -> Result<(), ArchiveError> {
        for (name, bytes) in roots(content) {
            let size = bytes.len() as u64;
            self.take(&headers(name, size))?;
            self.take(bytes)?;
            self.fill(filled(size) - size)?;
        }
        for (digest, extent) in content.blobs() {
            let size = extent.size();
            self.take(&headers(&blob_path(digest), size))?;
            self.blob(content, digest)?;
            self.fill(filled(size) - size)?;
        }
        self.fill(END)?;
        self.pass_on()
    }

    /// Reads straight into the portion, so that a blob's bytes are copied once.
    fn blob(&mut self, content: &Content, digest: &Digest) -> Result<(), ArchiveError> {
        let mut reader = content.reader(digest)?;
        let mut left = reader.size();
        let mut hasher = Hasher::like(digest);
        while left > 0 {
            let start = self.portion.len();
            let room = (PORTION - start).min(usize::try_from(left).unwrap_or(PORTION));
            self.portion.resize(start + room, 0);
            reader
                .read_exact(&mut self.portion[start..])
                .map_err(|source| ContentError::Read { path: content.place().join(blob_path(digest)), source })?;
            hasher.update(&self.portion[start..]);
            left -= room as u64;
            self.pass_on_full()?;
        }
        let found = hasher.finish();
        if found == *digest {
            return Ok(());
        }
        let path = content.place().to_owned();
        Err(ContentError::Damaged { path, digest: digest.clone(), found }.into())
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), ArchiveError> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PORTION - self.portion.len()));
            self.portion.extend_from_slice(now);
            bytes = later;
            self.pass_on_full()?;
        }
        Ok(())
    }

    fn fill(&mut self, zeros: u64) -> Result<(), ArchiveError> {
        let zeros = usize::try_from(zeros).expect("filling is shorter than two blocks");
        self.take(&vec![0; zeros])
    }

    fn pass_on_full(&mut self) -> Result<(), ArchiveError> {
        if self.portion.len() == PORTION { self.pass_on() } else { Ok(()) }
    }

    /// Fails when nobody takes the bytes any more, so that the rest is not read for nothing.
    fn pass_on(&mut self) -> Result<(), ArchiveError> {
        self.writing.go_on()?;
        let next = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(PORTION));
        let portion = std::mem::replace(&mut self.portion, next);
        self.total += portion.len() as u64;
        let ended = |_| ArchiveError::Write { path: self.path.to_owned(), source: ErrorKind::BrokenPipe.into() };
        self.full.send(portion).map_err(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::{Feed, PORTION};
    use crate::archive::Writing;
    use crate::content::Content;
    use crate::fake::FakeBundle;
    use std::path::Path;
    use std::sync::mpsc::{channel, sync_channel};

    #[test]
    fn when_nobody_writes_any_more_nothing_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mut bundle = FakeBundle::fake(folder.path());
        bundle.blob(&vec![1; 3 * PORTION]);
        let (full, portions) = sync_channel(1);
        drop(portions);
        let (path, portion, spare, writing) = (Path::new("b.tar"), Vec::new(), channel().1, &Writing::default());
        let mut feed = Feed { path, portion, full, spare, total: 0, writing };
        assert!(feed.all(&Content::open(folder.path()).unwrap()).is_err());
        assert_eq!(feed.total, PORTION as u64);
    }
}
