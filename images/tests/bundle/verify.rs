//! Every fault is found, named, and traced to the references that it breaks.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use kfimg_images::archive::{Writing, write_tar};
use kfimg_images::content::{BUNDLE_FILE, Content, INDEX_FILE, Since};
use kfimg_images::hasher::sha256;
use kfimg_images::layout::Descriptor;
use kfimg_images::layout::media_type::OCI_MANIFEST;
use kfimg_images::verify::{Fault, Report, verify};

use crate::support::{Place, noise, quiet};

const NGINX: &str = "docker.io/library/nginx:1.29";
const PAUSE: &str = "registry.k8s.io/pause:3.10.2";

fn report(place: &Place) -> Report {
    verify(&place.content(), &quiet)
}

/// The descriptor of a reference.
fn root(content: &Content, reference: &str) -> Descriptor {
    content.index().manifests.iter().find(|entry| entry.reference() == Some(reference)).unwrap().clone()
}

#[test]
fn a_sound_bundle_is_sound_in_every_form() {
    let place = Place::new();
    let told = AtomicU64::new(0);
    let folder = verify(&place.content(), &|bytes| {
        told.fetch_add(bytes, Ordering::Relaxed);
    });
    assert!(folder.is_sound(), "{folder:?}");
    assert!(folder.unreferenced.is_empty() && folder.elsewhere.is_empty());
    assert_eq!(folder.bytes, told.into_inner());
    let manifest = place.content().manifest().unwrap().clone();
    assert_eq!((folder.blobs, folder.bytes), (manifest.blobs, manifest.bytes));
    let tar = place.path("b.tar");
    write_tar(&place.content(), &tar, &Writing::default()).unwrap();
    assert!(verify(&Content::open(&tar).unwrap(), &quiet).is_sound());
}

#[test]
fn a_damaged_layer_breaks_the_images_that_share_it() {
    let place = Place::new();
    let layer = sha256(b"the base");
    fs::write(place.bundle.path(&layer), b"the rot!").unwrap();
    let report = report(&place);
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!(report.findings[0].digest, layer);
    assert_eq!(report.findings[0].fault, Fault::Damaged(sha256(b"the rot!")));
    assert_eq!(report.findings[0].breaks, [NGINX]);
}

#[test]
fn a_missing_layer_breaks_the_index_above_its_image() {
    let place = Place::new();
    fs::remove_file(place.bundle.path(&sha256(b"pause for arm64"))).unwrap();
    let report = report(&place);
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!((&report.findings[0].fault, &report.findings[0].breaks[..]), (&Fault::Missing, &[PAUSE.to_owned()][..]));
}

#[test]
fn damaged_documents_are_named_and_what_lies_below_is_still_hashed() {
    let place = Place::new();
    let index = root(&place.content(), PAUSE).digest;
    fs::write(place.bundle.path(&index), b"{}").unwrap();
    let report = report(&place);
    assert!(matches!(report.findings[0].fault, Fault::Damaged(_)), "{report:?}");
    assert_eq!(report.findings[0].breaks, [PAUSE]);
    assert!(report.unreferenced.len() >= 4, "what only the index referred to");
}

#[test]
fn a_wrong_size_and_a_malformed_document_are_faults() {
    let mut place = Place::new();
    let mut wrong = place.bundle.image("amd64", &[b"some layer"]);
    wrong.size += 1;
    place.bundle.name("example.com/wrong-size:1", wrong.clone());
    let old = br#"{"schemaVersion":1,"fsLayers":[]}"#;
    let malformed = place.bundle.stored(&wrong.media_type, old);
    place.bundle.name("example.com/schema1:1", malformed.clone());
    place.bundle.finish();
    let report = report(&place);
    let of = |digest| report.findings.iter().find(|finding| finding.digest == digest).unwrap();
    assert_eq!(of(wrong.digest.clone()).fault, Fault::Size(wrong.size - 1, wrong.size));
    assert_eq!(of(wrong.digest.clone()).breaks, ["example.com/wrong-size:1"]);
    assert!(of(malformed.digest.clone()).fault.to_string().contains("schema 1"), "{report:?}");
}

