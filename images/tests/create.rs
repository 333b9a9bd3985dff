//! Whole bundles, made of what servers on this machine publish: as folder, tar and chunks, with a lock, after cuts, and proven.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::archive::ChunkOptions;
use kfimg_images::catalog::Artifact;
use kfimg_images::component::Architecture::{self, Amd64, Arm64};
use kfimg_images::component::HostPart;
use kfimg_images::content::Content;
use kfimg_images::create::{CreateError, Created, Output, Request, Watch, create};
use kfimg_images::download::{BINARY_TYPE, Binary, LocalFile};
use kfimg_images::hasher::sha256;
use kfimg_images::list::ImageList;
use kfimg_images::lock::Lock;
use kfimg_images::proof::{Lack, Node, Way, prove};
use kfimg_images::pull::Options;
use kfimg_images::push::Prefix;
use kfimg_images::receipt::{Held, Receipt};
use kfimg_images::registry::Registries;
use kfimg_images::verify::verify;
use std::path::Path;
use std::sync::Mutex;
use support::registries;
use support::sample::{GZIP_LAYER, Sample, assert_nothing_wrong, noise, range, snapshot};
use support::server::{Fault, Reply, Request as Asked, Server};

/// A host program's file.
fn program(architecture: Architecture) -> Vec<u8> {
    noise(if architecture == Amd64 { 71 } else { 72 }, 400_000)
}

/// Registry and file server in one.
fn answer(sample: &Sample, request: &Asked) -> Reply {
    let files = [("/runc.amd64", program(Amd64)), ("/runc.arm64", program(Arm64))];
    if request.path() == "/sums" {
        let lines = files.iter().map(|(name, bytes)| format!("{}  .{name}\n", sha256(bytes).hexadecimal()));
        return Reply::new(200, lines.collect::<String>());
    }
    match files.iter().find(|(name, _)| request.path() == *name) {
        Some((_, bytes)) => range(bytes, request.header("range")),
        None => sample.answer(request),
    }
}

fn serve(sample: &Sample) -> Server {
    let sample = sample.clone();
    Server::start(move |request| answer(&sample, request))
}

fn binary(host: &str, architecture: Architecture) -> Binary {
    let url = format!("http://{host}/runc.{architecture}");
    let (version, checksum_url) = ("1.5.2".to_owned(), format!("http://{host}/sums"));
    Binary {
        artifact: Artifact { part: HostPart::Runc, version, url, checksum_url, checksum_algorithm: "sha256" },
        architecture,
    }
}

fn request(host: &str, architectures: &[Architecture]) -> Request {
    Request {
        kubernetes_version: Some("v1.36.3".to_owned()),
        references: vec![format!("{host}/app:1").parse().unwrap()],
        binaries: architectures.iter().map(|one| binary(host, *one)).collect(),
        pull: Options { architectures: architectures.to_vec(), workers: 2, ..Options::default() },
        ..Request::default()
    }
}

fn make(request: &Request, folder: &Path, output: &Output, registries: &Registries) -> Result<Created, CreateError> {
    create(request, folder, output, registries, &Watch::default())
}

