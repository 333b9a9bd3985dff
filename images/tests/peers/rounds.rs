//! What is done with each peer.

use crate::peer::{Kind, Peer, Place};
use crate::rich::{NAMES, Rich, reference};
use crate::support::distribution::Distribution;
use crate::support::running::Running;
use crate::support::sample::noise;
use crate::support::{client, registries};
use kfimg_images::archive::{Writing, write_tar};
use kfimg_images::component::Architecture::{Amd64, Arm64};
use kfimg_images::content::Content;
use kfimg_images::create::{Output, Request, Watch, create};
use kfimg_images::digest::Digest;
use kfimg_images::download::{LocalFile, attach};
use kfimg_images::hasher::sha256;
use kfimg_images::layout::Descriptor;
use kfimg_images::pull;
use kfimg_images::push::{self, push};
use kfimg_images::serve::ServeOptions;
use kfimg_images::store::Store;
use kfimg_images::verify::verify;
use std::path::Path;

/// A layout, whoever wrote it, is whole and names this content.
fn assert_holds(folder: &Path, digest: &Digest) -> Content {
    let content = Content::open(folder).unwrap();
    let report = verify(&content, &|_| ());
    assert!(report.is_sound(), "{}: {report:?}", folder.display());
    let entries = &content.index().manifests;
    assert!(entries.iter().any(|entry| entry.digest == *digest), "{}: {digest} in {entries:?}", folder.display());
    content
}

/// Folder and tar that kfimg wrote are read, and what the peer makes of them is read by kfimg.
pub(crate) fn layouts_are_read(peer: &Peer) {
    let (rich, places) = (Rich::new(), tempfile::tempdir().unwrap());
    let [folder, tar, out] = ["bundle", "bundle.tar", "out"].map(|name| places.path().join(name));
    let bundle = rich.bundle(&folder);
    for name in NAMES.into_iter().filter(|name| peer.puts(name)) {
        let (digest, reference) = (&rich.root(name).digest, reference(name));
        let image = Place::Layout(&folder, &reference);
        assert_eq!(sha256(&peer.document(image)), *digest, "{name}");
        peer.copy(image, Place::Layout(&out, name));
        assert_holds(&out, digest);
    }
    if matches!(peer.kind, Kind::Skopeo | Kind::Oras) {
        write_tar(&bundle, &tar, &Writing::default()).unwrap();
        let (digest, reference, out) = (&rich.root("app").digest, reference("app"), places.path().join("from-tar"));
        assert_eq!(sha256(&peer.document(Place::Archive(&tar, &reference))), *digest);
        peer.copy(Place::Archive(&tar, &reference), Place::Layout(&out, "1"));
        assert_holds(&out, digest);
    }
}

/// A file of this machine, as `create` lays it into a bundle, comes out as it was.
pub(crate) fn files_are_taken_out(peer: &Peer) {
    let places = tempfile::tempdir().unwrap();
    let [bundle, tar, system] = ["bundle", "bundle.tar", "system.raw"].map(|name| places.path().join(name));
    std::fs::write(&system, noise(3, 300_000)).unwrap();
    let (name, version) = ("system".to_owned(), "1".to_owned());
    let file = LocalFile { name, version, architecture: None, is_program: false, path: system.clone() };
    let reference = file.reference().unwrap().to_string();
    attach(&Store::open(&bundle).unwrap(), &file).unwrap();
    write_tar(&Content::open(&bundle).unwrap(), &tar, &Writing::default()).unwrap();
    for (from, place) in [("folder", Place::Layout(&bundle, &reference)), ("tar", Place::Archive(&tar, &reference))] {
        let out = places.path().join(from);
        peer.take_out(place, &out);
        assert!(std::fs::read(out.join("system.raw")).unwrap() == std::fs::read(&system).unwrap(), "from a {from}");
    }
}

