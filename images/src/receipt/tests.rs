//! Receipts are read as they were written, and not otherwise.

use super::{FORMAT_VERSION, Held, Receipt, ReceiptError};
use crate::content::{BundleManifest, Content};
use crate::fake::{FakeBundle, LAYER};
use crate::hasher::sha256;
use crate::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use crate::layout::{Descriptor, Manifest};
use crate::receipt::Delta;
use std::collections::BTreeMap;

const NGINX: &str = "docker.io/library/nginx";

fn held(blobs: &[&[u8]]) -> Held {
    let blobs = blobs.iter().map(|bytes| (sha256(bytes), bytes.len() as u64)).collect();
    let document = sha256(b"document");
    Held { tags: [("1".to_owned(), document.clone())].into(), manifests: [(document, 8)].into(), blobs }
}

fn receipt(repositories: &[(&str, Held)]) -> Receipt {
    let repositories = repositories.iter().map(|(name, held)| ((*name).to_owned(), held.clone())).collect();
    Receipt::new("reg.local:5000", "site".parse().unwrap(), repositories)
}

#[test]
fn a_receipt_is_read_as_it_was_written() {
    let written = receipt(&[("site/docker.io/library/nginx", held(&[b"the base"])), ("site/other", Held::default())]);
    let bytes = written.to_bytes();
    assert_eq!(Receipt::parse(&bytes).unwrap(), written);
    assert_eq!(Receipt::parse(&bytes).unwrap().to_bytes(), bytes);
    let other = Receipt::new("reg.local", "site".parse().unwrap(), written.repositories().clone());
    assert_ne!(other.id(), written.id());
}

#[test]
fn what_is_no_receipt_is_refused() {
    let text = String::from_utf8(receipt(&[("site/a", held(&[b"x"]))]).to_bytes()).unwrap();
    let parse = |text: &str| Receipt::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(parse(&text.replace("\"1\":", "\"2\":")), ReceiptError::Changed { .. }));
    assert!(matches!(parse(&text.replace("reg.local", "reg.other")), ReceiptError::Changed { .. }));
    let later = text.replace("\"formatVersion\": 1", "\"formatVersion\": 2, \"new\": {}");
    assert!(matches!(parse(&later), ReceiptError::Version { found: 2, known: FORMAT_VERSION }));
    let table = [
        ("site/a", "site/../a"),
        ("site/a", "SITE/a"),
        ("\"1\":", "\"../1\":"),
        ("\"prefix\": \"site\"", "\"prefix\": \"a//b\""),
        ("reg.local:5000", ""),
        ("reg.local:5000", "reg local"),
        ("sha256:", "sha256:/"),
        ("\"blobs\"", "\"bulbs\""),
        ("\"id\"", "\"no\""),
    ];
    for (part, wrong) in table {
        assert!(matches!(parse(&text.replace(part, wrong)), ReceiptError::Malformed(_)), "{wrong}");
    }
    let large = vec![b' '; 17 << 20];
    assert!(matches!(Receipt::parse(&large), Err(ReceiptError::TooLarge { .. })));
    assert!(Receipt::parse(&[b'['; 100_000]).is_err());
}

#[test]
fn a_delta_leaves_out_what_the_registry_has() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = FakeBundle::fake(folder.path());
    let content = Content::open(folder.path()).unwrap();
    let (base, server) = (sha256(b"the base"), sha256(b"the server"));
    let own = receipt(&[(&format!("site/{NGINX}"), held(&[b"the base"])), ("site/other", held(&[b"the server"]))]);
    let delta = Delta::of_content(&content, &own).unwrap();
    let mut absent = vec![base.clone(), server.clone()];
    absent.sort();
    assert_eq!(delta.since.absent, absent);
    assert_eq!(delta.since.held, BTreeMap::from([(server.clone(), "site/other".to_owned())]));
    assert_eq!(&delta.since.receipt, own.id());
    assert_eq!(delta.left_out, 18);
    let all: Vec<_> =
        content.blobs().map(|(digest, _)| digest.clone()).filter(|digest| !absent.contains(digest)).collect();
    assert_eq!(delta.inside.keys().cloned().collect::<Vec<_>>(), all);

    let mut manifest = bundle.manifest(content.index_bytes());
    delta.apply(&mut manifest);
    assert!(manifest.since.as_ref().unwrap().leaves_out(&base));
    assert_eq!(BundleManifest::parse(&manifest.to_bytes()), Ok(manifest.clone()));
    let mut unsorted = manifest.clone();
    unsorted.since.as_mut().unwrap().absent.reverse();
    assert!(BundleManifest::parse(&unsorted.to_bytes()).is_err());
    let none = Delta::of_content(&content, &receipt(&[])).unwrap();
    assert_eq!((none.since.absent.len(), none.left_out), (0, 0));
    none.apply(&mut manifest);
    assert_eq!(manifest.since, None);
}

#[test]
fn documents_and_blobs_of_another_size_stay_inside() {
    let folder = tempfile::tempdir().unwrap();
    let _bundle = FakeBundle::fake(folder.path());
    let content = Content::open(folder.path()).unwrap();
    let mut everything = Held::default();
    everything.blobs.extend(content.blobs().map(|(digest, extent)| (digest.clone(), extent.size())));
    *everything.blobs.get_mut(&sha256(b"the base")).unwrap() += 1;
    let delta = Delta::of_content(&content, &receipt(&[("site/other", everything)])).unwrap();
    assert!(delta.inside.contains_key(&sha256(b"the base")));
    assert!(content.index().manifests.iter().all(|entry| delta.inside.contains_key(&entry.digest)));
    assert!(delta.since.leaves_out(&sha256(b"the server")));
}

#[test]
fn sizes_that_no_registry_can_have_are_no_sum_that_overflows() {
    let folder = tempfile::tempdir().unwrap();
    let mut bundle = FakeBundle::new(folder.path());
    let config = bundle.stored(OCI_CONFIG, b"{}");
    let layers: Vec<Descriptor> = [b"a", b"b"].map(|text| Descriptor::new(LAYER, sha256(text), u64::MAX)).into();
    let blobs = layers.iter().map(|layer| (layer.digest.clone(), layer.size)).collect();
    let image = bundle.stored(OCI_MANIFEST, &Manifest::of(config, layers).to_bytes());
    bundle.name("docker.io/library/vast:1", image);
    bundle.finish();
    let content = Content::open(folder.path()).unwrap();
    let held = Held { blobs, ..Held::default() };
    let delta = Delta::of_content(&content, &receipt(&[("site/docker.io/library/vast", held)])).unwrap();
    assert_eq!((delta.since.absent.len(), delta.left_out), (2, u64::MAX));
}
