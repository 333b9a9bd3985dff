//! A bundle that rots while it is served.

use std::fs;
use std::time::{Duration, Instant};

use kfimg_images::content::{Content, INDEX_FILE};
use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::OCI_INDEX;
use kfimg_images::layout::{Index, REFERENCE_ANNOTATION};
use kfimg_images::serve::ServeOptions;
use ureq::http::Method;

use crate::running::Running;
use crate::serve::raw;
use crate::support::{Place, noise};

/// A bundle with a large layer whose last byte is wrong, and that layer's path on the registry.
fn rotten() -> (Place, String, Vec<u8>) {
    let mut place = Place::new();
    let mut bytes = noise(3_000_000, 5);
    let image = place.bundle.image("amd64", &[&bytes]);
    place.bundle.name("quay.io/rot/ten:1", image);
    place.bundle.finish();
    let digest = sha256(&bytes);
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(place.bundle.path(&digest), &bytes).unwrap();
    (place, format!("/v2/quay.io/rot/ten/blobs/{digest}"), bytes)
}

#[test]
fn a_rotten_blob_is_never_served_whole_and_not_served_twice() {
    let (place, path, bytes) = rotten();
    let running = Running::start(place.content(), ServeOptions::default());
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let (status, body) = raw(running.address, &request);
    assert_eq!(status, 200);
    assert!(body.len() < bytes.len(), "the end was held back");
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(running.ask(method, &path, &[]).status, 404);
    }
    assert!(running.get(&path).text().contains("is damaged in this bundle"));
    assert_eq!(running.ask(Method::GET, &path, &[("range", "bytes=0-9")]).status, 404);
    assert_eq!(running.get("/v2/quay.io/rot/ten/manifests/1").status, 200, "the rest is served");
    assert!(running.get("/metrics").text().contains("kfimg_registry_blobs_damaged 1\n"));
}

#[test]
fn no_part_of_a_rotten_blob_is_served() {
    let (place, path, _) = rotten();
    let running = Running::start(place.content(), ServeOptions::default());
    assert_eq!(running.ask(Method::GET, &path, &[("range", "bytes=0-9")]).status, 404);
}

#[test]
fn a_blob_that_became_shorter_is_cut() {
    let (place, path, bytes) = rotten();
    let content = Content::open(place.bundle.folder()).unwrap();
    let digest = path.rsplit('/').next().unwrap().parse().unwrap();
    fs::write(place.bundle.path(&digest), &bytes[..1_000_000]).unwrap();
    let running = Running::start(content, ServeOptions::default());
    let (_, body) = raw(running.address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    assert!(body.len() < bytes.len());
    wait_damaged(&running);
    assert_eq!(running.get(&path).status, 404);
}

/// Bytes are sent while they are hashed elsewhere: a connection may be cut before the hash has an end.
fn wait_damaged(running: &Running) {
    let end = Instant::now() + Duration::from_secs(30);
    while !running.get("/metrics").text().contains("kfimg_registry_blobs_damaged 1\n") {
        assert!(Instant::now() < end, "the blob is never found damaged");
    }
}

#[test]
fn damaged_documents_are_not_served_and_named() {
    let mut place = Place::new();
    let image = place.bundle.image("amd64", &[b"x"]);
    place.bundle.name("quay.io/bad/manifest:1", image.clone());
    place.bundle.finish();
    fs::write(place.bundle.path(&image.digest), b"{}").unwrap();
    let running = Running::start(place.content(), ServeOptions::default());
    assert_eq!(running.faults.len(), 1, "{:?}", running.faults);
    assert!(running.faults[0].contains(image.digest.as_str()));
    assert_eq!(running.get("/v2/quay.io/bad/manifest/manifests/1").status, 404);
    assert_eq!(running.get("/v2/registry.k8s.io/pause/manifests/3.10.2").status, 200);
}

#[test]
fn a_blob_that_became_empty_is_not_served() {
    let (place, path, _) = rotten();
    let digest = path.rsplit('/').next().unwrap().parse().unwrap();
    fs::write(place.bundle.path(&digest), b"").unwrap();
    let running = Running::start(place.content(), ServeOptions::default());
    assert_eq!(running.get(&path).status, 404);
    assert_eq!(running.ask(Method::HEAD, &path, &[]).status, 404);
}

#[test]
fn one_damaged_image_takes_no_other_down() {
    let mut place = Place::new();
    // An index of indexes of indexes, deeper than anybody follows, that comes before all others.
    let mut deep = place.bundle.image("amd64", &[b"deep"]);
    for _ in 0..9 {
        deep = place.bundle.stored(OCI_INDEX, &Index::of(vec![deep]).to_bytes());
    }
    let mut entries = place.content().index().manifests.clone();
    deep.annotations.insert(REFERENCE_ANNOTATION.to_owned(), "quay.io/too/deep:1".to_owned());
    entries.insert(0, deep);
    fs::write(place.bundle.folder().join(INDEX_FILE), Index::of(entries).to_bytes()).unwrap();
    let running = Running::start(place.content(), ServeOptions::default());
    let [fault] = &running.faults[..] else { panic!("{:?}", running.faults) };
    assert!(fault.starts_with("quay.io/too/deep:1: ") && fault.contains("deeper than 8"), "{fault}");
    let pause = running.get("/v2/registry.k8s.io/pause/manifests/3.10.2");
    assert_eq!(pause.status, 200);
    let index: Index = serde_json::from_slice(&pause.body).unwrap();
    for child in index.manifests {
        assert_eq!(running.get(&format!("/v2/registry.k8s.io/pause/manifests/{}", child.digest)).status, 200);
    }
}

#[test]
fn a_name_with_the_digest_of_something_else_stands_for_nothing() {
    let mut place = Place::new();
    let [right, wrong] = [b"right", b"wrong"].map(|layer| place.bundle.image("amd64", &[layer]));
    let of = |tag: &str, digest: &kfimg_images::Digest| format!("quay.io/app/one:{tag}@{digest}");
    place.bundle.name(&of("1", &right.digest), wrong);
    place.bundle.name(&of("2", &right.digest), right.clone());
    place.bundle.finish();
    let running = Running::start(place.content(), ServeOptions::default());
    let [fault] = &running.faults[..] else { panic!("{:?}", running.faults) };
    assert!(fault.contains(&of("1", &right.digest)) && fault.contains("which it is not"), "{fault}");
    assert_eq!(running.get("/v2/quay.io/app/one/manifests/1").status, 404);
    let second = running.get("/v2/quay.io/app/one/manifests/2");
    assert_eq!((second.status, sha256(&second.body)), (200, right.digest));
}
