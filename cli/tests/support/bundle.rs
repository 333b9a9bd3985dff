//! Small bundles whose images a runtime can unpack.

use super::program::succeed;
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Manifest, Platform};
use std::fs;
use std::path::Path;
use std::process::Command;

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A bundle with these references, each for two architectures and with a file that tells them apart; `salt` is in each such file.
pub(crate) fn unpackable(folder: &Path, references: &[&str], salt: &str) {
    let mut bundle = FakeBundle::new(&folder.join("bundle"));
    for reference in references {
        let images = ["amd64", "arm64"]
            .map(|architecture| image(&mut bundle, folder, &format!("{salt} {reference}"), architecture));
        bundle.index(reference, images.to_vec());
    }
    bundle.finish();
}

fn image(bundle: &mut FakeBundle, folder: &Path, text: &str, architecture: &str) -> Descriptor {
    let root = folder.join("layer");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/name"), format!("{text} for {architecture}\n")).unwrap();
    let tar = folder.join("layer.tar");
    let same = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    succeed(Command::new("tar").args(same).arg("-C").arg(&root).arg("-cf").arg(&tar).arg("."));
    let layer = fs::read(&tar).unwrap();
    let config = serde_json::json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Entrypoint": ["/none"] },
        "rootfs": { "type": "layers", "diff_ids": [sha256(&layer).as_str()] },
    });
    let config = bundle.stored(OCI_CONFIG, config.to_string().as_bytes());
    let layer = bundle.stored(LAYER, &layer);
    let mut image = bundle.stored(OCI_MANIFEST, &Manifest::of(config, vec![layer]).to_bytes());
    let (architecture, os) = (architecture.to_owned(), "linux".to_owned());
    image.platform = Some(Platform { architecture, os, os_version: None, os_features: Vec::new(), variant: None });
    image
}
