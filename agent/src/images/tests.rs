//! What of a bundle is found, and what is sent of it; the real containerd is in `qemu-tests`.

use super::containerd::Named;
use super::digest::Digest;
use super::layout::{Layout, LayoutError, architecture};
use super::{names, outdated, stream};
use crate::plan;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn put(folder: &Path, content: &[u8]) -> serde_json::Value {
    let digest = Digest::of(content);
    std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    std::fs::write(folder.join("blobs/sha256").join(digest.hex()), content).unwrap();
    serde_json::json!({"mediaType": "application/octet-stream", "digest": digest, "size": content.len()})
}

fn descriptor(folder: &Path, media_type: &str, content: &serde_json::Value) -> serde_json::Value {
    let mut descriptor = put(folder, content.to_string().as_bytes());
    descriptor["mediaType"] = media_type.into();
    descriptor
}

/// An image whose only layer holds this text.
fn image(folder: &Path, architecture: &str, layer: &str) -> serde_json::Value {
    let config = put(folder, format!(r#"{{"architecture":"{architecture}","os":"linux"}}"#).as_bytes());
    let layer = put(folder, layer.as_bytes());
    let manifest = serde_json::json!({"schemaVersion": 2, "config": config, "layers": [layer]});
    let mut descriptor = descriptor(folder, MANIFEST, &manifest);
    descriptor["platform"] = serde_json::json!({"architecture": architecture, "os": "linux"});
    descriptor
}

fn named(mut descriptor: serde_json::Value, name: &str) -> serde_json::Value {
    descriptor["annotations"] = serde_json::json!({"org.opencontainers.image.ref.name": name});
    descriptor
}

fn layout(folder: &Path, entries: &[serde_json::Value]) -> Layout {
    let index = serde_json::json!({"schemaVersion": 2, "manifests": entries});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
    Layout::open(folder).unwrap()
}

#[test]
fn only_this_machines_part_of_an_index_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (own, foreign) = (image(folder, architecture(), "own"), image(folder, "s390x", "foreign"));
    let index = descriptor(folder, INDEX, &serde_json::json!({"schemaVersion": 2, "manifests": [foreign, own]}));
    let layout = layout(folder, &[named(index.clone(), "reg.test/a:1")]);
    let image = layout.image("reg.test/a:1", None).unwrap().unwrap();
    let digests: Vec<String> = image.blobs.iter().map(|blob| blob.digest.to_string()).collect();
    let expected = [&index, &own].map(|descriptor| descriptor["digest"].as_str().unwrap().to_owned());
    assert_eq!(digests[..2], expected);
    assert_eq!(digests[3], Digest::of(b"own").to_string());
    assert_eq!(digests.len(), 4);
}

#[test]
fn a_digest_of_the_plan_decides_before_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (image(folder.path(), architecture(), "1"), image(folder.path(), architecture(), "2"));
    let digest = two["digest"].as_str().unwrap().to_owned();
    let layout = layout(folder.path(), &[named(one, "reg.test/a:1"), named(two, "reg.test/b:1")]);
    let found = layout.image("reg.test/a:1", Some(&digest)).unwrap().unwrap();
    assert_eq!(found.target.digest.to_string(), digest);
    let other = Digest::of(b"another").to_string();
    assert!(layout.image("reg.test/a:1", Some(&other)).unwrap().is_none());
    assert!(layout.image("reg.test/c:1", None).unwrap().is_none());
}

#[test]
fn a_pinned_manifest_is_found_below_its_index_beside_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let (own, foreign) = (image(folder, architecture(), "own"), image(folder, "s390x", "foreign"));
    let index = |children: &[&serde_json::Value]| {
        descriptor(folder, INDEX, &serde_json::json!({"schemaVersion": 2, "manifests": children}))
    };
    let (inner, damaged) = (index(&[&foreign, &own]), index(&[]));
    let outer = index(&[&inner]);
    std::fs::write(folder.join("blobs/sha256").join(&damaged["digest"].as_str().unwrap()[7..]), "?").unwrap();
    let layout = layout(folder, &[named(damaged, "reg.test/b:1"), named(outer, "reg.test/a:1")]);
    let digest = own["digest"].as_str().unwrap();
    let found = layout.image(&format!("reg.test/a:1@{digest}"), Some(digest)).unwrap().unwrap();
    assert_eq!((found.target.digest.to_string().as_str(), found.blobs.len()), (digest, 3));
    let foreign = foreign["digest"].as_str().unwrap();
    let error = layout.image("reg.test/a:1", Some(foreign)).unwrap_err();
    assert!(matches!(error, LayoutError::Platform { .. }), "{error}");
}

