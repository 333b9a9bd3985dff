//! Images of the bundle in the image.

use crate::site::{Outcome, Site};
use kfimg_builder::{Preload, fake};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::digest::Digest;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Manifest};
use std::fs;
use std::process::Command;

#[test]
fn preloaded_images_lie_where_the_agent_looks() {
    let site = Site::new();
    for (preload, count) in [(Preload::Worker, 1), (Preload::ControlPlane, 2), (Preload::All, 2)] {
        let Outcome { result, folder, .. } =
            site.build(&format!("{preload:?}"), |request| request.preload = Some(preload));
        let record = result.unwrap().record;
        assert_eq!(record.preloaded.len(), count, "{preload:?}: {:?}", record.preloaded);
        let unpacked = folder.join("unpacked");
        let image = folder.join("parts/root.squashfs");
        assert!(
            Command::new("unsquashfs")
                .arg("-d")
                .arg(&unpacked)
                .arg(&image)
                .arg("usr/share/kfimg")
                .output()
                .unwrap()
                .status
                .success()
        );
        let layout = Content::open(&unpacked.join("usr/share/kfimg/bundle")).unwrap();
        assert_eq!(layout.index().manifests.len(), count);
        for (digest, extent) in layout.blobs() {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut extent.reader(), &mut bytes).unwrap();
            assert_eq!(sha256(&bytes), *digest);
        }
    }
}

#[test]
fn a_preloaded_image_that_is_damaged_is_refused() {
    let site = Site::new();
    // The layer of the image, as the fake bundle makes it.
    let digest = sha256(b"registry.k8s.io/pause:3.10.2");
    let blob = site.path("bundle/blobs").join(digest.algorithm()).join(digest.hexadecimal());
    assert_eq!(fs::read(&blob).unwrap(), b"registry.k8s.io/pause:3.10.2");
    fs::write(&blob, b"registry.k8s.io/pause:3.10.9").unwrap();
    let outcome = site.build("out", |request| request.preload = Some(Preload::All));
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains(&format!("the blob {digest} is damaged")), "{error}");
    assert!(site.build("without", |_| {}).result.is_ok(), "nobody reads it");
}

/// Only the listing of the root tells SHA-256, so blobs of other digests are read beforehand.
#[test]
fn a_preloaded_image_with_another_digest_is_verified_too() {
    let mut site = Site::new();
    let mut bundle = fake::bundle(&site.path("bundle"), Architecture::Amd64);
    let config = bundle.stored(OCI_CONFIG, br#"{"architecture":"amd64","os":"linux"}"#);
    let like: Digest = format!("sha512:{}", "0".repeat(128)).parse().unwrap();
    let digest = bundle.blob_as(&like, b"layer");
    let blob = bundle.path(&digest);
    let layer = Descriptor { digest: digest.clone(), size: 5, ..config.clone() };
    let manifest = bundle.stored(OCI_MANIFEST, &Manifest::of(config, vec![layer]).to_bytes());
    bundle.name("site.example/app:1", manifest);
    bundle.finish();
    site.bundle = Content::open(&site.path("bundle")).unwrap();
    let Outcome { result, folder, .. } = site.build("out", |request| request.preload = Some(Preload::All));
    assert!(result.unwrap().record.preloaded.iter().any(|image| image.reference == "site.example/app:1"));
    let listing = fs::read_to_string(folder.join("root.mtree")).unwrap();
    assert!(listing.contains(&format!("./usr/share/kfimg/bundle/blobs/sha512/{} ", digest.hexadecimal())), "{listing}");
    fs::write(&blob, b"loyer").unwrap();
    let error = site.build("damaged", |request| request.preload = Some(Preload::All)).result.unwrap_err().to_string();
    assert!(error.contains(&format!("the blob {digest} is damaged")), "{error}");
}