#[test]
fn a_malformed_document_hides_nothing_of_what_stands_beside_it() {
    let mut place = Place::new();
    let missing = sha256(b"only for arm64");
    let bad = [
        place.bundle.stored(OCI_MANIFEST, b"{\"layers\":[]}"),
        place.bundle.stored(OCI_MANIFEST, br#"{"schemaVersion":1}"#),
        Descriptor { size: 7, ..place.bundle.image("amd64", &[b"of another size"]) },
    ];
    let good = place.bundle.image("arm64", &[b"only for arm64"]);
    for (number, bad) in bad.iter().enumerate() {
        place.bundle.index(&format!("example.com/app:{number}"), vec![bad.clone(), good.clone()]);
    }
    place.bundle.finish();
    fs::remove_file(place.bundle.path(&missing)).unwrap();
    let report = report(&place);
    let of = |digest| report.findings.iter().find(|finding| finding.digest == digest);
    let names = ["example.com/app:0", "example.com/app:1", "example.com/app:2"];
    let found = of(missing).unwrap_or_else(|| panic!("{report:?}"));
    assert_eq!((&found.fault, &found.breaks[..]), (&Fault::Missing, &names.map(str::to_owned)[..]));
    for (bad, name) in bad.into_iter().zip(names) {
        assert_eq!(of(bad.digest).unwrap().breaks, [name]);
    }
}

#[test]
fn an_index_of_many_names_is_looked_into_once() {
    let mut place = Place::new();
    let child = place.bundle.image("amd64", &[b"layer"]);
    let children: Vec<Descriptor> = std::iter::repeat_n(child, 1000).collect();
    let index = place.bundle.index("example.com/app:0", children);
    for number in 1..2000 {
        place.bundle.name(&format!("example.com/app:{number}"), index.clone());
    }
    place.bundle.finish();
    fs::remove_file(place.bundle.path(&sha256(b"layer"))).unwrap();
    // Were it once for each name, there would be more references than any bundle may have.
    let report = report(&place);
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!(report.findings[0].breaks.len(), 2000);
}

#[test]
fn a_name_stands_for_one_content_and_its_own_digest() {
    let mut place = Place::new();
    let image = place.bundle.image("amd64", &[b"another"]);
    let wrong = format!("example.com/app@{}", sha256(b"what was asked for"));
    place.bundle.name(&wrong, image.clone());
    place.bundle.name(NGINX, image);
    place.bundle.finish();
    let report = report(&place);
    let told = |text: &str| report.problems.iter().filter(|problem| problem.contains(text)).count();
    assert_eq!((told(&wrong), told("a name has one image only")), (1, 1), "{:?}", report.problems);
}

#[test]
fn a_manifest_that_does_not_bind_its_index_vouches_for_nothing() {
    let place = Place::new();
    let mut manifest = place.content().manifest().unwrap().clone();
    manifest.index = None;
    fs::write(place.bundle.folder().join(BUNDLE_FILE), manifest.to_bytes()).unwrap();
    let report = report(&place);
    assert!(!report.is_sound() && report.problems[0].contains("vouches for nothing"), "{report:?}");
}

#[test]
fn large_blobs_are_hashed_in_turns_and_found_out_at_their_end() {
    let mut place = Place::new();
    let large = [noise(20_000_000, 2), noise(20_000_000, 4)];
    let layers: Vec<&[u8]> = large.iter().map(Vec::as_slice).collect();
    let image = place.bundle.image("amd64", &layers);
    place.bundle.name("example.com/large:1", image);
    place.bundle.finish();
    let damaged = sha256(&large[1]);
    let file = fs::OpenOptions::new().write(true).open(place.bundle.path(&damaged)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"rot", 19_999_990).unwrap();
    let report = report(&place);
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert!(report.findings[0].digest == damaged && matches!(report.findings[0].fault, Fault::Damaged(_)));
    assert_eq!(report.bytes, place.content().manifest().unwrap().bytes);
}

#[test]
fn index_and_bundle_manifest_must_belong_together() {
    let place = Place::new();
    let path = place.bundle.folder().join(INDEX_FILE);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("library/nginx:1.29", "library/nginx:1.30")).unwrap();
    let report = report(&place);
    assert!(report.findings.is_empty() && !report.is_sound());
    assert!(report.problems[0].contains("not the one that bundle.json was written with"), "{report:?}");
    assert!(report.problems[1].contains(NGINX), "{report:?}");
}

#[test]
fn a_delta_leaves_to_others_what_it_says() {
    let place = Place::new();
    let elsewhere = sha256(b"the server");
    fs::remove_file(place.bundle.path(&elsewhere)).unwrap();
    let content = place.content();
    assert!(!verify(&content, &quiet).is_sound());
    let mut manifest = place.bundle.manifest(content.index_bytes());
    manifest.since =
        Some(Since { receipt: sha256(b"receipt"), absent: vec![elsewhere.clone()], held: BTreeMap::new() });
    fs::write(place.bundle.folder().join(BUNDLE_FILE), manifest.to_bytes()).unwrap();
    let report = report(&place);
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.elsewhere, [elsewhere]);
}
