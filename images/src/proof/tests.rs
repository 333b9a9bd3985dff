//! Gaps of each kind, who asks, and pins.

use std::collections::BTreeSet;

use super::{Lack, Node, Proof, Way, prove};
use crate::component::Architecture::{self, Amd64, Arm64};
use crate::content::Content;
use crate::discovery::{FoundImage, ObjectName, Place};
use crate::fake::FakeBundle;
use crate::layout::Descriptor;
use crate::list::ImageList;
use crate::reason::{Cause, Reason, Scope};
use crate::reference::Reference;

const PAUSE: &str = "registry.k8s.io/pause:3.10.2";
const NGINX: &str = "docker.io/library/nginx:1.29";

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn node(name: &str, role: &str, architecture: Architecture) -> Node {
    let (name, roles, way) = (name.to_owned(), vec![role.to_owned()], Way::Local);
    Node { name, roles, architecture, sandbox: reference(PAUSE), way }
}

fn manifest(file: &str, line: usize, scope: Scope) -> Reason {
    let (object, place) = ("Deployment/web".to_owned(), "container web".to_owned());
    Reason { cause: Cause::Manifest { file: file.to_owned(), line: Some(line), object, place }, scope }
}

fn asked(entries: &[(&str, Reason)]) -> ImageList {
    let mut images = ImageList::new();
    for (image, reason) in entries {
        images.add(reference(image), reason.clone());
    }
    images
}

/// The fake bundle with one architecture or both in `bundle.json`, after a change.
fn with_bundle(architectures: &[&str], change: impl Fn(&mut FakeBundle), check: impl Fn(&Content)) {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::fake(folder.path());
    change(&mut bundle);
    bundle.finish();
    let path = folder.path().join("bundle.json");
    let mut manifest = crate::content::BundleManifest::parse(&std::fs::read(&path).unwrap()).unwrap();
    manifest.architectures = architectures.iter().map(|one| (*one).to_owned()).collect();
    std::fs::write(&path, manifest.to_bytes()).unwrap();
    check(&Content::open(folder.path()).unwrap());
}

fn said(proof: &Proof) -> Vec<String> {
    proof.gaps.iter().map(ToString::to_string).collect()
}

#[test]
fn a_closed_world_has_no_gap_and_a_pin_for_each_image() {
    let images = asked(&[(NGINX, manifest("web.yaml", 3, Scope::Role("worker".to_owned())))]);
    let nodes = [node("master1", "control-plane", Arm64), node("worker1", "worker", Amd64)];
    with_bundle(
        &["amd64", "arm64"],
        |_| (),
        |content| {
            let proof = prove(&images, &nodes, content);
            assert_eq!(said(&proof), [""; 0]);
            let of = |name: &str| content.index().manifests.iter().find(|e| e.reference() == Some(name)).unwrap();
            assert_eq!(proof.pins[&reference(PAUSE)], of(PAUSE).digest, "several architectures pin the index");
            assert_eq!(proof.pins[&reference(NGINX)], of(NGINX).digest);
        },
    );
    with_bundle(
        &["amd64"],
        |_| (),
        |content| {
            let proof = prove(&images, &nodes[1..], content);
            let pin = &proof.pins[&reference(PAUSE)];
            let index = content.index().manifests.iter().find(|e| e.reference() == Some(PAUSE)).unwrap();
            assert!(proof.is_closed() && *pin != index.digest, "one architecture pins its manifest");
            assert!(content.extent(pin).is_some());
        },
    );
}

