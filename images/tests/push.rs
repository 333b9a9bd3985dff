//! Pushes into a registry in memory: what is sent and what is not, in which order, and what is said when something is wrong.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::content::{BUNDLE_FILE, Content, INDEX_FILE};
use kfimg_images::digest::Digest;
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::Descriptor;
use kfimg_images::push::{Event, Options, Problem, PushError, Pushed, push};
use kfimg_images::receipt::{Delta, Receipt, references, take};
use kfimg_images::stop::Stop;
use kfimg_images::transfer::Transfer;
use kfimg_images::verify::verify;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use support::client;
use support::sample::noise;
use support::server::{Fault, Reply, Request};
use support::target::Target;

const PAUSE: &str = "registry.k8s.io/pause";
const NGINX: &str = "docker.io/library/nginx";
const KUBELET: &str = "kfimg.invalid/binary/kubelet";

fn fake() -> (tempfile::TempDir, FakeBundle) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = FakeBundle::fake(folder.path());
    (folder, bundle)
}

fn push_to(target: &Target, folder: &Path) -> Result<Pushed, PushError> {
    push_with(target, folder, &Options::default())
}

fn push_with(target: &Target, folder: &Path, options: &Options) -> Result<Pushed, PushError> {
    push(&Content::open(folder).unwrap(), &client(&target.host()), options, &|_| {})
}