fn all_said(error: &CreateError) -> String {
    match error {
        CreateError::Incomplete { images, binaries } => {
            let images = images.iter().map(ToString::to_string);
            images.chain(binaries.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}

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

#[test]
fn a_host_program_that_is_cut_is_gone_on_with() {
    let file = program(Amd64);
    let cut = 150_000;
    let served = file.clone();
    let tries = Mutex::new(0);
    let server = Server::start(move |request| match (request.method.as_str(), request.path()) {
        (_, "/sums") => Reply::new(200, sha256(&served).hexadecimal().to_owned()),
        ("HEAD", _) => Reply::new(405, ""),
        _ => {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            let reply = range(&served, request.header("range"));
            // The first answer only tells the size, because HEAD is refused.
            if *tries == 2 { reply.fault(Fault::Cut(cut)) } else { reply }
        }
    });
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let mut request = request(&host, &[Amd64]);
    request.references.clear();
    let created = make(&request, places.path(), &Output::Folder, &registries(&[&host], |_| {})).unwrap();
    assert_eq!(created.received, file.len() as u64, "no byte came twice");
    let ranges: Vec<String> =
        server.seen().iter().filter_map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [format!("bytes={cut}-")]);
    assert_nothing_wrong(places.path());
}

#[test]
fn a_host_program_that_is_wrong_is_not_kept() {
    let file = program(Amd64);
    let digits = sha256(&file).hexadecimal().to_owned();
    let mut flipped = file.clone();
    flipped[1234] ^= 1;
    let sums = Reply::new(200, digits);
    let table = [
        ("another file", sums.clone(), Reply::new(200, flipped), "has the digest"),
        ("a shorter file", sums.clone(), Reply::new(200, &file[..9000]), "has the digest"),
        ("an endless file", sums.clone(), Reply::new(200, "").fault(Fault::Endless), "Content-Length"),
        ("a giant", sums.clone(), Reply::new(200, "").header("content-length", "9999999999999"), "at most"),
        ("no file", sums.clone(), Reply::new(404, ""), "not found"),
        ("this machine", sums.clone(), Reply::new(302, "").header("location", "http://127.0.0.1:1/x"), "leads to"),
        ("no checksums", Reply::new(404, ""), Reply::new(200, file.clone()), "not found"),
        ("a page", Reply::new(200, "<html>"), Reply::new(200, file.clone()), "only 0-9 and a-f"),
        ("endless checksums", Reply::new(200, "").fault(Fault::Endless), Reply::new(200, file.clone()), "more than"),
        ("half of the checksums", sums.clone().fault(Fault::Cut(10)), Reply::new(200, file.clone()), "broke off"),
    ];
    for (name, sums, reply, wanted) in table {
        let server = Server::start(move |request| if request.path() == "/sums" { sums.clone() } else { reply.clone() });
        let (host, places) = (server.host(), tempfile::tempdir().unwrap());
        let mut request = request(&host, &[Amd64]);
        request.references.clear();
        let error = make(&request, places.path(), &Output::Folder, &registries(&[&host], |_| {})).unwrap_err();
        let said = all_said(&error);
        assert!(said.contains(wanted), "{name}: {said}");
        assert_nothing_wrong(places.path());
        assert!(!places.path().join("bundle.json").exists(), "{name}: a bundle that is not finished has none");
        assert!(server.seen().iter().all(|request| request.header("authorization").is_none()));
    }
}

#[test]
fn a_delta_leaves_out_what_the_receipt_names_and_is_proven_all_the_same() {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(3, 100_000));
    sample.image("amd64", vec![layer.clone()]);
    let config = sample.blobs.keys().find(|digest| **digest != layer.digest).unwrap().clone();
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let mut request = request(&host, &[Amd64]);
    let there = [layer.digest.clone(), config].map(|digest| (digest.clone(), sample.blobs[&digest].len() as u64));
    let held = Held { blobs: there.into(), ..Held::default() };
    let prefix = Prefix::default();
    let repositories = [(prefix.repository(&request.references[0]), held)].into();
    let receipt = Receipt::new("reg.local", prefix, repositories);
    request.since = Some(receipt.clone());
    let tar = places.path().join("delta.tar");
    let registries = registries(&[&host], |_| {});
    make(&request, &places.path().join("store"), &Output::Tar(tar.clone()), &registries).unwrap();
    let content = Content::open(&tar).unwrap();
    assert!(content.extent(&layer.digest).is_none() && content.extent(&sha256(&program(Amd64))).is_some());
    let manifest = content.manifest().unwrap();
    let since = manifest.since.as_ref().unwrap();
    assert_eq!(&since.receipt, receipt.id());
    assert!(since.absent.contains(&layer.digest));
    assert_eq!(manifest.blobs, content.blobs().count() as u64);
    assert!(verify(&content, &|_| ()).is_sound());
    let (name, roles) = ("one".to_owned(), Vec::new());
    let sandbox = request.references[0].clone();
    let upstreams = [sandbox.host().to_owned()].into();
    let way = Way::Mirror { registry: "reg.local".to_owned(), upstreams };
    let mut node = Node { name, roles, architecture: Amd64, sandbox, way };
    let proof = prove(&ImageList::new(), std::slice::from_ref(&node), &content);
    assert!(proof.is_closed(), "{:?}", proof.gaps);
    node.way = Way::Local;
    let proof = prove(&ImageList::new(), &[node], &content);
    assert_eq!(proof.gaps[0].lack, Lack::LeftOut(vec![layer.digest]), "a medium has no registry behind it");
}

#[test]
fn two_runs_do_not_share_a_folder_and_a_changed_index_has_no_old_manifest() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let (good, registries) = (request(&host, &[Amd64]), registries(&[&host], |_| {}));
    make(&good, places.path(), &Output::Folder, &registries).unwrap();
    let other = std::fs::File::create(places.path().join(".bundle.json.partial")).unwrap();
    other.lock().unwrap();
    let error = make(&good, places.path(), &Output::Folder, &registries).unwrap_err().to_string();
    assert!(error.contains("another process"), "{error}");
    drop(other);
    let mut partly = good.clone();
    partly.references = ["new:1", "gone:2"].map(|name| format!("{host}/{name}").parse().unwrap()).to_vec();
    make(&partly, places.path(), &Output::Folder, &registries).unwrap_err();
    assert!(!places.path().join("bundle.json").exists(), "the index lists new:1, of which the old one knows nothing");
    make(&good, places.path(), &Output::Folder, &registries).unwrap();
    let content = Content::open(places.path()).unwrap();
    assert_eq!(content.manifest().unwrap().index, Some(sha256(content.index_bytes())));
}