#[test]
fn a_missing_image_is_told_with_everybody_who_asks() {
    let found = |name: &str| FoundImage {
        reference: reference("quay.io/app:2"),
        object: ObjectName { kind: "Job".to_owned(), namespace: None, name: Some(name.to_owned()) },
        path: "spec.template.spec.containers[0].image".to_owned(),
        pointer: "/spec/template/spec/containers/0/image".to_owned(),
        place: Place::Container("main".to_owned()),
        written: "quay.io/app:2".to_owned(),
    };
    let images = asked(&[
        ("quay.io/app:2", Reason::manifest("jobs.yaml", Some(7), &found("one"))),
        ("quay.io/app:2", Reason::manifest("jobs.yaml", Some(40), &found("two"))),
        ("quay.io/app:2", Reason::static_pod("etcd", "etcd", "worker1")),
        ("quay.io/app:2", manifest("never.yaml", 1, Scope::Role("etcd".to_owned()))),
        ("quay.io/unused:1", manifest("never.yaml", 9, Scope::Node("gone".to_owned()))),
    ]);
    with_bundle(
        &["amd64"],
        |_| (),
        |content| {
            let proof = prove(&images, &[node("worker1", "worker", Amd64)], content);
            let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
            assert_eq!(gap.lack, Lack::Missing);
            let text = gap.to_string();
            assert!(text.starts_with("quay.io/app:2 is not in the bundle"), "{text}");
            for wanted in ["jobs.yaml:7 Job/one", "jobs.yaml:40 Job/two", "static pod etcd on worker1"] {
                assert!(text.contains(wanted), "{wanted}: {text}");
            }
            assert!(!text.contains("never.yaml"), "no node of that role exists: {text}");
            assert!(!proof.pins.contains_key(&gap.reference));
        },
    );
}

#[test]
fn an_architecture_that_lacks_is_told_to_its_own_nodes() {
    let images = asked(&[
        (NGINX, manifest("web.yaml", 3, Scope::EveryNode)),
        (NGINX, Reason::static_pod("web", "web", "intel")),
    ]);
    let nodes = [node("intel", "worker", Amd64), node("arm", "worker", Arm64)];
    with_bundle(
        &["amd64", "arm64"],
        |_| (),
        |content| {
            let proof = prove(&images, &nodes, content);
            let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
            let found = vec!["linux/amd64".to_owned()];
            assert_eq!(gap.lack, Lack::Architecture { wanted: vec![Arm64], found });
            assert_eq!(gap.asked_by.len(), 1);
            assert_eq!(gap.asked_by[0].nodes, ["arm"]);
            assert!(gap.to_string().contains("web.yaml:3"), "{gap}");
        },
    );
}

#[test]
fn the_sandbox_image_is_asked_for_though_no_manifest_names_it() {
    with_bundle(
        &["amd64"],
        |_| (),
        |content| {
            let mut other = node("worker1", "worker", Amd64);
            other.sandbox = reference("registry.k8s.io/pause:3.9");
            let proof = prove(&ImageList::new(), &[other, node("worker2", "worker", Amd64)], content);
            let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
            assert_eq!(gap.asked_by[0].nodes, ["worker1"]);
            assert!(gap.to_string().contains("sandbox image of containerd on worker1"), "{gap}");
        },
    );
}

#[test]
fn a_host_without_a_mirror_file_is_not_reached() {
    let images = asked(&[(NGINX, manifest("web.yaml", 3, Scope::EveryNode))]);
    let nodes = [node("worker1", "worker", Amd64)];
    let mirror = |hosts: &[&str]| Way::Mirror {
        registry: "reg.local".to_owned(),
        upstreams: hosts.iter().map(|host| (*host).to_owned()).collect::<BTreeSet<_>>(),
    };
    let table = [
        (mirror(&["docker.io", "registry.k8s.io"]), vec![]),
        (mirror(&["registry.k8s.io"]), vec![NGINX]),
        (Way::Upstream, vec![NGINX, PAUSE]),
        (Way::Local, vec![]),
    ];
    with_bundle(
        &["amd64"],
        |_| (),
        |content| {
            for (way, wanted) in &table {
                let mut nodes = nodes.clone();
                nodes[0].way = way.clone();
                let proof = prove(&images, &nodes, content);
                let found: Vec<String> = proof.gaps.iter().map(|gap| gap.reference.to_string()).collect();
                assert_eq!(found, *wanted, "{way:?}");
                assert!(proof.gaps.iter().all(|gap| gap.lack == Lack::Unreached));
            }
        },
    );
}