fn problems(outcome: Result<Pushed, PushError>) -> BTreeMap<String, Problem> {
    match outcome {
        Err(PushError::Incomplete(failures)) => {
            failures.into_iter().map(|failure| (failure.name, failure.problem)).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bundle_lies_below_its_upstreams_and_a_second_push_sends_nothing() {
    let (folder, bundle) = fake();
    let target = Target::start();
    let options = Options { prefix: "site".parse().unwrap(), ..Options::default() };
    let pushed = push_with(&target, folder.path(), &options).unwrap();
    let content = Content::open(folder.path()).unwrap();
    {
        let shelf = target.shelf();
        let names: Vec<&String> = shelf.repositories.keys().collect();
        assert_eq!(names, [&format!("site/{NGINX}"), &format!("site/{KUBELET}"), &format!("site/{PAUSE}")]);
        for (repository, tag) in [(NGINX, "1.29"), (PAUSE, "3.10.2"), (KUBELET, "v1.36.3")] {
            let root = content
                .index()
                .manifests
                .iter()
                .find(|entry| entry.reference().is_some_and(|name| name == format!("{repository}:{tag}")));
            assert_eq!(shelf.repositories[&format!("site/{repository}")].tags[tag], root.unwrap().digest);
        }
        let blobs: usize = shelf.repositories.values().map(|held| held.blobs.len() + held.manifests.len()).sum();
        assert!(blobs > content.blobs().count());
    }
    assert_eq!(pushed.images.len(), 4);
    assert!(pushed.images.iter().all(|image| !image.was_there) && pushed.unplaced.is_empty());
    let _ = bundle;

    let before = target.server.seen().len();
    let again = push_with(&target, folder.path(), &options).unwrap();
    assert!(again.images.iter().all(|image| image.was_there));
    assert_eq!((again.sent, again.uploaded, again.mounted), (0, 0, 0));
    let requests = &target.server.seen()[before..];
    assert!(requests.iter().all(|request| matches!(request.method.as_str(), "HEAD" | "GET")), "{requests:?}");
    // One for each image and artifact, and the list of what refers to one of them: by interface, else by tag.
    assert_eq!(requests.len(), 4 + 2);
}

#[test]
fn each_blob_is_sent_once_and_tags_come_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::new(folder.path());
    let base = noise(1, 200_000);
    for number in 0..12_u8 {
        let image = bundle.image("amd64", &[&base, &[number; 1000]]);
        let index = bundle.image("arm64", &[&base]);
        bundle.index(&format!("example.com/app{number}:1"), vec![image, index]);
    }
    bundle.finish();
    let target = Target::start();
    let told = Mutex::new((0, 0, 0));
    let events = |event: Event<'_>| {
        let mut told = told.lock().unwrap();
        match event {
            Event::Blob(Transfer::Planned { .. }) => told.0 += 1,
            Event::Blob(Transfer::Present { .. } | Transfer::Finished { .. }) | Event::Mounted { .. } => told.1 += 1,
            Event::Blob(Transfer::Advanced { bytes, .. }) => told.2 += bytes,
            _ => {}
        }
    };
    let content = Content::open(folder.path()).unwrap();
    let pushed = push(&content, &client(&target.host()), &Options::default(), &events).unwrap();
    let told = told.into_inner().unwrap();
    assert_eq!(told.0, told.1, "every blob that was planned came to an end");
    let seen = target.server.seen();
    let sent: usize = seen.iter().filter(|r| r.target.contains("/blobs/uploads/")).map(|r| r.body.len()).sum();
    let blobs = base.len() + 12 * 1000;
    assert!(sent >= blobs && sent < blobs + 1000, "{sent}");
    assert_eq!(told.2, sent as u64);
    // In eleven repositories: the base, and the configurations for both architectures.
    assert_eq!((pushed.uploaded, pushed.mounted), (15, 33));
    for number in 0..12 {
        let own = format!("/v2/example.com/app{number}/");
        let last = seen.iter().rev().find(|r| r.target.starts_with(&own) && r.method == "PUT").unwrap();
        assert_eq!(last.target, format!("{own}manifests/1"));
    }
}

#[test]
fn a_registry_that_does_not_mount_gets_the_bytes() {
    let (folder, _bundle) = fake();
    let target = Target::start();
    target.shelf().never_mounts = true;
    let pushed = push_to(&target, folder.path()).unwrap();
    assert_eq!(pushed.mounted, 0);
    assert_eq!(push_to(&target, folder.path()).unwrap().sent, 0);
}

#[test]
fn what_refers_to_an_image_is_found_beside_it() {
    for lists in [false, true] {
        let (folder, _bundle) = fake();
        let target = Target::start();
        target.shelf().lists_referrers = lists;
        push_to(&target, folder.path()).unwrap();
        let content = Content::open(folder.path()).unwrap();
        let nginx = content.index().manifests.iter().find(|e| e.reference().is_some_and(|n| n.starts_with(NGINX)));
        let found = client(&target.host()).referrers(NGINX, &nginx.unwrap().digest, None).unwrap();
        assert_eq!(found.len(), 1, "{lists}");
        let fallback = target.shelf().repositories[NGINX].tags.keys().any(|tag| tag.starts_with("sha256-"));
        assert_eq!(fallback, !lists);
        // A push that was cut before the list was written is gone on with.
        if fallback {
            assert_eq!(found[0].artifact_type.as_deref(), Some("application/vnd.example.signature.v1"));
            target.shelf().repositories.get_mut(NGINX).unwrap().tags.retain(|tag, _| !tag.starts_with("sha256-"));
            push_to(&target, folder.path()).unwrap();
            assert_eq!(client(&target.host()).referrers(NGINX, &nginx.unwrap().digest, None).unwrap().len(), 1);
        }
    }
}

#[test]
fn a_cut_push_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::new(folder.path());
    let layers: Vec<Vec<u8>> = (0..6).map(|seed| noise(seed, 100_000)).collect();
    for (number, layer) in layers.iter().enumerate() {
        let image = bundle.image("amd64", &[layer]);
        bundle.name(&format!("example.com/app{number}:1"), image);
    }
    bundle.finish();
    let stop = Stop::new();
    let (own, puts) = (stop.clone(), Mutex::new(0));
    let target = Target::with(move |request, answer| {
        if request.method == "PUT" {
            let mut puts = puts.lock().unwrap();
            *puts += 1;
            if *puts == 8 {
                own.ask();
            }
        }
        answer()
    });
    let options = Options { stop, workers: 1, ..Options::default() };
    assert!(matches!(push_with(&target, folder.path(), &options), Err(PushError::Stopped)));
    let whole = target.shelf().repositories.values().filter(|held| held.tags.contains_key("1")).count();
    assert!((1..6).contains(&whole), "whole images come one after the other: {whole}");
    let pushed = push_to(&target, folder.path()).unwrap();
    assert_eq!(pushed.images.iter().filter(|image| image.was_there).count(), whole);
    let uploads = |digest: &Digest| {
        let digest = digest.as_str().replace(':', "%3A");
        target.server.seen().iter().filter(|r| r.method == "PUT" && r.target.contains(&digest)).count()
    };
    assert!(layers.iter().all(|layer| uploads(&sha256(layer)) == 1), "no layer was sent twice");
}

