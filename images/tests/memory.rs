//! Memory does not depend on sizes: what the programs do with one blob, with many chunks, or with more files than a bundle may have,
//! each in a process of its own whose peak the kernel keeps.
//!
//! Every test starts this binary again, to run `child` alone.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::digest::Digest;
use kfimg_images::hasher::{Hasher, sha256};
use std::fs;
use std::io::{BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use support::child::{self, PEAK, Serving, peak, said, start};
use support::client;
use support::vast::Vast;

/// What the system's own decisions may change from run to run.
const SLACK: u64 = 8 << 20;
/// What is pulled.
const IMAGE: &str = "quay.io/app:1";

#[test]
#[ignore = "is what the other tests run"]
fn child() {
    child::work();
}

/// Serves a bundle and pulls its layer: once while it is hashed, once when it is known, both at the same time with a third.
fn peak_of_serving(bundle: &str, layer: &Digest) -> u64 {
    let server = Serving::start(bundle);
    let fetch = || {
        let mut hasher = Hasher::sha256();
        hasher.read(client(&server.host).blob("quay.io/app", layer, 0).unwrap()).unwrap();
        assert_eq!(hasher.finish(), *layer);
    };
    fetch();
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(fetch))));
    server.peak()
}

/// Changes some bytes in the middle of a file.
fn damage(file: &Path) {
    let size = fs::metadata(file).unwrap().len();
    fs::OpenOptions::new().write(true).open(file).unwrap().write_all_at(b"wrong", size / 2).unwrap();
}

/// Takes an image with one layer of so many bytes all the way; the peak of memory of each step.
fn all_the_way(size: u64) -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (upstream, target) = (Vast::start(), Vast::start());
    let layer = upstream.offer(size);
    let (bundle, tar, chunks) = (path("bundle"), path("bundle.tar"), path("bundle.chunks.json"));
    let create = ["create", &upstream.host(), IMAGE, &bundle];
    let mut peaks = vec![("create", peak(&create)), ("verify", peak(&["verify", &bundle]))];
    damage(&folder.path().join("bundle/blobs/sha256").join(layer.hexadecimal()));
    peaks.push(("create again, the layer damaged", peak(&create)));
    peaks.push(("pack", peak(&["pack", &bundle, &tar])));
    // Everything lies on the disk once at a time, but while it is copied.
    fs::remove_dir_all(&bundle).unwrap();
    peaks.push(("push", peak(&["push", &tar, &target.host()])));
    assert_eq!(target.has(&layer), Some(size));
    peaks.push(("serve", peak_of_serving(&tar, &layer)));
    let cut = (size / 4).to_string();
    peaks.push(("cut", peak(&["cut", &tar, &chunks, &cut, "2"])));
    fs::remove_file(&tar).unwrap();
    fs::remove_file(path("bundle.001")).unwrap();
    damage(&folder.path().join("bundle.parity.001"));
    peaks.push(("rebuild chunks", peak(&["rebuild", &chunks])));
    peaks.push(("verify chunks", peak(&["verify", &chunks])));
    peaks.push(("serve chunks", peak_of_serving(&chunks, &layer)));
    peaks
}

fn assert_bounded(peaks: &[(&str, u64)]) {
    for (step, peak) in peaks {
        println!("{step}: {} KiB", peak >> 10);
        assert!(*peak <= PEAK, "{step} took {peak} bytes");
    }
}

#[test]
fn memory_does_not_grow_with_a_blob() {
    let (small, large) = (all_the_way(8 << 20), all_the_way(256 << 20));
    assert_bounded(&small);
    assert_bounded(&large);
    for ((step, small), (_, large)) in small.iter().zip(&large) {
        assert!(*large <= small + SLACK, "{step} took {large} bytes for 256 MiB, but {small} for 8 MiB");
    }
}

#[test]
fn memory_does_not_grow_with_the_number_of_chunks() {
    const SIZE: u64 = 32 << 20;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let upstream = Vast::start();
    upstream.offer(SIZE);
    let (bundle, chunks) = (path("bundle"), path("bundle.chunks.json"));
    peak(&["create", &upstream.host(), IMAGE, &bundle]);
    // With the bundle's documents it is a chunk more, and so nearly as many as may be.
    let (count, parity) = (300, 200);
    let mut peaks = vec![("cut", peak(&["cut", &bundle, &chunks, &(SIZE / count).to_string(), &parity.to_string()]))];
    let files = |number: u64| folder.path().join(format!("bundle.{number:03}"));
    let before: Vec<Digest> = (0..parity).map(|number| sha256(&fs::read(files(number)).unwrap())).collect();
    (0..parity).for_each(|number| fs::remove_file(files(number)).unwrap());
    peaks.push(("rebuild chunks", peak(&["rebuild", &chunks])));
    let after: Vec<Digest> = (0..parity).map(|number| sha256(&fs::read(files(number)).unwrap())).collect();
    assert_eq!(before, after);
    assert_bounded(&peaks);
}

/// A tar of so many files, each of which has the name of a blob and is empty; what it ends with is never read.
fn crowd(path: &Path, count: usize) {
    let mut file = std::io::BufWriter::new(fs::File::create(path).unwrap());
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let mut header = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).unwrap();
    };
    header("oci-layout", layout);
    header("index.json", index);
    (0..count).for_each(|number| header(&format!("blobs/sha256/{number:064x}"), b""));
    file.into_inner().unwrap().set_len(1 << 30).unwrap();
}

#[test]
fn a_tar_of_more_files_than_any_bundle_has_is_refused_within_the_same_memory() {
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("crowd.tar");
    // As many as are read of one of a million.
    crowd(&tar, 100_001);
    let mut child = start(&["open", tar.to_str().unwrap()]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let refused = said(&mut output, "refused=");
    assert!(refused.contains("more than 100000 files"), "{refused}");
    let peak: u64 = said(&mut output, "peak=").parse().unwrap();
    assert!(peak <= PEAK, "{peak} bytes");
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "`make interop` runs it: three gigabytes of disk"]
fn an_image_over_a_gibibyte_goes_all_the_way() {
    assert_bounded(&all_the_way((1 << 30) + (100 << 20)));
}
