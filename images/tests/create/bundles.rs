//! What a bundle holds, in every form and by its lock.

use crate::asked::{all_said, answer, binary, make, program, request, serve};
use crate::support::registries;
use crate::support::sample::{Sample, snapshot};
use crate::support::server::Server;
use kfimg_images::archive::ChunkOptions;
use kfimg_images::component::Architecture::{Amd64, Arm64};
use kfimg_images::content::Content;
use kfimg_images::create::{CreateError, Output, Request};
use kfimg_images::download::BINARY_TYPE;
use kfimg_images::hasher::sha256;
use kfimg_images::lock::Lock;
use kfimg_images::pull::Options;
use kfimg_images::verify::verify;
use std::sync::Mutex;

#[test]
fn a_folder_a_tar_and_chunks_hold_the_same_bundle() {
    let mut sample = Sample::default();
    let root = sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let path = |name: &str| places.path().join(name);
    let (request, registries) = (request(&host, &[Amd64, Arm64]), registries(&[&host], |_| {}));
    let created = make(&request, &path("folder"), &Output::Folder, &registries).unwrap();
    make(&request, &path("store"), &Output::Tar(path("bundle.tar")), &registries).unwrap();
    let options = ChunkOptions { chunk_size: 200_000, parity: 0 };
    let chunks = Output::Chunks { manifest: path("b.chunks.json"), options };
    let cut = make(&request, &path("store"), &chunks, &registries).unwrap().chunks.unwrap();
    assert!(cut.chunks.len() > 5, "{cut:?}");

    let folder = Content::open(&path("folder")).unwrap();
    for other in ["bundle.tar", "b.chunks.json"] {
        let other = Content::open(&path(other)).unwrap();
        assert_eq!(other.index_bytes(), folder.index_bytes());
        assert_eq!(other.manifest_bytes(), folder.manifest_bytes());
        assert!(other.blobs().map(|(digest, _)| digest).eq(folder.blobs().map(|(digest, _)| digest)));
        assert!(verify(&other, &|_| ()).is_sound());
    }
    let report = verify(&folder, &|_| ());
    assert!(report.is_sound() && report.unreferenced.is_empty(), "{report:?}");
    let manifest = folder.manifest().unwrap();
    assert_eq!(manifest.index, Some(sha256(folder.index_bytes())));
    assert_eq!(manifest.blobs, folder.blobs().count() as u64);
    assert_eq!(manifest.bytes, folder.blobs().map(|(_, extent)| extent.size()).sum::<u64>());
    assert_eq!(manifest.architectures, ["amd64", "arm64"]);
    let image = &manifest.images[&format!("{host}/app:1")];
    assert_eq!(
        (&image.digest, &image.platforms[..]),
        (&root.digest, &["linux/amd64".to_owned(), "linux/arm64".to_owned()][..])
    );
    let runc =
        folder.index().manifests.iter().find(|e| e.reference() == Some("kfimg.invalid/binary/runc:v1.5.2-arm64"));
    let runc = runc.unwrap();
    assert_eq!(runc.artifact_type.as_deref(), Some(BINARY_TYPE));
    assert_eq!(runc.annotations["kfimg.io/architecture"], "arm64");
    assert!(folder.extent(&sha256(&program(Arm64))).is_some(), "the file lies under its own digest");
    assert_eq!(created.lock.binaries.len(), 2);
    assert!(created.lacking.is_empty());
}

#[test]
fn a_bundle_holds_what_was_asked_for_and_nothing_of_former_runs() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let path = |name: &str| places.path().join(name);
    let registries = registries(&[&host], |_| {});
    let both = request(&host, &[Amd64, Arm64]);
    let less = request(&host, &[Amd64]);
    make(&both, &path("used"), &Output::Folder, &registries).unwrap();
    let before = snapshot(&path("used"));
    let again = make(&both, &path("used"), &Output::Folder, &registries).unwrap();
    assert_eq!(snapshot(&path("used")), before, "the same again changes nothing");
    assert!(again.received < 10_000, "and fetches no blob: {}", again.received);
    let twice = Options { architectures: vec![Amd64, Amd64], ..less.pull.clone() };
    make(&Request { pull: twice, ..less.clone() }, &path("used"), &Output::Folder, &registries).unwrap();
    make(&less, &path("clean"), &Output::Folder, &registries).unwrap();
    assert_eq!(snapshot(&path("used")), snapshot(&path("clean")));
    make(&both, &path("cache"), &Output::Tar(path("large.tar")), &registries).unwrap();
    make(&less, &path("cache"), &Output::Tar(path("used.tar")), &registries).unwrap();
    make(&less, &path("fresh"), &Output::Tar(path("clean.tar")), &registries).unwrap();
    assert_eq!(std::fs::read(path("used.tar")).unwrap(), std::fs::read(path("clean.tar")).unwrap());
}

