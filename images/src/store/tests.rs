use super::{PARTIAL, Store, StoreError};
use crate::digest::Digest;
use crate::download::{AttachError, LocalFile, attach};
use crate::hasher::sha256;
use crate::layout::{Descriptor, REFERENCE_ANNOTATION};
use crate::steps::{Step, Steps, Watcher};
use crate::stop::Stop;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn blob() -> (Vec<u8>, Digest) {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = sha256(&bytes);
    (bytes, digest)
}

fn entry(reference: &str, bytes: &[u8]) -> Descriptor {
    let mut entry = Descriptor::new("application/vnd.oci.image.manifest.v1+json", sha256(bytes), bytes.len() as u64);
    entry.annotations.insert(REFERENCE_ANNOTATION.to_owned(), reference.to_owned());
    entry
}

#[test]
fn what_is_dropped_half_way_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("a/b")).unwrap();
    let (bytes, digest) = blob();
    let size = bytes.len() as u64;
    let mut ingest = store.ingest(&digest, size).unwrap().unwrap();
    ingest.append(&bytes[..1000]).unwrap();
    drop(ingest);
    let mut ingest = store.ingest(&digest, size).unwrap().unwrap();
    assert_eq!((ingest.written(), ingest.resumed()), (1000, 1000));
    ingest.append(&bytes[1000..]).unwrap();
    assert!(matches!(ingest.append(b"x"), Err(StoreError::TooLong { .. })));
    ingest.commit().unwrap();
    assert_eq!(std::fs::read(store.path(&digest)).unwrap(), bytes);
    assert!(store.ingest(&digest, size).unwrap().is_none(), "it is there");
    assert!(store.is_intact(&digest, size).unwrap());
}

#[test]
fn wrong_bytes_get_no_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (bytes, digest) = blob();
    let mut ingest = store.ingest(&digest, bytes.len() as u64).unwrap().unwrap();
    ingest.append(&vec![0; bytes.len()]).unwrap();
    assert!(matches!(ingest.commit(), Err(StoreError::Mismatch { resumed: false, .. })));
    let mut ingest = store.ingest(&digest, bytes.len() as u64).unwrap().unwrap();
    assert_eq!(ingest.written(), 0, "what was wrong is not gone on with");
    ingest.append(&bytes[..5]).unwrap();
    assert!(matches!(ingest.commit(), Err(StoreError::Short { written: 5, .. })));
    assert!(!store.path(&digest).exists());
    assert_eq!(store.sweep().unwrap(), 1);
    assert_eq!(std::fs::read_dir(store.path(&digest).parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn a_damaged_blob_is_repaired_and_an_intact_one_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (bytes, digest) = blob();
    store.put(&digest, &bytes).unwrap();
    assert!(store.ingest(&digest, bytes.len() as u64).unwrap().is_none());
    std::fs::write(store.path(&digest), vec![7; bytes.len()]).unwrap();
    assert!(store.read_small(&digest, 1 << 20).unwrap().is_none());
    store.put(&digest, &bytes).unwrap();
    assert_eq!(store.read_small(&digest, 1 << 20).unwrap().unwrap(), bytes);
}

#[test]
fn what_lies_there_is_read_once_and_not_at_all_when_its_size_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (bytes, digest) = blob();
    let size = bytes.len() as u64;
    store.put(&digest, &bytes).unwrap();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let times = std::fs::metadata(store.path(&digest)).unwrap().modified().unwrap();
    let table: [(&[u8], u64); 4] = [(&bytes, size), (&flipped, size), (&bytes[1..], 0), (b"", 0)];
    for (content, wanted) in table {
        std::fs::write(store.path(&digest), content).unwrap();
        // As on a medium that rots: nothing but the bytes is another.
        std::fs::File::options().write(true).open(store.path(&digest)).unwrap().set_modified(times).unwrap();
        let read = std::cell::Cell::new(0);
        let ingest = store.ingest_counted(&digest, size, &|count| read.set(read.get() + count)).unwrap();
        assert_eq!(read.get(), wanted);
        assert_eq!(ingest.is_none(), content == bytes);
        assert_eq!(store.path(&digest).exists(), content == bytes, "what is damaged is removed");
        drop(ingest);
    }
}

#[test]
fn a_second_writer_waits_for_the_first_and_finds_the_blob() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (bytes, digest) = blob();
    let size = bytes.len() as u64;
    let mut first = store.ingest(&digest, size).unwrap().unwrap();
    let impatient = store.clone().with_patience(Duration::from_millis(60));
    assert!(matches!(impatient.ingest(&digest, size), Err(StoreError::Busy { .. })));
    std::thread::scope(|scope| {
        let second = scope.spawn(|| store.ingest(&digest, size).unwrap().is_none());
        first.append(&bytes).unwrap();
        first.commit().unwrap();
        assert!(second.join().unwrap());
    });
    let names: Vec<_> = std::fs::read_dir(store.path(&digest).parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn writers_of_the_index_do_not_lose_one_another() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..8 {
            let store = Store::open(folder.path()).unwrap();
            scope.spawn(move || {
                for number in 0..10 {
                    store.set_index(&[entry(&format!("reg.local/app:{writer}-{number}"), b"x")]).unwrap();
                }
            });
        }
    });
    let store = Store::open(folder.path()).unwrap();
    store.set_index(&[entry("reg.local/app:0-0", b"newer")]).unwrap();
    let index = store.index().unwrap();
    assert_eq!(index.len(), 80);
    assert!(index.is_sorted_by_key(|entry| entry.reference().map(str::to_owned)));
    assert_eq!(index[0].digest, sha256(b"newer"));
}