#[test]
fn a_large_blob_goes_on_after_a_break() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::new(folder.path());
    let layer = noise(1, 3_500_000);
    let image = bundle.image("amd64", &[&layer]);
    bundle.name("example.com/app:1", image);
    bundle.finish();
    let breaks = Mutex::new(2);
    let target = Target::with(move |request, answer| {
        let reply = answer();
        let mut left = breaks.lock().unwrap();
        if request.method == "PATCH" && *left > 0 {
            *left -= 1;
            return reply.fault(Fault::Raw(Vec::new()));
        }
        reply
    });
    push_to(&target, folder.path()).unwrap();
    assert_eq!(target.shelf().repositories["example.com/app"].blobs[&sha256(&layer)], layer);
    let sent: usize = target.server.seen().iter().filter(|r| r.method == "PATCH").map(|r| r.body.len()).sum();
    assert_eq!(sent, layer.len());
}

#[test]
fn what_is_wrong_with_the_bundle_is_named_and_the_rest_is_pushed() {
    let (folder, mut bundle) = fake();
    std::fs::write(bundle.path(&sha256(b"the server")), b"the sErver").unwrap();
    let damaged = sha256(b"the sErver");
    let other = bundle.image("amd64", &[b"another"]);
    bundle.name("docker.io/library/nginx:1.29@sha256:x", other.clone());
    bundle.name("nginx", other.clone());
    bundle.name(&format!("{PAUSE}:3.10.2"), other.clone());
    bundle.name(&format!("example.com/x@{damaged}"), other);
    let layer = Descriptor::new("application/octet-stream", sha256(b"another"), 7);
    bundle.name("example.com/layer:1", layer);
    bundle.finish();
    let target = Target::start();
    let problems = problems(push_to(&target, folder.path()));
    assert!(matches!(&problems[&format!("{NGINX}:1.29")], Problem::Damaged { found, .. } if *found == damaged));
    assert!(matches!(problems["nginx"], Problem::Name { .. }));
    assert!(matches!(problems["docker.io/library/nginx:1.29@sha256:x"], Problem::Name { .. }));
    assert!(matches!(problems[&format!("{PAUSE}:3.10.2")], Problem::Taken { .. }));
    assert!(matches!(problems[&format!("example.com/x@{damaged}")], Problem::Name { .. }));
    assert!(matches!(problems["example.com/layer:1"], Problem::Kind { .. }));
    let shelf = target.shelf();
    assert!(shelf.repositories[PAUSE].tags.contains_key("3.10.2"), "the one that came first");
    assert!(shelf.repositories[KUBELET].tags.contains_key("v1.36.3"));
    assert!(!shelf.repositories[NGINX].tags.contains_key("1.29"), "what is not whole has no tag");
}

#[test]
fn a_missing_blob_stops_its_image_before_anything_of_it_is_sent() {
    let (folder, bundle) = fake();
    std::fs::remove_file(bundle.path(&sha256(b"the server"))).unwrap();
    let target = Target::start();
    let problems = problems(push_to(&target, folder.path()));
    assert!(
        matches!(&problems[&format!("{NGINX}:1.29")], Problem::Missing(digest) if *digest == sha256(b"the server"))
    );
    assert!(!target.shelf().repositories.get(NGINX).is_some_and(|held| held.blobs.contains_key(&sha256(b"the base"))));
}

#[test]
fn a_registry_that_loses_what_it_takes_is_found_out() {
    let (folder, bundle) = fake();
    let content = Content::open(folder.path()).unwrap();
    let pause = content.index().manifests.iter().find(|e| e.reference().is_some_and(|n| n.starts_with(PAUSE))).unwrap();
    let target = Target::start();
    target.shelf().loses.insert(pause.digest.clone());
    let problems = problems(push_to(&target, folder.path()));
    assert_eq!(problems.len(), 1);
    assert!(matches!(problems[&format!("{PAUSE}:3.10.2")], Problem::Lost { found: None, .. }), "{problems:?}");
    let _ = bundle;
}