#[test]
fn who_asks_to_stop_while_a_file_is_written_has_none_and_the_next_run_goes_on() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let path = |name: &str| places.path().join(name);
    let (mut request, options) = (request(&host, &[Amd64]), ChunkOptions { chunk_size: 500_000, parity: 1 });
    // More than waits to be written when the wish comes.
    let elsewhere = tempfile::tempdir().unwrap();
    let system = elsewhere.path().join("system.raw");
    std::fs::write(&system, noise(9, 8 << 20)).unwrap();
    let (name, version) = ("system".to_owned(), "1".to_owned());
    request.files.push(LocalFile { name, version, architecture: None, is_program: false, path: system });
    for output in [Output::Tar(path("b.tar")), Output::Chunks { manifest: path("b.chunks.json"), options }] {
        let registries = registries(&[&host], |_| {});
        let ask = |_| registries.stop().ask();
        let watch = Watch { written: &ask, ..Watch::default() };
        let error = create(&request, &path("store"), &output, &registries, &watch).unwrap_err();
        assert!(matches!(error, CreateError::Stopped), "{error}");
        assert_eq!(std::fs::read_dir(places.path()).unwrap().count(), 1, "the store alone");
    }
    let made = make(&request, &path("store"), &Output::Tar(path("b.tar")), &registries(&[&host], |_| {})).unwrap();
    assert!(made.received < 10_000 && Content::open(&path("b.tar")).is_ok());
}

#[test]
fn plain_http_only_when_said() {
    let sample = Sample::default();
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let mut request = request(&host, &[Amd64]);
    request.references.clear();
    let error = make(&request, places.path(), &Output::Folder, &registries(&[], |_| {})).unwrap_err();
    assert!(all_said(&error).contains("has no TLS"), "{}", all_said(&error));
    assert!(server.seen().is_empty());
}

#[test]
fn a_created_bundle_is_proven() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let request = request(&host, &[Amd64]);
    let created = make(&request, places.path(), &Output::Folder, &registries(&[&host], |_| {})).unwrap();
    let content = Content::open(places.path()).unwrap();
    let reference = request.references[0].clone();
    let node = |name: &str, architecture| Node {
        name: name.to_owned(),
        roles: vec!["worker".to_owned()],
        architecture,
        sandbox: reference.clone(),
        way: Way::Local,
    };
    let proof = prove(&ImageList::new(), &[node("one", Amd64)], &content);
    assert!(proof.is_closed(), "{:?}", proof.gaps);
    assert_eq!(proof.pins[&reference], created.lock.pin(&reference).unwrap().digest, "render and lock pin the same");
    let proof = prove(&ImageList::new(), &[node("one", Amd64), node("two", Arm64)], &content);
    let said = proof.gaps[0].to_string();
    assert!(said.contains("for arm64; it is there for linux/amd64") && said.contains("on two"), "{said}");
}
