//! A base and its deltas as one bundle.

use std::collections::BTreeMap;
use std::fs;

use kfimg_images::content::{BUNDLE_FILE, Content, ContentError, Since};
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::serve::ServeOptions;

use crate::running::Running;
use crate::serve::NGINX;
use crate::support::Place;

/// A newer nginx that leaves out `absent`.
fn delta(place: &Place, absent: &[&[u8]]) -> Content {
    let mut delta = FakeBundle::new(&place.path("delta"));
    let image = delta.image("amd64", &[b"newer"]);
    delta.name("docker.io/library/nginx:1.29", image);
    delta.finish();
    let mut manifest = delta.manifest(&fs::read(delta.folder().join("index.json")).unwrap());
    let mut absent: Vec<_> = absent.iter().map(|bytes| sha256(bytes)).collect();
    absent.sort();
    manifest.since = Some(Since { receipt: sha256(b"receipt"), absent, held: BTreeMap::new() });
    fs::write(delta.folder().join(BUNDLE_FILE), manifest.to_bytes()).unwrap();
    Content::open(delta.folder()).unwrap()
}

#[test]
fn the_newest_image_has_the_tag_and_the_former_its_digest() {
    let place = Place::new();
    let former = Running::start(place.content(), ServeOptions::default()).get(&format!("{NGINX}/manifests/1.29")).body;
    let joined = place.content().joined([delta(&place, &[b"the base"])]).unwrap();
    assert!(joined.manifest().is_none(), "nobody signed it");
    let running = Running::start(joined, ServeOptions::default());
    assert!(running.faults.is_empty(), "{:?}", running.faults);
    let newest = running.get(&format!("{NGINX}/manifests/1.29")).body;
    assert_ne!(newest, former);
    assert_eq!(running.get(&format!("{NGINX}/manifests/{}", sha256(&former))).body, former);
    assert_eq!(running.get("/v2/registry.k8s.io/pause/manifests/3.10.2").status, 200);
}

#[test]
fn a_delta_without_its_base_is_refused_and_a_whole_bundle_stays_as_it_is() {
    let place = Place::new();
    let lacking = delta(&place, &[b"the base", b"nowhere"]);
    let Err(ContentError::Unfounded { count, digest, .. }) = place.content().joined([lacking]) else {
        panic!("it was joined");
    };
    assert_eq!((count, digest), (1, sha256(b"nowhere")));
    assert!(matches!(delta(&place, &[b"the base"]).joined([]), Err(ContentError::Unfounded { count: 1, .. })));
    let whole = place.content();
    assert_eq!(whole.index_bytes(), place.content().joined([]).unwrap().index_bytes());
    assert!(place.content().joined([]).unwrap().manifest().is_some());
}
