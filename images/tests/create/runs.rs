//! Runs that stand on a receipt, meet another run, or are stopped; and what is proven of the result.

use crate::asked::{make, program, request, serve};
use crate::support::registries;
use crate::support::sample::{GZIP_LAYER, Sample, noise};
use kfimg_images::archive::ChunkOptions;
use kfimg_images::component::Architecture::{Amd64, Arm64};
use kfimg_images::content::Content;
use kfimg_images::create::{CreateError, Output, Watch, create};
use kfimg_images::download::LocalFile;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::{Descriptor, REFERENCE_ANNOTATION};
use kfimg_images::list::ImageList;
use kfimg_images::proof::{Lack, Node, Way, prove};
use kfimg_images::push::Prefix;
use kfimg_images::receipt::{Held, Receipt};
use kfimg_images::steps::{Step, Steps, Watcher};
use kfimg_images::store::Store;
use kfimg_images::verify::verify;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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

/// Another run, which gives the name of the image another meaning as soon as the first has listed its own.
struct Meanwhile {
    store: std::path::PathBuf,
    entry: Descriptor,
    indexed: AtomicBool,
    done: AtomicBool,
}

impl Steps for Meanwhile {
    fn before(&self, step: Step, path: &Path) -> std::io::Result<()> {
        if step == Step::Rename && path.ends_with("index.json") {
            self.indexed.store(true, Ordering::SeqCst);
        } else if step == Step::Create && self.indexed.load(Ordering::SeqCst) && !self.done.swap(true, Ordering::SeqCst)
        {
            Store::open(&self.store).unwrap().set_index(std::slice::from_ref(&self.entry)).unwrap();
        }
        Ok(())
    }
}

#[test]
fn another_run_with_the_same_store_changes_nothing_of_this_one() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let (request, registries) = (request(&host, &[Amd64]), registries(&[&host], |_| {}));
    let (store, tar) = (places.path().join("store"), places.path().join("b.tar"));
    // The image for the other architecture.
    let mut entry = sample.documents[1].0.clone();
    entry.annotations = [(REFERENCE_ANNOTATION.to_owned(), request.references[0].to_string())].into();
    let (indexed, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let meanwhile = Arc::new(Meanwhile { store: store.clone(), entry: entry.clone(), indexed, done });
    let watch = Watch { watcher: Watcher::of(Arc::clone(&meanwhile) as Arc<dyn Steps>), ..Watch::default() };
    create(&request, &store, &Output::Tar(tar.clone()), &registries, &watch).unwrap();
    assert!(meanwhile.done.load(Ordering::SeqCst));
    let content = Content::open(&tar).unwrap();
    let named = content.index().manifests.iter().find(|found| found.reference() == entry.reference()).unwrap();
    assert_ne!(named.digest, entry.digest);
    assert_eq!(content.manifest().unwrap().images[&request.references[0].to_string()].platforms, ["linux/amd64"]);
    assert!(verify(&content, &|_| ()).is_sound());
}

#[test]
fn a_delta_does_not_take_the_place_of_a_whole_bundle() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let (mut request, registries) = (request(&host, &[Amd64]), registries(&[&host], |_| {}));
    make(&request, places.path(), &Output::Folder, &registries).unwrap();
    let layers = sample.blobs.iter().map(|(digest, bytes)| (digest.clone(), bytes.len() as u64));
    let held = Held { blobs: layers.collect(), ..Held::default() };
    let repository = Prefix::default().repository(&request.references[0]);
    request.since = Some(Receipt::new("reg.local", Prefix::default(), [(repository, held)].into()));
    let error = make(&request, places.path(), &Output::Folder, &registries).unwrap_err();
    assert!(matches!(error, CreateError::Whole(_)), "{error}");
    assert!(Content::open(places.path()).unwrap().manifest().unwrap().since.is_none());
    let elsewhere = tempfile::tempdir().unwrap();
    make(&request, elsewhere.path(), &Output::Folder, &registries).unwrap();
    make(&request, elsewhere.path(), &Output::Folder, &registries).unwrap();
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
