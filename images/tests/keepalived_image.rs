//! The image that `images/keepalived/build.sh` builds: the same twice, whole, as the catalogs name it, and it runs by itself.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use kfimg_images::component::Component;
use kfimg_images::content::{Content, INDEX_FILE};
use kfimg_images::layout::{Descriptor, Manifest};
use kfimg_images::{Catalog, verify};

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn build(folder: &Path) -> Content {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("keepalived/build.sh");
    run(Command::new(script).arg(folder));
    Content::open(folder).unwrap()
}

/// Unpacks the image's one layer, as a runtime would.
fn unpack(content: &Content, image: &Descriptor, target: &Path) {
    let bytes = content.read_small(&image.digest, 1 << 20).unwrap();
    let manifest: Manifest = serde_json::from_slice(&bytes).unwrap();
    let [layer] = manifest.layers.as_slice() else { panic!("{manifest:?}") };
    let blob = content.place().join("blobs").join(layer.digest.algorithm()).join(layer.digest.hexadecimal());
    std::fs::create_dir(target).unwrap();
    run(Command::new("tar").arg("-C").arg(target).arg("-xf").arg(blob));
}

#[test]
#[ignore = "needs root, mmdebstrap and Debian's archive: `make interop`"]
fn two_builds_are_equal_and_the_image_stands_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let contents = ["first", "second"].map(|name| build(&folder.path().join(name)));
    let [first, second] = &contents;
    assert_eq!(first.index_bytes(), second.index_bytes(), "{INDEX_FILE} names every digest");
    assert!(contents.iter().all(|content| verify::verify(content, &|_| ()).is_sound()));
    let [image] = first.index().manifests.as_slice() else { panic!("{:?}", first.index()) };
    let wanted = Catalog::newest().image(Component::Keepalived, 0).to_string();
    assert_eq!(image.reference(), Some(wanted.as_str()), "the catalogs name what is built");
    let root = folder.path().join("root");
    unpack(first, image, &root);
    let said = run(Command::new("chroot").arg(&root).args(["/usr/sbin/keepalived", "--version"]));
    assert!(said.starts_with("Keepalived v2.2.7 "), "{said}");
    assert!(!root.join("bin/sh").exists() && !root.join("usr/bin").exists(), "no shell");
    assert!(root.join("usr/share/doc/keepalived/copyright").exists());
}