#[test]
fn what_is_named_after_the_mirror_itself_is_brought_by_no_bundle() {
    let mut nodes = [node("worker1", "worker", Amd64)];
    let upstreams = BTreeSet::from(["registry.k8s.io".to_owned(), "reg.local".to_owned()]);
    nodes[0].way = Way::Mirror { registry: "reg.local".to_owned(), upstreams };
    let own = asked(&[("reg.local/nginx:1", manifest("web.yaml", 3, Scope::EveryNode))]);
    let with_it = |bundle: &mut FakeBundle| {
        let image = bundle.image("amd64", &[b"own"]);
        bundle.name("reg.local/nginx:1", image);
    };
    let check = |content: &Content| {
        let proof = prove(&own, &nodes, content);
        let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
        assert_eq!((&gap.lack, gap.asked_by[0].nodes.len()), (&Lack::Own, 1));
    };
    with_bundle(&["amd64"], |_| (), check);
    with_bundle(&["amd64"], with_it, check);
}

#[test]
fn parts_that_are_not_there_and_documents_that_are_damaged_are_gaps() {
    let images = asked(&[(NGINX, manifest("web.yaml", 3, Scope::EveryNode))]);
    let nodes = [node("worker1", "worker", Amd64)];
    let layer = crate::hasher::sha256(b"the server");
    let without = |bundle: &mut FakeBundle| std::fs::remove_file(bundle.path(&layer)).unwrap();
    with_bundle(&["amd64"], without, |content| {
        assert_eq!(prove(&images, &nodes, content).gaps[0].lack, Lack::Incomplete(vec![layer.clone()]));
    });
    let damaged = |bundle: &mut FakeBundle| {
        let nginx: Descriptor = bundle.image("amd64", &[b"other"]);
        bundle.name("docker.io/library/nginx:1.30", nginx.clone());
        std::fs::write(bundle.path(&nginx.digest), b"{}").unwrap();
    };
    let images = asked(&[("docker.io/library/nginx:1.30", manifest("web.yaml", 3, Scope::EveryNode))]);
    with_bundle(&["amd64"], damaged, |content| {
        let gap = &prove(&images, &nodes, content).gaps[0];
        assert!(matches!(&gap.lack, Lack::Unreadable(reason) if reason.contains("damaged")), "{gap}");
    });
}

#[test]
fn a_digest_finds_what_lies_below_its_repository() {
    with_bundle(
        &["amd64", "arm64"],
        |_| (),
        |content| {
            let nodes = [node("worker1", "worker", Amd64)];
            let pause = content.index().manifests.iter().find(|e| e.reference() == Some(PAUSE)).unwrap();
            let by_tag = prove(&ImageList::new(), &nodes, content).pins[&reference(PAUSE)].clone();
            assert_eq!(by_tag, pause.digest);
            let child = crate::layout::Index::parse_root(&content.read_small(&pause.digest, 1 << 20).unwrap()).unwrap();
            let child = child.manifests[0].digest.clone();
            let asked_for = [
                format!("registry.k8s.io/pause:3.10.2@{}", pause.digest),
                format!("registry.k8s.io/pause@{child}"),
                format!("registry.k8s.io/other@{child}"),
            ];
            let images =
                asked(&asked_for.each_ref().map(|text| (text.as_str(), manifest("a.yaml", 1, Scope::EveryNode))));
            let proof = prove(&images, &nodes, content);
            assert_eq!(proof.pins[&reference(&asked_for[0])], pause.digest);
            assert_eq!(proof.pins[&reference(&asked_for[1])], child);
            let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
            assert_eq!((gap.reference.repository(), &gap.lack), ("other", &Lack::Missing));
        },
    );
}

