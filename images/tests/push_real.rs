//! The reference registry as the site's: push, receipt, delta. `make interop` builds it, then runs this.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::content::{BUNDLE_FILE, Content};
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::push::{Options, PushError, push};
use kfimg_images::receipt::{self, Delta, references, take};
use std::process::Command;
use support::client;
use support::distribution::{Distribution, Manner, built};
use support::sample::noise;

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn a_bundle_and_then_a_delta_come_to_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(folder.path(), &Manner::default());
    let (host, client) = (registry.host(), client(registry.host()));
    let mut bundle = FakeBundle::fake(&folder.path().join("bundle"));
    let large = noise(1, 3_500_000);
    let image = bundle.image("amd64", &[b"the base", &large]);
    bundle.name("quay.io/large:1", image);
    bundle.finish();
    let options = Options { prefix: "site".parse().unwrap(), ..Options::default() };
    let content = Content::open(bundle.folder()).unwrap();
    let pushed = push(&content, &client, &options, &|_| {}).unwrap();
    assert!(pushed.mounted > 0 && pushed.images.len() == 5, "{pushed:?}");
    let again = push(&content, &client, &options, &|_| {}).unwrap();
    assert!(again.sent == 0 && again.images.iter().all(|image| image.was_there));
    for entry in content.index().manifests.iter().filter(|entry| entry.reference().is_some()) {
        let image = pushed.images.iter().find(|image| image.digest == entry.digest).unwrap();
        let name = format!("{host}/{}:{}", image.repository, image.tag.as_ref().unwrap());
        let digest = Command::new(built("crane")).args(["digest", "--insecure", &name]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&digest.stdout).trim(), entry.digest.as_str());
    }

    let newer = bundle.image("amd64", &[b"the base", &large, b"one more"]);
    bundle.name("quay.io/newer:2", newer);
    bundle.finish();
    let content = Content::open(bundle.folder()).unwrap();
    let asked = receipt::Options { prefix: "site".parse().unwrap(), ..receipt::Options::default() };
    let receipt = take(&client, &references(&content), &asked, &|_| {}).unwrap();
    let delta = Delta::of_content(&content, &receipt).unwrap();
    assert!(delta.left_out > 3_500_000 && delta.inside.contains_key(&sha256(b"one more")));
    let mut manifest = bundle.manifest(content.index_bytes());
    delta.apply(&mut manifest);
    std::fs::write(bundle.folder().join(BUNDLE_FILE), manifest.to_bytes()).unwrap();
    delta.since.absent.iter().for_each(|digest| std::fs::remove_file(bundle.path(digest)).unwrap());
    let content = Content::open(bundle.folder()).unwrap();
    let pushed = push(&content, &client, &options, &|_| {}).unwrap();
    assert!(pushed.mounted >= 2 && pushed.sent < 10_000, "{pushed:?}");
    assert_eq!(client.head_blob("site/quay.io/newer", &sha256(&large)).unwrap(), Some(3_500_000));

    // Another place on the same registry does not have the base.
    let elsewhere = Options { prefix: "other".parse().unwrap(), ..Options::default() };
    let refused = push(&content, &client, &elsewhere, &|_| {});
    assert!(matches!(refused, Err(PushError::Base(_))), "{refused:?}");
}