#[test]
fn a_registry_that_loses_a_layer_is_found_out_before_a_tag_names_it() {
    let (folder, _bundle) = fake();
    let target = Target::start();
    let lost = sha256(b"the server");
    target.shelf().loses.insert(lost.clone());
    let problems = problems(push_to(&target, folder.path()));
    for (name, problem) in &problems {
        let Problem::Lost { place, found: None } = problem else { panic!("{name}: {problem}") };
        assert!(place.ends_with(lost.as_str()), "{place}");
    }
    assert!(!problems.is_empty());
    let shelf = target.shelf();
    let tags = shelf.repositories.values().flat_map(|held| held.tags.values());
    let named: Vec<_> =
        tags.filter_map(|tag| shelf.repositories.values().find_map(|held| held.manifests.get(tag))).collect();
    assert!(!named.iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains(lost.as_str())));
}

/// A registry that says no more in its answers to HEAD than that something is there: the specification wants no more.
fn taciturn(request: &Request, answer: &dyn Fn() -> Reply) -> Reply {
    let mut reply = answer();
    if request.method == "HEAD" {
        reply.headers.clear();
        return reply.fault(Fault::Unsized);
    }
    reply.headers.retain(|(name, _)| name != "docker-content-digest");
    reply
}

#[test]
fn a_registry_that_says_little_is_pushed_to_as_any_other() {
    let (folder, _bundle) = fake();
    let (target, usual) = (Target::with(taciturn), Target::start());
    let pushed = push_to(&target, folder.path()).unwrap();
    push_to(&usual, folder.path()).unwrap();
    assert!(pushed.uploaded > 0);
    assert_eq!(target.shelf().repositories, usual.shelf().repositories);
    assert_eq!(push_to(&target, folder.path()).unwrap().sent, 0, "all of it is there");
}

#[test]
fn a_thorough_push_brings_back_what_the_registry_lost() {
    let (folder, _bundle) = fake();
    let target = Target::start();
    push_to(&target, folder.path()).unwrap();
    target.shelf().repositories.get_mut(NGINX).unwrap().blobs.remove(&sha256(b"the server"));
    assert_eq!(push_to(&target, folder.path()).unwrap().uploaded, 0);
    let options = Options { thorough: true, ..Options::default() };
    assert_eq!(push_with(&target, folder.path(), &options).unwrap().uploaded, 1);
    assert!(target.shelf().repositories[NGINX].blobs.contains_key(&sha256(b"the server")));
}

#[test]
fn a_registry_that_is_away_is_not_asked_for_every_image() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::new(folder.path());
    let image = bundle.image("amd64", &[b"layer"]);
    for number in 0..200 {
        bundle.name(&format!("example.com/app{number}:1"), image.clone());
    }
    bundle.finish();
    let target = Target::with(|_, _| Reply::new(503, ""));
    assert!(matches!(push_to(&target, folder.path()), Err(PushError::Registry(_))));
    assert!(target.server.seen().len() < 60, "{}", target.server.seen().len());
    let denied = Target::with(|_, _| Reply::new(403, r#"{"errors":[{"code":"DENIED"}]}"#));
    assert_eq!(problems(push_to(&denied, folder.path())).len(), 200);
}

/// A receipt of what the target has of a bundle.
fn receipt(target: &Target, folder: &Path) -> Receipt {
    let content = Content::open(folder).unwrap();
    let options = kfimg_images::receipt::Options::default();
    let receipt = take(&client(&target.host()), &references(&content), &options, &|_| {}).unwrap();
    assert_eq!(Receipt::parse(&receipt.to_bytes()).unwrap(), receipt);
    receipt
}

/// Makes a delta of a bundle: writes `bundle.json`, and removes what is left out.
fn make_delta(bundle: &FakeBundle, receipt: &Receipt) -> Delta {
    let content = Content::open(bundle.folder()).unwrap();
    let delta = Delta::of_content(&content, receipt).unwrap();
    let mut manifest = bundle.manifest(content.index_bytes());
    delta.apply(&mut manifest);
    std::fs::write(bundle.folder().join(BUNDLE_FILE), manifest.to_bytes()).unwrap();
    assert!(bundle.folder().join(INDEX_FILE).exists());
    for digest in &delta.since.absent {
        std::fs::remove_file(bundle.path(digest)).unwrap();
    }
    let report = verify(&Content::open(bundle.folder()).unwrap(), &|_| {});
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.elsewhere, delta.since.absent);
    delta
}