#[test]
fn what_the_plan_does_not_name_may_go() {
    let image = |reference: &str, digest: Option<&str>| plan::Image {
        reference: reference.to_owned(),
        digest: digest.map(str::to_owned),
    };
    let plan = [
        image("reg.test/tagged:1", None),
        image("reg.test/pinned:1@sha256:new", Some("sha256:new")),
        image("reg.test/same:1@sha256:same", Some("sha256:same")),
        image("reg.test/bare@sha256:bare", None),
    ];
    let stock: BTreeMap<String, Named> = [
        ("reg.test/tagged:1", "sha256:tagged"),
        ("reg.test/tagged@sha256:tagged", "sha256:tagged"),
        ("reg.test/pinned:1", "sha256:old"),
        ("reg.test/pinned@sha256:old", "sha256:old"),
        ("reg.test/pinned@sha256:new", "sha256:new"),
        ("reg.test/same:1", "sha256:same"),
        ("reg.test/same@sha256:same", "sha256:same"),
        ("reg.test/bare@sha256:bare", "sha256:bare"),
        ("reg.test/gone:1", "sha256:gone"),
    ]
    .into_iter()
    .map(|(name, digest)| (name.to_owned(), Named { digest: digest.to_owned(), ours: true, complete: true }))
    .collect();
    let old: Vec<&str> = outdated(&stock, &plan).into_iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(old, ["reg.test/gone:1", "reg.test/pinned:1", "reg.test/pinned@sha256:old"]);
}

#[test]
fn an_image_for_other_machines_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut foreign = image(folder.path(), "s390x", "1");
    foreign.as_object_mut().unwrap().remove("platform");
    let layout = layout(folder.path(), &[named(foreign, "reg.test/a:1")]);
    let error = layout.image("reg.test/a:1", None).unwrap_err();
    assert!(matches!(error, LayoutError::Platform { .. }), "{error}");
}

#[test]
fn a_damaged_manifest_is_named_with_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let entry = image(folder.path(), architecture(), "1");
    let blob = folder.path().join("blobs/sha256").join(&entry["digest"].as_str().unwrap()[7..]);
    let layout = layout(folder.path(), &[named(entry, "reg.test/a:1")]);
    for content in ["", "{}", "not JSON"] {
        std::fs::write(&blob, content).unwrap();
        let error = layout.image("reg.test/a:1", None).unwrap_err().to_string();
        assert!(error.contains("is damaged: its content has another digest"), "{error}");
    }
    std::fs::remove_file(&blob).unwrap();
    let error = layout.image("reg.test/a:1", None).unwrap_err().to_string();
    assert!(error.starts_with(&format!("reading {}", blob.display())), "{error}");
}

#[test]
fn a_damaged_layer_ends_the_stream_before_anything_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let layout = layout(folder.path(), &[named(image(folder.path(), architecture(), "layer"), "reg.test/a:1")]);
    let image = layout.image("reg.test/a:1", None).unwrap().unwrap();
    let send = || {
        let mut tar = Vec::new();
        let names = ["reg.test/a:1".to_owned()];
        let sent = stream::write(&layout, &image.target, &names, &image.blobs, &mut tar, &AtomicU64::new(0));
        (sent.map_err(|error| error.to_string()), tar)
    };
    let entries = |tar: &[u8]| -> Vec<String> {
        let mut archive = tar::Archive::new(tar);
        archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect()
    };
    let (sent, tar) = send();
    assert_eq!((sent, entries(&tar).len()), (Ok(()), 5));
    assert_eq!(entries(&tar).last().unwrap(), "index.json");
    let layer = layout.blob(&Digest::of(b"layer"));
    for (content, reason) in [("Layer", "another digest"), ("lay", "3 bytes instead of 5")] {
        std::fs::write(&layer, content).unwrap();
        let (sent, tar) = send();
        assert!(sent.unwrap_err().contains(reason));
        assert!(!String::from_utf8_lossy(&tar).contains("index.json"));
    }
}

#[test]
fn an_image_is_known_by_its_tag_and_by_its_digest() {
    for (reference, expected) in [
        ("registry.k8s.io/pause:3.10", &["registry.k8s.io/pause:3.10", "registry.k8s.io/pause@sha256:d"][..]),
        ("reg.local:5000/a/b:1", &["reg.local:5000/a/b:1", "reg.local:5000/a/b@sha256:d"]),
        ("reg.local:5000/a@sha256:d", &["reg.local:5000/a@sha256:d"]),
        ("reg.local/a:1@sha256:d", &["reg.local/a:1", "reg.local/a@sha256:d"]),
    ] {
        assert_eq!(names(reference, "sha256:d"), expected);
    }
}
