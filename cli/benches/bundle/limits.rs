//! What the machine itself allows, in the same run: hashing, receiving, writing, and one pass over a folder's bytes.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::measure::timed;

/// Bytes that are taken at a time, from a core's own cache.
const PORTION: usize = 256 << 10;
/// Bytes that are read at a time: the fastest of 64 KiB to 4 MiB.
const READ: usize = 1 << 20;

pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(2, usize::from)
}

/// How long it takes when each core does the same.
fn on_every_core(one: impl Fn() + Sync) -> Duration {
    timed(|| thread::scope(|scope| (0..cores()).for_each(|_| drop(scope.spawn(&one)))))
}

/// Hashes so many bytes, shared by all cores, none of them from a file.
pub(crate) fn hash(bytes: u64) -> Duration {
    let share = bytes / cores() as u64 / PORTION as u64;
    let one = || {
        let (portion, mut hash) = (vec![7; PORTION], Sha256::new());
        (0..share).for_each(|_| hash.update(&portion));
        std::hint::black_box(hash.finalize());
    };
    on_every_core(one)
}

/// Reads every byte of a folder's files and hashes it, on all cores. Who has no more to do takes the next part of any file, so that no core
/// waits: what comes out is the digest of nothing.
pub(crate) fn read_and_hash(folder: &Path) -> Duration {
    let files: Vec<File> = files(folder).iter().map(|file| File::open(file).expect("it was listed")).collect();
    let size = |file: &File| file.metadata().expect("an open file has a size").len();
    let parts: Vec<(&File, u64)> =
        files.iter().flat_map(|file| (0..size(file)).step_by(READ).map(move |start| (file, start))).collect();
    let next = AtomicUsize::new(0);
    let one = || {
        let (mut portion, mut hash) = (vec![0; READ], Sha256::new());
        while let Some((file, start)) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            let length = file.read_at(&mut portion, *start).expect("it can be read");
            hash.update(&portion[..length]);
        }
        std::hint::black_box(hash.finalize());
    };
    on_every_core(one)
}

/// Writes so many bytes into one file, and syncs it.
pub(crate) fn write(bytes: u64, target: &Path) -> Duration {
    let portion = vec![7; PORTION];
    timed(|| {
        let mut file = File::create(target).expect("the scratch folder can be written to");
        (0..bytes / PORTION as u64).for_each(|_| file.write_all(&portion).expect("the scratch folder has room"));
        file.sync_all().expect("a file can be synced");
    })
}

/// Copies every file of a folder into one, and syncs it: what a tar of them cannot beat.
pub(crate) fn one_pass(folder: &Path, target: &Path) -> Duration {
    let files = files(folder);
    timed(|| {
        let mut all = File::create(target).expect("the scratch folder can be written to");
        for file in &files {
            io::copy(&mut File::open(file).expect("it was listed"), &mut all).expect("the scratch folder has room");
        }
        all.sync_all().expect("a file can be synced");
    })
}

/// Brings every file of a folder to the disk, as kfimg leaves it: what is measured next is not slowed by what was written before.
pub(crate) fn settle(folder: &Path) {
    for file in files(folder) {
        File::open(file).and_then(|file| file.sync_all()).expect("a file can be synced");
    }
}

/// Fetches paths from a server, on all cores, and forgets what comes.
pub(crate) fn receive(host: &str, paths: &[String]) -> Duration {
    let next = AtomicUsize::new(0);
    let one = || {
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            fetch(host, path);
        }
    };
    on_every_core(one)
}

fn fetch(host: &str, path: &str) {
    let mut stream = TcpStream::connect(host).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket can have a bound");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("the server reads");
    let mut buffer = vec![0; PORTION];
    let first = stream.read(&mut buffer).expect("the server answers");
    assert!(buffer[..first].starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&buffer[..first]));
    while stream.read(&mut buffer).expect("the server goes on") > 0 {}
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder of the bench can be read").map(|entry| entry.expect("listed").path());
    let below = |path: std::path::PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(below).collect()
}