#[test]
fn links_and_strangers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("letter.txt"), "mine").unwrap();
    let error = Store::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("letter.txt"), "{error}");

    let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let (bytes, digest) = blob();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("blobs")).unwrap();
    assert!(matches!(store.put(&digest, &bytes), Err(StoreError::NotRegular { .. })));
    std::fs::remove_file(folder.path().join("blobs")).unwrap();
    std::fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
    let target = outside.path().join("target");
    std::fs::write(&target, "precious").unwrap();
    let partial = store.path(&digest).with_file_name(format!("{PARTIAL}{}", digest.hexadecimal()));
    std::os::unix::fs::symlink(&target, partial).unwrap();
    assert!(store.put(&digest, &bytes).is_err());
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    std::os::unix::fs::symlink(&target, store.path(&digest)).unwrap();
    assert!(store.is_intact(&digest, 8).is_err());
}

#[test]
fn a_layout_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    let error = Store::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("2.0.0"), "{error}");
}

/// Lets the changes before the last one pass, then says that the disk is full.
struct Full(Mutex<usize>);

impl Steps for Full {
    fn before(&self, _: Step, _: &Path) -> io::Result<()> {
        let mut left = self.0.lock().unwrap();
        *left = left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        Ok(())
    }
}

#[test]
fn a_full_disk_at_any_step_leaves_nothing_wrong() {
    let (bytes, digest) = blob();
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let work = |store: &Store| {
            store.put(&digest, &bytes)?;
            store.set_index(&[entry("reg.local/app:1", b"x")])
        };
        let full = Arc::new(Full(Mutex::new(steps)));
        let failed = Store::open_watched(folder.path(), Watcher::of(full)).and_then(|store| work(&store));
        let store = Store::open(folder.path()).unwrap();
        assert!(!store.path(&digest).exists() || store.is_intact(&digest, bytes.len() as u64).unwrap());
        work(&store).unwrap();
        assert!(store.is_intact(&digest, bytes.len() as u64).unwrap());
        match failed {
            Ok(()) => return assert!(steps > 10),
            Err(error) => assert!(error.is_full(), "{error}"),
        }
    }
}

#[test]
fn who_asks_to_stop_does_not_wait_until_what_is_there_is_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let (bytes, digest) = blob();
    let (size, other) = (bytes.len() as u64, sha256(b"other"));
    store.put(&digest, &bytes).unwrap();
    store.ingest(&other, size).unwrap().unwrap().append(&bytes[..1000]).unwrap();
    let stop = Stop::new();
    let store = store.with_stop(stop.clone());
    stop.ask();
    assert!(matches!(store.is_intact(&digest, size), Err(StoreError::Stopped)));
    assert!(matches!(store.ingest(&other, size), Err(StoreError::Stopped)));
    let path = folder.path().join("system.raw");
    std::fs::write(&path, bytes).unwrap();
    let file = LocalFile { name: "system".into(), version: "1".into(), architecture: None, is_program: false, path };
    assert!(matches!(attach(&store, &file), Err(AttachError::Store(StoreError::Stopped))));
}

/// Notes all changes, and ends the run at one of them.
#[derive(Default)]
struct Noted {
    seen: Mutex<Vec<(Step, PathBuf)>>,
    end: Option<usize>,
}

impl Steps for Noted {
    fn before(&self, step: Step, path: &Path) -> io::Result<()> {
        let mut seen = self.seen.lock().unwrap();
        if self.end == Some(seen.len()) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        seen.push((step, path.to_owned()));
        Ok(())
    }
}

#[test]
fn a_name_that_a_killed_run_did_not_bring_to_the_disk_is_brought_there_by_the_next() {
    let (bytes, digest) = blob();
    let run = |folder: &Path, end| {
        let noted = Arc::new(Noted { end, ..Noted::default() });
        let steps: Arc<dyn Steps> = Arc::clone(&noted) as _;
        let done = Store::open_watched(&folder.join("above/store"), Watcher::of(steps))
            .and_then(|store| store.put(&digest, &bytes));
        (done.is_ok(), noted.seen.lock().unwrap().clone())
    };
    let mut ended = 0;
    let (_, clean) = run(tempfile::tempdir().unwrap().path(), None);
    for (end, _) in clean.iter().enumerate().filter(|(_, (step, _))| *step == Step::SyncFolder) {
        let folder = tempfile::tempdir().unwrap();
        let (is_whole, before) = run(folder.path(), Some(end));
        let named: Vec<&Path> = before
            .iter()
            .filter(|(step, _)| matches!(step, Step::MakeFolder | Step::Rename))
            .map(|(_, path)| path.parent().unwrap())
            .collect();
        let Some(unsynced) = named.last() else { continue };
        assert!(!is_whole);
        let (is_whole, after) = run(folder.path(), None);
        assert!(
            is_whole && after.iter().any(|(step, path)| *step == Step::SyncFolder && path == unsynced),
            "{unsynced:?}"
        );
        ended += 1;
    }
    assert!(ended >= 6, "two folders above, the layout, two for blobs, the blob itself: {ended}");
}
