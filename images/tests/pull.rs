//! Pulls from an honest registry in memory: what is stored, what is asked, what is gone on with.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::component::Architecture;
use kfimg_images::digest::Digest;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Manifest, REFERENCE_ANNOTATION};
use kfimg_images::pull::{Event, Options, PullError, Wanted, pull};
use kfimg_images::registry::Mirror;
use kfimg_images::store::Store;
use kfimg_images::transfer::Transfer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::sample::{FOREIGN_LAYER, GZIP_LAYER, Sample, ZSTD_LAYER, assert_nothing_wrong, noise, snapshot};
use support::server::{Fault, Reply, Server};
use support::{pull_from, registries, said, wanted};

fn serve(sample: &Sample) -> Server {
    let sample = sample.clone();
    Server::start(move |request| sample.answer(request))
}

#[test]
fn a_whole_index_is_stored_and_each_blob_is_asked_for_once() {
    let mut sample = Sample::default();
    let root = sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let host = server.host();
    let registries = registries(&[&host], |_| {});
    let images = [wanted(&format!("{host}/app:1")), wanted(&format!("{host}/other/app:1"))];
    let pulled = pull(&store, &registries, &images, &Options::default(), &|_| {}).unwrap();
    assert_eq!(pulled.images.len(), 2);
    assert_eq!(pulled.images[0].descriptor.digest, root.digest);
    assert_eq!(pulled.received, {
        let blobs: usize = sample.blobs.values().map(Vec::len).sum();
        let documents: usize = sample.documents.iter().map(|(_, bytes)| bytes.len()).sum();
        // The index came once for each name.
        (blobs + documents + usize::try_from(root.size).unwrap()) as u64
    });
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for request in server.seen().iter().filter(|request| request.path().contains("/blobs/")) {
        *asked.entry(request.path().rsplit_once('/').unwrap().1.to_owned()).or_default() += 1;
    }
    assert_eq!(asked.len(), sample.blobs.len());
    assert!(asked.values().all(|count| *count == 1), "{asked:?}");
    let index = store.index().unwrap();
    assert_eq!(index[0].annotations[REFERENCE_ANNOTATION], format!("{host}/app:1"));
    assert_nothing_wrong(folder.path());

    let before = server.seen().len();
    let files = snapshot(folder.path());
    let again = pull(&store, &registries, &images, &Options::default(), &|_| {}).unwrap();
    assert_eq!(again.images, pulled.images);
    assert_eq!(server.seen().len() - before, 2, "only the tags are asked for");
    assert_eq!(snapshot(folder.path()), files);
    let pinned: Vec<Wanted> =
        images.iter().map(|image| Wanted { digest: Some(root.digest.clone()), ..image.clone() }).collect();
    pull(&store, &registries, &pinned, &Options::default(), &|_| {}).unwrap();
    assert_eq!(server.seen().len() - before, 2, "of what a lock pins and the store has, nothing is asked");
}