#[test]
fn a_delta_holds_what_is_missing_and_is_refused_without_its_base() {
    let (earlier, _bundle) = fake();
    let target = Target::start();
    push_to(&target, earlier.path()).unwrap();
    let (folder, mut bundle) = fake();
    // A new version of one image, and a new image over the same base.
    let newer = bundle.image("amd64", &[b"the base", b"a newer server"]);
    bundle.name(&format!("{NGINX}:1.30"), newer);
    let tool = bundle.image("amd64", &[b"the base", b"a tool"]);
    bundle.name("quay.io/tool:1", tool);
    bundle.finish();
    let receipt = receipt(&target, folder.path());
    let delta = make_delta(&bundle, &receipt);
    let base = sha256(b"the base");
    assert!(delta.since.leaves_out(&base) && delta.inside.contains_key(&sha256(b"a newer server")));
    assert_eq!(delta.since.held[&base], NGINX, "the new image's own repository lacks it");

    let pushed = push_to(&target, folder.path()).unwrap();
    assert_eq!(pushed.images.iter().filter(|image| !image.was_there).count(), 2);
    assert!(target.shelf().repositories["quay.io/tool"].blobs.contains_key(&base));
    assert_eq!(push_to(&target, folder.path()).unwrap().sent, 0);

    let empty = Target::start();
    let Err(PushError::Base(absent)) = push_to(&empty, folder.path()) else { panic!("a delta without its base") };
    let named = absent.iter().find(|blob| blob.digest == base && blob.repository == NGINX).unwrap();
    assert_eq!(named.needed_by, [format!("{NGINX}:1.29"), format!("{NGINX}:1.30")]);
    assert!(PushError::Base(absent.clone()).to_string().contains("push the earlier bundle first"));
    assert_eq!(empty.count("PUT") + empty.count("POST") + empty.count("PATCH"), 0, "nothing was written");

    let unmounting = Target::start();
    push_to(&unmounting, earlier.path()).unwrap();
    unmounting.shelf().never_mounts = true;
    let problems = problems(push_to(&unmounting, folder.path()));
    assert!(matches!(&problems["quay.io/tool:1"], Problem::NotMounted { from, .. } if from == NGINX), "{problems:?}");
}

#[test]
fn a_receipt_tells_what_is_there_and_nothing_else() {
    let (folder, _bundle) = fake();
    let target = Target::start();
    push_to(&target, folder.path()).unwrap();
    let whole = receipt(&target, folder.path());
    assert_eq!(receipt(&target, folder.path()).to_bytes(), whole.to_bytes());
    assert_eq!(whole.registry(), target.host());
    let nginx = &whole.repositories()[NGINX];
    assert!(nginx.tags.contains_key("1.29") && nginx.blobs.contains_key(&sha256(b"the server")));
    assert_eq!(whole.repositories()[PAUSE].manifests.len(), 3);

    target.shelf().repositories.get_mut(NGINX).unwrap().blobs.remove(&sha256(b"the server"));
    target.shelf().repositories.remove(PAUSE);
    let less = receipt(&target, folder.path());
    assert!(!less.repositories()[NGINX].blobs.contains_key(&sha256(b"the server")));
    assert_eq!(less.repositories()[PAUSE], kfimg_images::receipt::Held::default());
    assert_ne!(less.id(), whole.id());

    let away = Target::with(|_, _| Reply::new(503, ""));
    let content = Content::open(folder.path()).unwrap();
    let options = kfimg_images::receipt::Options::default();
    let silent = |_: kfimg_images::receipt::Event<'_>| {};
    assert!(take(&client(&away.host()), &references(&content), &options, &silent).is_err());
}