#[test]
fn a_lock_pins_what_a_moved_tag_would_change() {
    let mut sample = Sample::default();
    let first = sample.two_architectures(1);
    let moved = std::sync::Arc::new(Mutex::new(sample.clone()));
    let shared = moved.clone();
    let server = Server::start(move |request| answer(&shared.lock().unwrap(), request));
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let path = |name: &str| places.path().join(name);
    let (plain, registries) = (request(&host, &[Amd64, Arm64]), registries(&[&host], |_| {}));
    let reference = plain.references[0].clone();
    let made = make(&plain, &path("a"), &Output::Folder, &registries).unwrap().lock;
    assert_eq!(made.pin(&reference).unwrap().digest, first.digest);

    let second = moved.lock().unwrap().two_architectures(50);
    let locked = Request { lock: Some(made.clone()), ..plain.clone() };
    make(&locked, &path("b"), &Output::Folder, &registries).unwrap();
    assert_eq!(snapshot(&path("a")), snapshot(&path("b")), "months later the same bundle");
    let asked = server.seen().len();
    make(&locked, &path("b"), &Output::Folder, &registries).unwrap();
    assert_eq!(server.seen().len(), asked, "and of what is there nothing is asked");
    let renewed = Request { renew: [reference.clone()].into(), ..locked.clone() };
    let other: kfimg_images::Reference = format!("{host}/other:1").parse().unwrap();
    let strange = Request { renew: [other].into(), ..locked.clone() };
    let error = make(&strange, &path("b"), &Output::Folder, &registries).unwrap_err();
    assert!(matches!(error, CreateError::NotAsked(_)) && error.to_string().contains("other:1"), "{error}");
    let again = make(&renewed, &path("renewed"), &Output::Folder, &registries).unwrap().lock;
    assert_eq!(again.pin(&reference).unwrap().digest, second.digest, "of that name alone the lock says nothing");
    assert_eq!(again.binaries, made.binaries);
    let new = make(&plain, &path("b"), &Output::Folder, &registries).unwrap().lock;
    assert_eq!(new.pin(&reference).unwrap().digest, second.digest);
    assert_eq!(made.changes(&new).len(), 3, "index and both platforms");

    // For one architecture the lock still names the index that the tag leads to, and pins the platform.
    let one = make(&request(&host, &[Arm64]), &path("c"), &Output::Folder, &registries).unwrap().lock;
    assert_eq!(one.images[&reference].index, new.images[&reference].index);
    assert_eq!(one.pin(&reference), new.images[&reference].platforms.get(&Arm64));
    let narrow = Request { lock: Some(one.clone()), ..plain.clone() };
    let error = make(&narrow, &path("d"), &Output::Folder, &registries).unwrap_err();
    assert!(matches!(error, CreateError::LockArchitecture(Amd64)), "{error}");
    let mut other = locked.clone();
    other.references.push(format!("{host}/new:1").parse().unwrap());
    let error = make(&other, &path("d"), &Output::Folder, &registries).unwrap_err().to_string();
    assert!(error.contains("new:1") && error.contains("--update"), "{error}");
    let mut edited: Lock = made.clone();
    let platforms = &mut edited.images.get_mut(&reference).unwrap().platforms;
    platforms.get_mut(&Amd64).unwrap().digest = sha256(b"edited");
    let error = make(&Request { lock: Some(edited), ..plain }, &path("d"), &Output::Folder, &registries).unwrap_err();
    assert!(matches!(error, CreateError::LockDiffers(_)), "{error}");
}

#[test]
fn every_failure_is_told_and_an_old_bundle_stays_one() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let folder = places.path().join("bundle");
    let (good, registries) = (request(&host, &[Amd64]), registries(&[&host], |_| {}));
    make(&good, &folder, &Output::Folder, &registries).unwrap();
    let whole = snapshot(&folder);
    let mut bad = good.clone();
    bad.references = ["gone:2", "lost:2"].map(|name| format!("{host}/{name}").parse().unwrap()).to_vec();
    bad.binaries = vec![binary(&host, Amd64)];
    bad.binaries[0].artifact.url = format!("http://{host}/runc.sparc");
    let said = all_said(&make(&bad, &folder, &Output::Folder, &registries).unwrap_err());
    for wanted in ["gone:2", "lost:2", "runc 1.5.2 for amd64", "no checksum of runc.sparc"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    let after = snapshot(&folder);
    for (name, bytes) in whole.iter().filter(|(name, _)| !name.ends_with(".partial")) {
        assert_eq!(after.get(name), Some(bytes), "{name}");
    }
    assert!(verify(&Content::open(&folder).unwrap(), &|_| ()).is_sound());
    make(&good, &folder, &Output::Folder, &registries).unwrap();
    assert_eq!(snapshot(&folder), whole);
    let none = Request { pull: Options::default(), ..good };
    assert!(matches!(make(&none, &folder, &Output::Folder, &registries), Err(CreateError::NoArchitecture)));
}