/// Everything that the peer can carry comes from a registry below this host, by tag and by digest.
fn assert_pulled(peer: &Peer, rich: &Rich, host: &str, folder: &Path) {
    for name in NAMES.into_iter().filter(|name| peer.gets(name)) {
        let (digest, tagged) = (&rich.root(name).digest, reference(name));
        let (repository, tag) = tagged.split_once(':').unwrap();
        assert!(peer.tags(host, repository).contains(tag), "{name}");
        let pinned = format!("{repository}@{digest}");
        for (image, way) in [(&tagged, "tag"), (&pinned, "digest")] {
            assert_eq!(sha256(&peer.document(Place::Registry(host, image))), *digest, "{image}");
            let layout = folder.join(format!("{name}-by-{way}"));
            peer.copy(Place::Registry(host, image), Place::Layout(&layout, "1.0"));
            let content = assert_holds(&layout, digest);
            let has_signature = content.extent(&rich.signature.digest).is_some();
            // regctl looks for them at every depth.
            let wanted = name == "app" && peer.takes_referrers() || name == "nested" && peer.kind == Kind::Regctl;
            assert_eq!(has_signature, wanted, "{image}");
        }
    }
    if peer.takes_referrers() {
        let list = peer.referrers(Place::Registry(host, &reference("app")));
        assert_eq!(list.trim(), rich.signature.digest.as_str());
    }
}

/// The peer pulls from `kfimg serve`.
pub(crate) fn serve_is_read(peer: &Peer) {
    let (rich, places) = (Rich::new(), tempfile::tempdir().unwrap());
    let mut running = Running::start(rich.bundle(&places.path().join("bundle")), ServeOptions::default());
    assert!(running.faults.is_empty(), "{:?}", running.faults);
    assert_pulled(peer, &rich, &running.address.to_string(), places.path());
    running.end();
}

/// kfimg pushes to a registry and the peer pulls from it, and the other way round.
pub(crate) fn registry_is_shared(peer: &Peer, registry: &Distribution) {
    let (rich, places, host) = (Rich::new(), tempfile::tempdir().unwrap(), registry.host());
    let path = |name: &str| places.path().join(name);
    let bundle = rich.bundle(&path("bundle"));
    let pushed = push(&bundle, &client(host), &push::Options::default(), &|_| {}).unwrap();
    let found = (pushed.images.len(), pushed.unplaced.len());
    assert_eq!(found, (NAMES.len() + 2, 0), "the signature lies beside both indexes");
    assert_pulled(peer, &rich, host, places.path());

    let mut roots = Vec::new();
    for name in NAMES.into_iter().filter(|name| peer.puts(name)) {
        let (image, reference) = (format!("theirs/{name}:of-{name}"), reference(name));
        let mut folder = bundle.place().to_owned();
        if peer.kind == Kind::Crane {
            folder = path(name);
            rich.single(&bundle, &folder, name);
        }
        peer.copy(Place::Layout(&folder, &reference), Place::Registry(host, &image));
        roots.push((image, rich.root(name)));
    }
    // Which of a layout's content refers to an image, only oras looks up.
    let known: &[Digest] = if peer.kind == Kind::Oras { std::slice::from_ref(&rich.signature.digest) } else { &[] };
    assert_eq!(create_of_theirs(peer, host, &roots, &path("created")), known);
    if peer.takes_referrers() {
        // What it pulled with its referrers, it pushes with them.
        let image = "signed/app:1.0".to_owned();
        peer.copy(Place::Layout(&path("app-by-tag"), "1.0"), Place::Registry(host, &image));
        let referrers = create_of_theirs(peer, host, &[(image, rich.root("app"))], &path("signed"));
        assert_eq!(referrers, std::slice::from_ref(&rich.signature.digest));
    }
}

/// kfimg makes a bundle of what a peer pushed, all of it, and the peer reads that; returns what refers to it.
fn create_of_theirs(peer: &Peer, host: &str, roots: &[(String, &Descriptor)], folder: &Path) -> Vec<Digest> {
    let references: Vec<String> = roots.iter().map(|(image, _)| format!("{host}/{image}")).collect();
    let request = Request {
        references: references.iter().map(|reference| reference.parse().unwrap()).collect(),
        pull: pull::Options { architectures: vec![Amd64, Arm64], referrers: true, ..pull::Options::default() },
        ..Request::default()
    };
    let watch = &Watch::default();
    create(&request, folder, &Output::Folder, &registries(&[host], |_| {}), watch).unwrap();
    let mut content = None;
    for (reference, (_, root)) in references.iter().zip(roots) {
        content = Some(assert_holds(folder, &root.digest));
        // crane reads no layout without pushing it.
        if peer.kind != Kind::Crane {
            assert_eq!(sha256(&peer.document(Place::Layout(folder, reference))), root.digest, "{reference}");
        }
    }
    let entries = content.unwrap().index().manifests.clone();
    entries.into_iter().filter(|entry| entry.reference().is_none()).map(|entry| entry.digest).collect()
}
