//! `kfimg render --bundle`: the proof before anything is written, and the digests everywhere afterwards.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::fake::FakeBundle;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::payload::Payload;
use support::program::empty_folder;
use support::said::{Said, kfimg};

const WEB: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {containers: [{name: nginx, image: 'nginx:1.29'}]}}}
---
apiVersion: example.com/v1
kind: Gate
metadata: {name: gate}
spec: {parts: [{image: quay.io/gate/part:2}], note: quay.io/gate/unused:3}
";
const SITE: &str = "\
manifests: [web.yaml]
imagePaths: [{apiVersion: example.com/v1, kind: Gate, path: 'spec.parts[*].image'}]
";
const RENDER: &str = "render --profile ha3 --site site.yaml --registry reg.local --bundle bundle";

struct Site(PathBuf);

impl Site {
    fn new(name: &str) -> Self {
        let folder = empty_folder(&format!("bundle_pins/{name}"));
        fs::write(folder.join("web.yaml"), WEB).unwrap();
        fs::write(folder.join("site.yaml"), SITE).unwrap();
        Self(folder)
    }

    fn run(&self, line: &str) -> Said {
        kfimg(&self.0, line)
    }

    /// What the cluster asks for, by tags.
    fn images(&self) -> Vec<String> {
        let said = self.run("images --profile ha3 --site site.yaml");
        assert_eq!(said.code, 0, "{}", said.stderr);
        said.stdout.lines().map(str::to_owned).collect()
    }

    /// Writes a bundle of these images for one architecture and gives the digest of each. `salt` makes another content.
    fn bundle(&self, images: &[String], salt: impl Fn(&str) -> u8) -> BTreeMap<String, String> {
        let folder = self.0.join("bundle");
        let _ = fs::remove_dir_all(&folder);
        let mut bundle = FakeBundle::new(&folder);
        let mut digests = BTreeMap::new();
        for image in images {
            let content = bundle.image("amd64", &[image.as_bytes(), &[salt(image)]]);
            digests.insert(image.clone(), content.digest.to_string());
            bundle.name(image, content);
        }
        bundle.finish();
        digests
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.0.join("out/manifest.json")).unwrap()).unwrap()
    }

    fn payload(&self, node: &str) -> Payload {
        Payload::read(&self.0.join(format!("out/nodes/{node}/ignition.json")))
    }
}

