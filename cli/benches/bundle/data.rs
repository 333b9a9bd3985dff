//! The bundles that are carried: one of few large layers, one of a thousand small images.

use std::fs;
use std::path::Path;

use kfimg_images::content::Content;
use kfimg_images::digest::Digest;
use kfimg_images::fake::FakeBundle;

/// The reference of the large image.
pub(crate) const LARGE: &str = "quay.io/bench/large:1";
/// Small images.
pub(crate) const SMALL_IMAGES: usize = 1000;
/// Bytes of a small layer.
const SMALL: usize = 256 << 10;
const SMALL_LAYERS: u64 = 16;

/// Two large layers that do not compress, one of half the size that does, and many small ones. Returns the first layer.
pub(crate) fn large(folder: &Path, layer: usize) -> Digest {
    let mut bundle = FakeBundle::new(folder);
    let mut layers = vec![noise(1, layer), noise(2, layer), b"the same again. ".repeat(layer / 32)];
    layers.extend((0..SMALL_LAYERS).map(|number| noise(3 + number, SMALL)));
    let first = bundle.blob(&layers[0]);
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = bundle.image("amd64", &layers);
    bundle.name(LARGE, image);
    bundle.finish();
    first
}

/// One layer of so many bytes. Returns it.
pub(crate) fn one(folder: &Path, layer: usize) -> Digest {
    let mut bundle = FakeBundle::new(folder);
    let bytes = noise(7, layer);
    let digest = bundle.blob(&bytes);
    let image = bundle.image("amd64", &[&bytes]);
    bundle.name(LARGE, image);
    bundle.finish();
    digest
}

/// Eight layers of so many bytes, of which the last is told apart by a number.
pub(crate) fn eight(folder: &Path, layer: usize, last: u64) {
    let mut bundle = FakeBundle::new(folder);
    let layers: Vec<Vec<u8>> = (1..8).chain([last]).map(|number| noise(100 + number, layer)).collect();
    let layers: Vec<&[u8]> = layers.iter().map(Vec::as_slice).collect();
    let image = bundle.image("amd64", &layers);
    bundle.name(LARGE, image);
    bundle.finish();
}

/// Where a registry has each blob of the large image's bundle, manifests not among them.
pub(crate) fn blob_paths(folder: &Path) -> Vec<String> {
    let (name, _) = LARGE.split_once(':').expect("the reference has a tag");
    let content = Content::open(folder).expect("a bundle of the bench can be opened");
    let manifests: Vec<Digest> = content.index().manifests.iter().map(|entry| entry.digest.clone()).collect();
    let blobs = content.blobs().map(|(digest, _)| digest).filter(|digest| !manifests.contains(digest));
    blobs.map(|digest| format!("/v2/{name}/blobs/{digest}")).collect()
}

/// The reference of a small image.
pub(crate) fn small_reference(number: usize) -> String {
    format!("quay.io/bench/small-{number}:1")
}

/// A thousand images that share a base and have a layer each.
pub(crate) fn small(folder: &Path) {
    let mut bundle = FakeBundle::new(folder);
    let base = noise(99, SMALL);
    for number in 0..SMALL_IMAGES {
        let image = bundle.image("amd64", &[&base, &noise(1000 + number as u64, 4 << 10)]);
        bundle.name(&small_reference(number), image);
    }
    bundle.finish();
}

/// Bytes that look random and are the same in every run.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Bytes of all files below a folder.
pub(crate) fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("a folder of the bench can be read").flatten();
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}

/// Removes a file or a folder, if there is one.
pub(crate) fn remove(path: &Path) {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    if let Err(error) = removed {
        assert!(error.kind() == std::io::ErrorKind::NotFound, "{}: {error}", path.display());
    }
}
