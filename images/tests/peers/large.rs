//! An image over a gibibyte, from registry to registry through every peer: what the others see is whole, and kfimg needs no more memory
//! for it than for a small one.
//!
//! Its layer is of zeros, so that the disk has to keep only what others write. kfimg does each step in a process of its own.

use crate::peer::{Kind, Peer, Place};
use crate::support::child::{PEAK, Serving, peak};
use crate::support::distribution::Distribution;
use kfimg_images::content::Content;
use kfimg_images::digest::Digest;
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::Hasher;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Manifest};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Bytes of the layer.
const SIZE: u64 = (1 << 30) + (64 << 20);
/// Zeros are an archive that has ended.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// What a bundle names it, and where a mirror so keeps it.
const NAME: &str = "quay.io/large:1";

/// A bundle of that image; the digests of its manifest and its layer.
fn bundle(folder: &Path) -> [Digest; 2] {
    let mut bundle = FakeBundle::new(folder);
    let mut hasher = Hasher::sha256();
    hasher.read(std::io::repeat(0).take(SIZE)).unwrap();
    let digest = hasher.finish();
    let config =
        format!(r#"{{"architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{digest}"]}}}}"#);
    let config = bundle.stored(OCI_CONFIG, config.as_bytes());
    File::create(bundle.path(&digest)).unwrap().set_len(SIZE).unwrap();
    let layer = Descriptor::new(LAYER, digest.clone(), SIZE);
    let image = bundle.stored(OCI_MANIFEST, &Manifest::of(config, vec![layer]).to_bytes());
    let manifest = image.digest.clone();
    bundle.name(NAME, image);
    bundle.finish();
    [manifest, digest]
}

/// Lets kfimg do a step within its memory.
fn step(task: &[&str]) {
    let peak = peak(task);
    assert!(peak <= PEAK, "{task:?} took {peak} bytes");
}

/// A layout has the image, and kfimg finds every byte of it right.
fn assert_whole(folder: &Path, [manifest, layer]: &[Digest; 2]) {
    step(&["verify", folder.to_str().unwrap()]);
    let content = Content::open(folder).unwrap();
    assert!(content.index().manifests.iter().any(|entry| entry.digest == *manifest), "{}", folder.display());
    assert_eq!(content.extent(layer).unwrap().size(), SIZE);
}

pub(crate) fn an_image_goes_through(kinds: &[Kind], registry: &Distribution) {
    let places = tempfile::tempdir().unwrap();
    let path = |name: &str| places.path().join(name);
    let text = |name: &str| path(name).to_str().unwrap().to_owned();
    let image = bundle(&path("bundle"));
    step(&["push", &text("bundle"), registry.host()]);
    fs::remove_dir_all(path("bundle")).unwrap();
    step(&["create", registry.host(), &format!("quay.io/{NAME}"), &text("created")]);
    assert_whole(&path("created"), &image);

    let name = Content::open(&path("created")).unwrap().index().manifests[0].reference().unwrap().to_owned();
    let serving = Serving::start(&text("created"));
    for kind in kinds {
        let peer = Peer::new(*kind);
        peer.copy(Place::Registry(&serving.host, &name), Place::Layout(&path("pulled"), "1.0"));
        assert_whole(&path("pulled"), &image);
        fs::remove_dir_all(path("pulled")).unwrap();

        let theirs = format!("theirs/{kind:?}:1").to_lowercase();
        peer.copy(Place::Layout(&path("created"), &name), Place::Registry(registry.host(), &theirs));
        step(&["create", registry.host(), &format!("quay.io/{theirs}"), &text("again")]);
        assert_whole(&path("again"), &image);
        fs::remove_dir_all(path("again")).unwrap();
    }
    let peak = serving.peak();
    assert!(peak <= PEAK, "serving took {peak} bytes");
}