fn nodes(manifest: &Value) -> Vec<String> {
    manifest["nodes"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_complete_bundle_pins_every_image_of_every_node() {
    let site = Site::new("complete");
    let images = site.images();
    let digests = site.bundle(&images, |_| 0);
    let said = site.run(RENDER);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("kfimg bundle push --bundle bundle --registry reg.local"), "{}", said.stderr);
    let expected: String = digests.iter().map(|(image, digest)| format!("{image}@{digest}\n")).collect();
    assert_eq!(fs::read_to_string(site.0.join("out/images.txt")).unwrap(), expected);
    assert!(expected.contains("quay.io/gate/part:2@sha256:"), "{expected}");

    let pause = digests.iter().find(|(image, _)| image.contains("/pause:")).unwrap().1;
    for node in nodes(&site.manifest()) {
        let payload = site.payload(&node);
        for text in payload.texts() {
            let unpinned = images.iter().find(|image| {
                let ends = text.match_indices(image.as_str()).map(|(at, _)| &text[at + image.len()..]);
                ends.into_iter().any(|rest| !rest.starts_with('@'))
            });
            assert_eq!(unpinned, None, "{node}: {text}");
        }
        // As containerd names what it pulls, so that its garbage collection knows it.
        let sandbox = format!("sandbox = \"registry.k8s.io/pause@{pause}\"");
        assert!(payload.texts().any(|text| text.contains(&sandbox)), "{node}");
        for image in payload.plan()["images"].as_array().unwrap() {
            let (name, digest) = image["reference"].as_str().unwrap().split_once('@').unwrap();
            assert_eq!((&image["digest"], &digests[name]), (&Value::from(digest), &digest.to_owned()), "{node}");
        }
    }
}

#[test]
fn a_changed_pin_is_a_new_generation_of_the_nodes_that_it_is_about() {
    let site = Site::new("generation");
    let images = site.images();
    let generations = |salt: fn(&str) -> u8| {
        site.bundle(&images, salt);
        let said = site.run(RENDER);
        assert_eq!(said.code, 0, "{}", said.stderr);
        let manifest = site.manifest();
        let of = |node: &str| manifest["nodes"][node]["generation"].as_u64().unwrap();
        (of("master1"), of("worker1"))
    };
    assert_eq!(generations(|_| 0), (1, 1));
    assert_eq!(generations(|_| 0), (1, 1), "the same digests are the same payload");
    assert_eq!(generations(|image| u8::from(image.contains("/etcd:"))), (2, 1), "no worker starts etcd");
    assert_eq!(generations(|image| u8::from(image.contains("/pause:")) * 2), (3, 3));
}

#[test]
fn every_gap_is_told_at_once_with_its_place_and_nothing_is_written() {
    let site = Site::new("gaps");
    let images = site.images();
    site.bundle(&images, |_| 0);
    assert_eq!(site.run(RENDER).code, 0);
    let former = (fs::read(site.0.join("out/manifest.json")).unwrap(), entries(&site.0));

    let absent = ["/nginx:", "gate/part:", "/etcd:", "/pause:"];
    let rest: Vec<String> = images.into_iter().filter(|image| !absent.iter().any(|one| image.contains(one))).collect();
    site.bundle(&rest, |_| 1);
    let said = site.run(RENDER);
    assert_eq!(said.code, 5, "{}", said.stderr);
    for part in [
        "docker.io/library/nginx:1.29 is not in the bundle",
        "asked for by manifest web.yaml:1 Deployment/web container nginx on every node",
        "asked for by manifest web.yaml:6 Gate/gate field spec.parts[0].image on every node",
        "asked for by static pod etcd on master1, master2, master3",
        "asked for by sandbox image of containerd on master1, master2, master3 and 2 more",
        "4 images that nodes will ask for are not there for all of them",
    ] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    assert_eq!((fs::read(site.0.join("out/manifest.json")).unwrap(), entries(&site.0)), former);

    let said = site.run(&format!("{RENDER} --output-format json"));
    let gaps: Value = serde_json::from_str(&said.stdout).unwrap();
    let shown: Vec<&str> = gaps["gaps"].as_array().unwrap().iter().map(|gap| gap["image"].as_str().unwrap()).collect();
    assert_eq!((said.code, shown.len()), (5, 4), "{shown:?}");
    assert_eq!(gaps["gaps"][0]["askedBy"][0]["nodes"].as_array().unwrap().len(), 5);
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

#[test]
fn a_node_of_another_architecture_needs_its_own_images() {
    let site = Site::new("architecture");
    site.bundle(&site.images(), |_| 0);
    let said = site.run(&format!("{RENDER} --set nodes[worker2].architecture=arm64"));
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("is not in the bundle for arm64; it is there for linux/amd64"), "{}", said.stderr);
    assert!(said.stderr.contains("static pod haproxy on worker2\n"), "{}", said.stderr);
    assert!(!said.stderr.contains("static pod etcd"), "{}", said.stderr);
}

#[test]
fn without_a_registry_nodes_need_the_bundle_on_a_medium() {
    let site = Site::new("medium");
    site.bundle(&site.images(), |_| 0);
    let said = site.run("render --profile ha3 --site site.yaml --bundle bundle");
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("names no registry"), "{}", said.stderr);
    assert!(said.stderr.contains("put bundle on a medium of each machine"), "{}", said.stderr);
}

#[test]
fn what_is_no_bundle_is_refused() {
    let site = Site::new("none");
    fs::create_dir(site.0.join("empty")).unwrap();
    for (bundle, code) in [("nowhere", 4), ("empty", 4), ("site.yaml", 5)] {
        let said = site.run(&format!("render --profile ha3 --bundle {bundle}"));
        assert_eq!(said.code, code, "{bundle}: {}", said.stderr);
        assert!(said.stderr.contains(bundle), "{bundle}: {}", said.stderr);
        assert!(!site.0.join("out").exists() && !site.0.join("ha3.state").exists(), "{bundle}");
    }
}

#[test]
fn what_a_rule_finds_is_listed_in_every_form_and_what_looks_like_an_image_is_asked() {
    let site = Site::new("rules");
    for (line, expected) in [
        ("--why", "quay.io/gate/part:2\n  manifest web.yaml:6 Gate/gate field spec.parts[0].image on every node\n"),
        ("--format table --why", "manifest web.yaml:6 Gate/gate field spec.parts[0].image"),
        ("--format json", "\"reason\": \"manifest web.yaml:6 Gate/gate field spec.parts[0].image\""),
    ] {
        let said = site.run(&format!("images --profile ha3 --site site.yaml {line}"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        assert!(said.stdout.contains(expected), "{line}: {}", said.stdout);
        assert!(!said.stdout.contains("unused"), "{line}: {}", said.stdout);
        let question = "web.yaml:6: Gate/gate: spec.note: looks like the image `quay.io/gate/unused:3`";
        assert!(said.stderr.contains(question), "{line}: {}", said.stderr);
    }
    let said = site.run("render --profile ha3 --site site.yaml");
    assert!(said.stderr.contains("1 image of your manifests may need a look"), "{}", said.stderr);
}
