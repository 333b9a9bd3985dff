//! One pass over chunks says what two would say.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{chunked, verify};
use crate::archive::{ChunkOptions, Writing, verify_chunks, write_chunks};
use crate::content::Content;
use crate::fake::FakeBundle;

/// A bundle with small and large blobs, and one that is empty.
fn bundle(folder: &std::path::Path) -> Content {
    let mut bundle = FakeBundle::fake(folder);
    let layers: Vec<Vec<u8>> = (0..9_u8).map(|number| vec![number; 40_000 * usize::from(number)]).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = bundle.image("amd64", &layers);
    bundle.name("quay.io/app:1", image);
    bundle.finish();
    Content::open(folder).unwrap()
}

#[test]
fn one_pass_says_what_two_say_and_two_threads_read_each_byte_once() {
    let place = tempfile::tempdir().unwrap();
    let (content, path) = (bundle(&place.path().join("bundle")), place.path().join("b.chunks.json"));
    for chunk_size in [1 << 30, 300_001, 65_536] {
        let set = write_chunks(&content, &path, ChunkOptions { chunk_size, parity: 1 }, &Writing::default()).unwrap();
        let cut = Content::open(&path).unwrap();
        for threads in [1, 2, 5, 64] {
            let read = AtomicU64::new(0);
            let count = |bytes| {
                read.fetch_add(bytes, Ordering::Relaxed);
            };
            let (chunks, report) = chunked(&cut, threads, &count).unwrap();
            assert!(chunks.is_sound() && report.is_sound(), "{chunk_size} {threads}: {report:?}");
            assert_eq!(report.bytes, content.manifest().unwrap().bytes);
            assert!(read.into_inner() == set.total() || threads > 2, "{chunk_size} {threads}");
        }
        for chunk in set.chunks.iter().chain(&set.parity) {
            let file = place.path().join(&chunk.file);
            let sound = fs::read(&file).unwrap();
            let mut damaged = sound.clone();
            damaged[sound.len() / 2] ^= 1;
            fs::write(&file, damaged).unwrap();
            let (wanted, two) = (verify_chunks(&path, &|_| ()).unwrap(), verify(&cut, &|_| ()));
            for threads in [2, 5] {
                let (chunks, one) = chunked(&cut, threads, &|_| ()).unwrap();
                assert_eq!((chunks.chunks, chunks.parity), (wanted.chunks.clone(), wanted.parity.clone()));
                assert_eq!((one.findings, one.problems), (two.findings.clone(), two.problems.clone()));
            }
            fs::write(&file, sound).unwrap();
        }
    }
}