#[test]
fn a_name_with_another_digest_than_its_content_proves_nothing() {
    let nodes = [node("worker1", "worker", Amd64)];
    let asked_for = format!("quay.io/app@{}", crate::hasher::sha256(b"what is asked for"));
    let images = asked(&[(&asked_for, manifest("a.yaml", 1, Scope::EveryNode))]);
    let lying = |bundle: &mut FakeBundle| {
        let other = bundle.image("amd64", &[b"something else"]);
        bundle.name(&asked_for, other);
    };
    with_bundle(&["amd64"], lying, |content| {
        let proof = prove(&images, &nodes, content);
        let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
        assert_eq!(gap.lack, Lack::Missing);
        assert!(!proof.pins.contains_key(&reference(&asked_for)));
    });
}

#[test]
fn nobody_is_pinned_to_a_manifest_for_other_machines() {
    let nodes = [node("intel", "worker", Amd64), node("arm", "worker", Arm64)];
    with_bundle(
        &["amd64"],
        |_| (),
        |content| {
            let index = content.index().manifests.iter().find(|e| e.reference() == Some(PAUSE)).unwrap();
            for nodes in [&nodes[..], &nodes[1..]] {
                let proof = prove(&ImageList::new(), nodes, content);
                assert_eq!(said(&proof), [""; 0]);
                assert_eq!(proof.pins[&reference(PAUSE)], index.digest, "the index has both");
            }
        },
    );
}

#[test]
fn what_a_delta_leaves_out_is_nowhere_on_a_medium() {
    let images = asked(&[(NGINX, manifest("web.yaml", 3, Scope::EveryNode))]);
    let (layer, mut nodes) = (crate::hasher::sha256(b"the server"), [node("worker1", "worker", Amd64)]);
    let upstreams = BTreeSet::from(["docker.io".to_owned(), "registry.k8s.io".to_owned()]);
    let mirror = Way::Mirror { registry: "reg.local".to_owned(), upstreams };
    let folder = tempfile::tempdir().unwrap();
    let bundle = FakeBundle::fake(folder.path());
    let mut leave_out = |digests: &[&crate::digest::Digest], way: &Way| {
        let mut manifest = bundle.manifest(Content::open(folder.path()).unwrap().index_bytes());
        let mut absent: Vec<_> = digests.iter().map(|digest| (*digest).clone()).collect();
        absent.sort();
        for digest in digests {
            let _ = std::fs::remove_file(bundle.path(digest));
        }
        let receipt = crate::hasher::sha256(b"receipt");
        manifest.since = Some(crate::content::Since { receipt, absent, held: std::collections::BTreeMap::new() });
        std::fs::write(folder.path().join("bundle.json"), manifest.to_bytes()).unwrap();
        nodes[0].way = way.clone();
        prove(&images, &nodes, &Content::open(folder.path()).unwrap())
    };
    assert_eq!(said(&leave_out(&[&layer], &mirror)), [""; 0], "the registry has it");
    let proof = leave_out(&[&layer], &Way::Local);
    let [gap] = &proof.gaps[..] else { panic!("{:?}", said(&proof)) };
    assert_eq!(gap.lack, Lack::LeftOut(vec![layer.clone()]));
    // Without the manifest nobody knows what would have to be there.
    let manifest = proof.pins[&reference(NGINX)].clone();
    let proof = leave_out(&[&layer, &manifest], &mirror);
    assert!(!proof.is_closed(), "{:?}", said(&proof));
}

#[test]
fn a_variant_that_containerd_does_not_look_for_is_not_there() {
    let nodes = [node("worker1", "worker", Amd64)];
    let images = asked(&[("quay.io/app:1", manifest("a.yaml", 1, Scope::EveryNode))]);
    for (variant, is_found) in [("", true), ("v1", true), ("v3", false)] {
        let of_variant = |bundle: &mut FakeBundle| {
            let mut image = bundle.image("amd64", &[b"app"]);
            image.platform.as_mut().unwrap().variant = Some(variant.to_owned());
            bundle.index("quay.io/app:1", vec![image]);
        };
        with_bundle(&["amd64", "arm64"], of_variant, |content| {
            let proof = prove(&images, &nodes, content);
            assert_eq!(proof.is_closed(), is_found, "{variant}: {:?}", said(&proof));
        });
    }
}