#[test]
fn for_one_architecture_its_image_is_kept() {
    let mut sample = Sample::default();
    let mut inner = sample.two_architectures(1);
    inner.platform = None;
    let odd = sample.blob(GZIP_LAYER, noise(9, 1000));
    let riscv = sample.image("riscv64", vec![odd]);
    sample.index(vec![riscv, inner]);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let host = server.host();
    let store = Store::open(folder.path()).unwrap();
    let pull_for = |architectures: Vec<Architecture>, reference: String| {
        let options = Options { architectures, ..Options::default() };
        pull(&store, &registries(&[&host], |_| {}), &[wanted(&reference)], &options, &|_| {})
    };
    let pulled = pull_for(vec![Architecture::Arm64], format!("{host}/app:1")).unwrap();
    assert_eq!(pulled.images[0].descriptor.platform.as_ref().unwrap().architecture, "arm64");
    assert_ne!(pulled.images[0].resolved, pulled.images[0].descriptor.digest);
    let layers: Vec<_> = server.seen().iter().filter(|request| request.path().contains("/blobs/")).cloned().collect();
    assert_eq!(layers.len(), 3, "a configuration and two layers");
    // Nodes ask for the digest in a reference, so the index itself is kept.
    let root = sample.documents.last().unwrap().0.digest.clone();
    let pulled = pull_for(vec![Architecture::Arm64], format!("{host}/app@{root}")).unwrap();
    assert_eq!(pulled.images[0].descriptor.digest, root);

    let mut lacking = Sample::default();
    let layer = lacking.blob(GZIP_LAYER, noise(9, 1000));
    let amd64 = lacking.image("amd64", vec![layer]);
    lacking.index(vec![amd64]);
    let server = serve(&lacking);
    let options = Options { architectures: vec![Architecture::Arm64], ..Options::default() };
    let host = server.host();
    let error = pull(&store, &registries(&[&host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {})
        .unwrap_err();
    assert!(said(&error).contains("no image for linux/arm64; it has linux/amd64"), "{}", said(&error));
}

#[test]
fn a_variant_that_not_every_machine_runs_is_taken_by_nobody() {
    let of_variant = |sample: &mut Sample, variant: &str, seed| {
        let layer = sample.blob(GZIP_LAYER, noise(seed, 1000));
        let mut image = sample.image("amd64", vec![layer]);
        image.platform.as_mut().unwrap().variant = Some(variant.to_owned());
        image
    };
    let mut sample = Sample::default();
    let [fast, faster] = [("v2", 1), ("v3", 2)].map(|(variant, seed)| of_variant(&mut sample, variant, seed));
    sample.index(vec![faster.clone(), fast.clone()]);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let host = server.host();
    let store = Store::open(folder.path()).unwrap();
    for architectures in [vec![Architecture::Amd64], vec![Architecture::Amd64, Architecture::Arm64]] {
        let options = Options { architectures, ..Options::default() };
        let error = pull(&store, &registries(&[&host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {});
        let said = said(&error.unwrap_err());
        assert!(said.contains("no image for linux/amd64; it has linux/amd64/v3, linux/amd64/v2"), "{said}");
    }
    // What every machine runs is found behind them.
    let usual = of_variant(&mut sample, "v1", 3);
    sample.index(vec![faster, fast, usual.clone()]);
    let server = serve(&sample);
    let host = server.host();
    let options = Options { architectures: vec![Architecture::Amd64], ..Options::default() };
    let pulled = pull(&store, &registries(&[&host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {});
    assert_eq!(pulled.unwrap().images[0].descriptor.digest, usual.digest);
}

#[test]
fn every_kind_of_content_comes_along() {
    let mut sample = Sample::default();
    let sha512: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let sha384: Digest = format!("sha384:{}", "0".repeat(96)).parse().unwrap();
    let layers = vec![
        sample.blob(ZSTD_LAYER, noise(1, 5000)),
        sample.blob_like(&sha512, GZIP_LAYER, noise(2, 5000)),
        sample.blob_like(&sha384, GZIP_LAYER, noise(3, 5000)),
        sample.blob(GZIP_LAYER, Vec::new()),
    ];
    let foreign = sample.blob(FOREIGN_LAYER, noise(4, 5000));
    sample.blobs.remove(&foreign.digest);
    let config = sample.blob(OCI_CONFIG, b"{}".to_vec());
    sample.manifest(&Manifest::of(config, layers.into_iter().chain([foreign.clone()]).collect()));
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let pulled = pull_from(&server.host(), folder.path()).unwrap();
    assert_eq!(pulled.foreign, [foreign.digest]);
    let store = Store::open(folder.path()).unwrap();
    for (digest, bytes) in &sample.blobs {
        assert!(store.is_intact(digest, bytes.len() as u64).unwrap(), "{digest}");
    }
}

/// A manifest that refers to `image`, and the list by which a registry without the referrers API says so.
fn referrer_of(sample: &mut Sample, image: &Descriptor, seed: u64) -> (Descriptor, Vec<u8>) {
    let config = sample.blob("application/vnd.oci.empty.v1+json", b"{}".to_vec());
    let signature = sample.blob("application/vnd.example.signature", noise(seed, 100));
    let mut manifest = Manifest::of(config, vec![signature]);
    manifest.artifact_type = Some("application/vnd.example.signature".to_owned());
    manifest.subject = Some(image.clone());
    let mut referrer = sample.manifest(&manifest);
    referrer.artifact_type = manifest.artifact_type.clone();
    let list = kfimg_images::layout::Index::of(vec![referrer.clone()]).to_bytes();
    (referrer, list)
}

#[test]
fn referrers_come_along_by_the_fallback_tag_from_each_repository_that_has_the_image() {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 5000));
    let image = sample.image("amd64", vec![layer]);
    let (in_app, app_list) = referrer_of(&mut sample, &image, 5);
    let (in_copy, copy_list) = referrer_of(&mut sample, &image, 6);
    let tag = image.digest.as_str().replace(':', "-");
    let server = Server::start({
        let (sample, image) = (sample.clone(), image.clone());
        let lists =
            [("app", app_list), ("copy", copy_list)].map(|(name, list)| (format!("/{name}/manifests/{tag}"), list));
        move |request| {
            if request.path().ends_with("/manifests/1") {
                let found = sample.documents.iter().find(|(known, _)| known.digest == image.digest).unwrap();
                return support::sample::document(&found.0, &found.1);
            }
            match lists.iter().find(|(end, _)| request.path().ends_with(end)) {
                Some((_, list)) => {
                    Reply::new(200, list.clone()).header("content-type", kfimg_images::layout::media_type::OCI_INDEX)
                }
                None => sample.answer(request),
            }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let host = server.host();
    let store = Store::open(folder.path()).unwrap();
    let options = Options { referrers: true, ..Options::default() };
    let both = [wanted(&format!("{host}/app:1")), wanted(&format!("{host}/copy:1"))];
    let pulled = pull(&store, &registries(&[&host], |_| {}), &both, &options, &|_| {}).unwrap();
    let mut expected = [&in_app.digest, &in_copy.digest];
    expected.sort();
    assert_eq!(pulled.referrers.iter().map(|found| &found.digest).collect::<Vec<_>>(), expected);
    assert_eq!(store.index().unwrap().len(), 4);
    assert_eq!(OCI_MANIFEST, pulled.referrers[0].media_type);
}

#[test]
fn referrers_come_along_that_a_mirror_does_not_know() {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 5000));
    let image = sample.image("amd64", vec![layer]);
    let (referrer, list) = referrer_of(&mut sample, &image, 5);
    let tag = image.digest.as_str().replace(':', "-");
    // The image is what `1` names.
    sample.documents.rotate_right(1);
    let (mirror, upstream) = (serve(&sample), {
        let sample = sample.clone();
        Server::start(move |request| match request.path().ends_with(&format!("/manifests/{tag}")) {
            true => Reply::new(200, list.clone()).header("content-type", kfimg_images::layout::media_type::OCI_INDEX),
            false => sample.answer(request),
        })
    });
    let (host, folder) = (upstream.host(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let both = [host.as_str(), &mirror.host()];
    let registries = registries(&both, |own| own.mirrors = vec![Mirror { registry: mirror.host(), by_host: true }]);
    let options = Options { referrers: true, ..Options::default() };
    let pulled = pull(&store, &registries, &[wanted(&format!("{host}/app:1"))], &options, &|_| {}).unwrap();
    assert_eq!(pulled.images[0].descriptor.digest, image.digest);
    assert_eq!(pulled.referrers.iter().map(|found| &found.digest).collect::<Vec<_>>(), [&referrer.digest]);
}

#[test]
fn signatures_under_tags_of_the_digest_come_along_by_name() {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 5000));
    let image = sample.image("amd64", vec![layer]);
    // As cosign writes them: an image whose configuration names no machine.
    let config =
        sample.blob(OCI_CONFIG, br#"{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]}}"#.to_vec());
    let payload = sample.blob("application/vnd.dev.cosign.simplesigning.v1+json", noise(2, 200));
    let signature = sample.manifest(&Manifest::of(config, vec![payload.clone()]));
    sample.documents.rotate_right(1);
    let tag = format!("{}.sig", image.digest.as_str().replace(':', "-"));
    let server = Server::start({
        let (sample, signature, tag) = (sample.clone(), signature.clone(), tag.clone());
        move |request| {
            let signed = sample.documents.iter().find(|(known, _)| known.digest == signature.digest).unwrap();
            match request.path().ends_with(&format!("/manifests/{tag}")) {
                true => support::sample::document(&signed.0, &signed.1),
                false => sample.answer(request),
            }
        }
    });
    let (host, folder) = (server.host(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let options = Options { referrers: true, ..Options::default() };
    let pulled = pull(&store, &registries(&[&host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {});
    assert_eq!(pulled.unwrap().referrers.len(), 1);
    let index = store.index().unwrap();
    let entry = index.iter().find(|entry| entry.digest == signature.digest).unwrap();
    assert_eq!(entry.reference(), Some(format!("{host}/app:{tag}").as_str()));
    assert!(store.is_intact(&payload.digest, payload.size).unwrap());
}

#[test]
fn a_cut_transfer_goes_on_where_it_ended() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let cuts = AtomicUsize::new(0);
    let server = Server::start({
        let sample = sample.clone();
        move |request| {
            let reply = sample.answer(request);
            let cut = request.path().contains("/blobs/") && cuts.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            if cut { reply.fault(Fault::Cut(60_000)) } else { reply }
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let pulled = pull_from(&server.host(), folder.path()).unwrap();
    let all: usize = sample.blobs.values().map(Vec::len).sum();
    let documents: usize = sample.documents.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(pulled.received, (all + documents) as u64, "no byte came twice");
    assert!(server.seen().iter().any(|request| request.header("range").is_some()));
}

#[test]
fn a_server_that_ignores_ranges_or_gives_wrong_ones_is_asked_for_all() {
    for wrong in [false, true] {
        let mut sample = Sample::default();
        sample.two_architectures(1);
        let cuts = AtomicUsize::new(0);
        let server = Server::start({
            let sample = sample.clone();
            move |request| {
                let mut whole = request.clone();
                whole.headers.retain(|(name, _)| name != "range");
                let reply = sample.answer(&whole);
                match request.header("range") {
                    Some(_) if wrong => Reply { status: 206, ..reply.header("content-range", "bytes 7-9/10") },
                    None if request.path().contains("/blobs/") && cuts.fetch_add(1, Ordering::SeqCst) == 0 => {
                        reply.fault(Fault::Cut(60_000))
                    }
                    _ => reply,
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        pull_from(&server.host(), folder.path()).unwrap();
        assert_nothing_wrong(folder.path());
    }
}

#[test]
fn what_an_earlier_run_left_wrong_is_fetched_anew() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let blobs = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    for (digest, bytes) in &sample.blobs {
        std::fs::write(blobs.join(format!(".partial-{}", digest.hexadecimal())), vec![0; bytes.len() / 2]).unwrap();
    }
    pull_from(&server.host(), folder.path()).unwrap();
    let clean = tempfile::tempdir().unwrap();
    pull_from(&server.host(), clean.path()).unwrap();
    assert_eq!(snapshot(folder.path()), snapshot(clean.path()));
}

#[test]
fn a_second_pull_fetches_the_damaged_blob_and_nothing_else() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let host = server.host();
    pull_from(&host, folder.path()).unwrap();
    let clean = snapshot(folder.path());
    let store = Store::open(folder.path()).unwrap();
    let (damaged, bytes) = sample.blobs.iter().next().unwrap();
    std::fs::write(store.path(damaged), vec![1; bytes.len()]).unwrap();
    let before = server.seen().len();
    let told = Mutex::new((Vec::new(), 0));
    let events = |event: Event<'_>| match event {
        Event::Damaged { digest } => told.lock().unwrap().0.push(digest.clone()),
        Event::Checked { bytes, .. } => told.lock().unwrap().1 += bytes,
        _ => {}
    };
    let images = [wanted(&format!("{host}/app:1"))];
    pull(&store, &registries(&[&host], |_| {}), &images, &Options::default(), &events).unwrap();
    assert_eq!(snapshot(folder.path()), clean);
    let all = sample.blobs.values().map(|bytes| bytes.len() as u64).sum();
    assert_eq!(told.into_inner().unwrap(), (vec![damaged.clone()], all), "all of them are read, once");
    let blobs = server.seen()[before..].iter().filter(|request| request.path().contains("/blobs/")).count();
    assert_eq!(blobs, 1);
}

#[test]
fn mirrors_are_asked_first_and_a_lying_one_does_no_harm() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let upstream = serve(&sample);
    let mirror = Server::start({
        let sample = sample.clone();
        move |request| {
            let reply = sample.answer(request);
            let length = reply.body.len();
            if request.path().contains("/blobs/") { Reply { body: vec![0; length], ..reply } } else { reply }
        }
    });
    let (host, folder) = (upstream.host(), tempfile::tempdir().unwrap());
    let store = Store::open(folder.path()).unwrap();
    let both = [host.as_str(), &mirror.host()];
    let registries = registries(&both, |own| own.mirrors = vec![Mirror { registry: mirror.host(), by_host: true }]);
    pull(&store, &registries, &[wanted(&format!("{host}/app:1"))], &Options::default(), &|_| {}).unwrap();
    let folder_name = host.replace(':', "_");
    assert!(mirror.seen().iter().all(|request| request.path().starts_with(&format!("/v2/{folder_name}/app/"))));
    assert!(upstream.seen().iter().all(|request| request.path().contains("/blobs/")), "the mirror has the documents");
    assert_nothing_wrong(folder.path());
}

#[test]
fn one_missing_image_does_not_keep_the_others_away() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let (host, store) = (server.host(), Store::open(folder.path()).unwrap());
    let images = [wanted(&format!("{host}/app:2")), wanted(&format!("{host}/app:1"))];
    let error = pull(&store, &registries(&[&host], |_| {}), &images, &Options::default(), &|_| {}).unwrap_err();
    let PullError::Incomplete(failures) = &error else { panic!("{error}") };
    assert_eq!(failures.len(), 1);
    assert!(said(&error).contains("app:2: ") && said(&error).contains("MANIFEST_UNKNOWN"), "{}", said(&error));
    assert_eq!(store.index().unwrap().len(), 1);
}

#[test]
fn an_image_that_shares_a_failed_part_fails_too() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let lost = sample.blobs.keys().next().unwrap().clone();
    sample.blobs.remove(&lost);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let (host, store) = (server.host(), Store::open(folder.path()).unwrap());
    let images = [wanted(&format!("{host}/app:1")), wanted(&format!("{host}/other:1"))];
    let error = pull(&store, &registries(&[&host], |_| {}), &images, &Options::default(), &|_| {}).unwrap_err();
    assert_eq!(said(&error).matches(lost.as_str()).count(), 2, "{}", said(&error));
    assert!(store.index().unwrap().is_empty());
}

#[test]
fn a_pull_stops_when_it_is_asked_and_goes_on_later() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let (host, store) = (server.host(), Store::open(folder.path()).unwrap());
    let images = [wanted(&format!("{host}/app:1"))];
    let stopping = registries(&[&host], |_| {});
    let stop = stopping.stop().clone();
    let told = Mutex::new(0_u64);
    let events = |event: Event<'_>| {
        if let Event::Blob(Transfer::Advanced { bytes, .. }) = event {
            *told.lock().unwrap() += bytes;
            stop.ask();
        }
    };
    let outcome = pull(&store, &stopping, &images, &Options { workers: 2, ..Options::default() }, &events);
    assert!(matches!(outcome, Err(PullError::Stopped)), "{outcome:?}");
    assert!(store.index().unwrap().is_empty());
    let kept = *told.lock().unwrap();
    let pulled = pull(&store, &registries(&[&host], |_| {}), &images, &Options::default(), &|_| {}).unwrap();
    let all: usize = sample.blobs.values().map(Vec::len).sum();
    assert!(
        pulled.received < all as u64 + 10_000 && pulled.received + kept >= all as u64,
        "what came before is not fetched again"
    );
    let clean = tempfile::tempdir().unwrap();
    pull_from(&host, clean.path()).unwrap();
    assert_eq!(snapshot(folder.path()), snapshot(clean.path()));
}

#[test]
fn a_blob_is_planned_before_it_starts() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let (host, store) = (server.host(), Store::open(folder.path()).unwrap());
    let planned = Mutex::new(BTreeSet::new());
    let events = |event: Event<'_>| match event {
        Event::Blob(Transfer::Planned { digest, .. }) => {
            // Longer than an idle worker needs to begin.
            std::thread::sleep(Duration::from_millis(150));
            planned.lock().unwrap().insert(digest.clone());
        }
        Event::Blob(Transfer::Started { digest, .. }) => assert!(planned.lock().unwrap().contains(digest), "{digest}"),
        _ => {}
    };
    let images = [wanted(&format!("{host}/app:1"))];
    pull(&store, &registries(&[&host], |_| {}), &images, &Options::default(), &events).unwrap();
    assert_eq!(planned.lock().unwrap().len(), sample.blobs.len());
}

#[test]
fn writers_of_one_store_share_the_work() {
    let mut sample = Sample::default();
    sample.two_architectures(1);
    let (server, folder) = (serve(&sample), tempfile::tempdir().unwrap());
    let host = server.host();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| pull_from(&host, folder.path()).unwrap());
        }
    });
    let blobs = server.seen().iter().filter(|request| request.path().contains("/blobs/")).count();
    assert_eq!(blobs, sample.blobs.len(), "each blob is asked for once by all of them together");
    let clean = tempfile::tempdir().unwrap();
    pull_from(&host, clean.path()).unwrap();
    assert_eq!(snapshot(folder.path()), snapshot(clean.path()));
}
