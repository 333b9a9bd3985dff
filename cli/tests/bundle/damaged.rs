//! Bundles that something happened to: what is said, and what mends them.

use super::upstream::Site;
use std::fs;
use std::path::{Path, PathBuf};

/// The largest blob: a layer.
fn largest(bundle: &Path) -> PathBuf {
    let blobs = fs::read_dir(bundle.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    blobs.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

#[test]
fn a_damaged_blob_is_named_with_what_it_breaks_and_fetched_again() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    let blob = largest(&site.path("bundle"));
    let sound = fs::read(&blob).unwrap();
    fs::write(&blob, vec![b'x'; sound.len()]).unwrap();
    let said = site.run("bundle verify");
    assert_eq!(said.code, 5, "{}", said.stderr);
    let name = blob.file_name().unwrap().to_string_lossy().into_owned();
    for part in [name.as_str(), "is damaged", "it breaks docker.io/library/haproxy", "kfimg bundle create"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    let said = site.create("--images-only --output-format json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(fs::read(&blob).unwrap(), sound);
    let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    // The indexes, of which a bundle for one architecture keeps none, are read again.
    let received = created["receivedBytes"].as_u64().unwrap();
    assert!((30_000..36_000).contains(&received), "that blob alone: {received}");
}

/// Flips one bit in the middle of every blob, and gives each file its old times back: as on a medium that rots.
fn rot(store: &Path) -> usize {
    let blobs = fs::read_dir(store.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let flip = |path: PathBuf| {
        let (mut bytes, times) = (fs::read(&path).unwrap(), path.metadata().unwrap().modified().unwrap());
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
    };
    blobs.map(flip).count()
}

#[test]
fn a_store_that_rots_is_repaired_by_the_next_plain_create() {
    let site = Site::new();
    // As a folder, and by way of a store beside a tar.
    for (output, store) in [("bundle", "bundle"), ("bundle.tar --images-only", "bundle.tar.store")] {
        let create = || {
            let said = site.create(&format!("-o {output}"));
            assert_eq!(said.code, 0, "{output}: {}", said.stderr);
            said.stderr
        };
        create();
        let path = site.path(output.split(' ').next().unwrap());
        let (lock, content) = (fs::read(site.path("kfimg.lock")).unwrap(), content(&path));
        let count = rot(&site.path(store));
        assert!(count > 20, "{output}: {count} blobs");
        let said = create();
        assert!(said.contains("is damaged here, and is fetched again"), "{output}: {said}");
        assert_eq!(fs::read(site.path("kfimg.lock")).unwrap(), lock, "{output}");
        assert!(content == self::content(&path), "{output} is what it was");
        assert!(!create().contains("damaged"), "{output}: once is enough");
        assert_eq!(site.run(&format!("bundle verify --bundle {}", path.display())).code, 0, "{output}");
    }
}

/// The bytes of a file, or of all blobs in a folder.
fn content(path: &Path) -> Vec<Vec<u8>> {
    if path.is_file() {
        return vec![fs::read(path).unwrap()];
    }
    let blobs = fs::read_dir(path.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let mut blobs: Vec<PathBuf> = blobs.chain([path.join("index.json"), path.join("bundle.json")]).collect();
    blobs.sort();
    blobs.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn a_missing_blob_is_named_with_what_it_breaks() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    fs::remove_file(largest(&site.path("bundle"))).unwrap();
    let said = site.run("bundle verify --output-format json");
    assert_eq!(said.code, 5, "{}", said.stderr);
    let report: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(report["findings"][0]["fault"], "is missing", "{report}");
    assert!(report["findings"][0]["breaks"].as_array().unwrap().len() > 5, "{report}");
}

#[test]
fn lost_and_damaged_chunks_are_rebuilt_from_parity() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    assert_eq!(site.run("bundle pack -o medium/b --chunk-size 20000B --parity 2").code, 0);
    let sound = fs::read(site.path("medium/b.001")).unwrap();
    fs::remove_file(site.path("medium/b.001")).unwrap();
    fs::write(site.path("medium/b.002"), b"not this").unwrap();
    let said = site.run("bundle verify --bundle medium/b.chunks.json");
    assert_eq!(said.code, 5, "{}", said.stderr);
    for part in ["b.001 is missing", "b.002 is damaged", "kfimg bundle repair --bundle medium/b.chunks.json"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    let said = site.run("bundle verify --bundle medium/b.chunks.json --output-format json");
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stdout.contains("b.001 is missing"), "{}", said.stdout);
    let said = site.run("bundle repair --bundle medium/b.chunks.json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert_eq!(fs::read(site.path("medium/b.001")).unwrap(), sound);
    assert_eq!(site.run("bundle verify --bundle medium/b.chunks.json").code, 0);
    fs::remove_file(site.path("medium/b.parity.000")).unwrap();
    let said = site.run("bundle verify --bundle medium/b.chunks.json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("warning: b.parity.000 is missing; nothing needs it now"), "{}", said.stderr);
    let said = site.run("bundle verify --bundle medium/b.chunks.json --output-format json");
    assert!(said.stdout.contains("b.parity.000 is missing"), "{}", said.stdout);
    assert_eq!(site.run("bundle repair --bundle medium/b.chunks.json").code, 0);
    for chunk in ["b.000", "b.001", "b.002"] {
        fs::remove_file(site.path("medium").join(chunk)).unwrap();
    }
    let said = site.run("bundle repair --bundle medium/b.chunks.json");
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("copy some of them again"), "{}", said.stderr);
}

#[test]
fn a_bundle_without_what_the_cluster_asks_for_is_not_proven() {
    let site = Site::new();
    let said = site.run(&format!("bundle create --image registry.k8s.io/pause:3.10.2 {}", site.upstream.options()));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let said = site.run(&format!("bundle verify {}", super::upstream::CLUSTER));
    assert_eq!(said.code, 5, "{}", said.stderr);
    for part in ["registry.k8s.io/kube-apiserver:v1.36.3", "is not in the bundle", "static pod kube-apiserver"] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
}
