//! Lost and damaged chunks come back byte for byte, and never come back wrong.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kfimg_images::archive::{ArchiveError, ChunkOptions, Writing, verify_chunks, write_chunks};
use kfimg_images::content::Content;
use kfimg_images::parity::{ParityError, Rebuilt, rebuild};
use kfimg_images::steps::{Step, Steps, Watcher};
use kfimg_images::stop::Stop;

use crate::support::{Place, noise, quiet};

/// A set of chunks of `chunk_size` bytes; its files with their bytes.
fn set(place: &mut Place, chunk_size: u64, parity: usize) -> (PathBuf, Vec<(PathBuf, Vec<u8>)>) {
    place.bundle.blob(&noise(300_001, 3));
    let manifest = place.path("b.chunks.json");
    let set =
        write_chunks(&place.content(), &manifest, ChunkOptions { chunk_size, parity }, &Writing::default()).unwrap();
    assert_eq!(set.parity.len(), parity);
    let files = set.chunks.iter().chain(&set.parity).map(|chunk| place.path(&chunk.file));
    let files = files.map(|path| (path.clone(), fs::read(path).unwrap())).collect();
    (manifest, files)
}

fn damage(path: &Path, how: usize) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    match how % 4 {
        0 => return fs::remove_file(path).unwrap(),
        1 => bytes[middle] ^= 1,
        2 => bytes.truncate(middle),
        _ => bytes.fill(0),
    }
    fs::write(path, bytes).unwrap();
}

fn assert_whole(manifest: &Path, files: &[(PathBuf, Vec<u8>)], what: &str) {
    for (path, bytes) in files {
        assert!(fs::read(path).unwrap() == *bytes, "{what}: {}", path.display());
    }
    assert!(verify_chunks(manifest, &quiet).unwrap().is_sound());
    Content::open(manifest).unwrap();
}

#[test]
fn any_chunks_up_to_the_number_of_parity_chunks_are_rebuilt() {
    // Sizes that are odd, no multiple of the code's unit, and larger than everything.
    for (chunk_size, parity) in [(65_536, 2), (50_001, 3), (100_000, 1), (1 << 30, 2)] {
        let mut place = Place::new();
        let (manifest, files) = set(&mut place, chunk_size, parity);
        for first in 0..files.len() {
            let lost: Vec<usize> = (0..parity).map(|step| (first + step * (1 + first % 3)) % files.len()).collect();
            for (how, number) in lost.iter().enumerate() {
                if files[*number].0.exists() {
                    damage(&files[*number].0, how + first);
                }
            }
            rebuild(&manifest, &Writing::default()).unwrap_or_else(|error| panic!("{chunk_size} {lost:?}: {error}"));
            assert_whole(&manifest, &files, &format!("{chunk_size} {lost:?}"));
        }
    }
}

#[test]
fn what_is_rebuilt_is_named_and_a_whole_set_is_left_alone() {
    let mut place = Place::new();
    let (manifest, files) = set(&mut place, 65_536, 2);
    assert_eq!(rebuild(&manifest, &Writing::default()).unwrap(), Rebuilt::default());
    fs::remove_file(&files[1].0).unwrap();
    fs::remove_file(&files[files.len() - 1].0).unwrap();
    let rebuilt = rebuild(&manifest, &Writing::default()).unwrap();
    assert_eq!(rebuilt, Rebuilt { chunks: vec!["b.001".to_owned()], parity: vec!["b.parity.001".to_owned()] });
}

#[test]
fn a_manifest_under_another_name_finds_its_chunks() {
    let mut place = Place::new();
    let (manifest, files) = set(&mut place, 65_536, 2);
    let renamed = place.path("renamed.chunks.json");
    fs::rename(manifest, &renamed).unwrap();
    fs::remove_file(&files[0].0).unwrap();
    fs::remove_file(&files[files.len() - 1].0).unwrap();
    rebuild(&renamed, &Writing::default()).unwrap();
    assert_whole(&renamed, &files, "renamed");
    let names = crate::support::names(place.folder.path());
    assert!(!names.iter().any(|name| name.contains("partial")), "{names:?}");
}

#[test]
fn more_than_parity_gives_back_is_refused_and_named() {
    let mut place = Place::new();
    let (manifest, files) = set(&mut place, 65_536, 2);
    for (path, _) in &files[..3] {
        fs::remove_file(path).unwrap();
    }
    let error = rebuild(&manifest, &Writing::default()).unwrap_err();
    assert!(
        matches!(&error, ParityError::TooManyLost { lost, parity: 2 } if *lost == ["b.000", "b.001", "b.002"]),
        "{error}"
    );
    assert!(!files[0].0.exists());
}

#[test]
fn chunks_of_another_set_never_pass_for_rebuilt_ones() {
    let mut place = Place::new();
    let (manifest, files) = set(&mut place, 65_536, 1);
    // The manifest promises another digest than the code gives back.
    let text = fs::read_to_string(&manifest).unwrap();
    let digest = kfimg_images::hasher::sha256(&files[1].1);
    fs::write(&manifest, text.replace(digest.as_str(), kfimg_images::hasher::sha256(b"other").as_str())).unwrap();
    let error = rebuild(&manifest, &Writing::default()).unwrap_err();
    assert!(matches!(error, ParityError::Mismatch(_)), "{error}");
    assert!(fs::read(&files[1].0).unwrap() == files[1].1, "the chunk that was there stays");
}

/// Asks to stop before a change of some kind.
struct AskAt(Step, Stop);

impl Steps for AskAt {
    fn before(&self, step: Step, _: &Path) -> io::Result<()> {
        if step == self.0 {
            self.1.ask();
        }
        Ok(())
    }
}

#[test]
fn who_asks_to_stop_gets_no_half_rebuilt_chunk() {
    let mut place = Place::new();
    let (manifest, files) = set(&mut place, 65_536, 2);
    let while_hashing = |stop: Stop| {
        rebuild(&manifest, &Writing { progress: &|_| stop.ask(), stop: stop.clone(), ..Writing::default() })
    };
    let while_writing = |stop: Stop| {
        let watcher = Watcher::of(Arc::new(AskAt(Step::Truncate, stop.clone())));
        rebuild(&manifest, &Writing { stop, watcher, ..Writing::default() })
    };
    for lost in [1, files.len() - 1] {
        fs::remove_file(&files[lost].0).unwrap();
        let names = crate::support::names(place.folder.path());
        for error in [while_hashing(Stop::new()).unwrap_err(), while_writing(Stop::new()).unwrap_err()] {
            assert!(matches!(error, ParityError::Archive(ArchiveError::Stopped)), "{error}");
            assert_eq!(crate::support::names(place.folder.path()), names);
        }
        rebuild(&manifest, &Writing::default()).unwrap();
        assert_whole(&manifest, &files, "stopped");
    }
}
