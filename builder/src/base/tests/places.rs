//! Where a base lies: a layout, a bundle, a tar, a folder, and links to them.

use super::{Archive, paths, spool};
use crate::base::{Base, read};
use crate::error::Error;
use crate::tree::Node;
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::Manifest;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An image of these layers in a layout.
fn image(folder: &Path, layers: &[Vec<u8>], architecture: &str) -> FakeBundle {
    let mut bundle = FakeBundle::new(folder);
    let config =
        format!(r#"{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":[]}}}}"#);
    let config = bundle.stored(OCI_CONFIG, config.as_bytes());
    let layers = layers.iter().map(|bytes| bundle.stored("application/vnd.oci.image.layer.v1.tar", bytes)).collect();
    let manifest = bundle.stored(OCI_MANIFEST, &Manifest::of(config, layers).to_bytes());
    bundle.name("docker.io/library/debian:12", manifest);
    bundle.finish();
    bundle
}

fn read_base(name: &str, bundle: Option<&Content>) -> Result<Base, Error> {
    let folder = tempfile::tempdir().unwrap();
    read(name, bundle, Architecture::Amd64, &mut spool(folder.path()))
}

#[test]
fn an_image_is_read_from_a_layout_and_from_a_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let layers = [
        Archive::default().file("etc/a", "1").bytes(),
        Archive::default().file("etc/.wh.a", "").file("b", "2").bytes(),
    ];
    let bundle = image(&folder.path().join("layout"), &layers, "amd64");
    let content = Content::open(bundle.folder()).unwrap();
    let path = bundle.folder().display().to_string();
    for (name, from) in [
        (path.as_str(), None),
        (&format!("{path}#docker.io/library/debian:12"), None),
        ("docker.io/library/debian:12", Some(&content)),
    ] {
        let base = read_base(name, from).unwrap();
        assert_eq!(paths(&base.tree), ["b", "etc"], "{name}");
        assert_eq!(
            (base.source.kind, base.source.reference.as_deref()),
            ("image", Some("docker.io/library/debian:12"))
        );
    }
    let error = read_base(&format!("{path}#docker.io/library/none:1"), None).unwrap_err();
    assert!(error.to_string().contains("has no image `docker.io/library/none:1`"), "{error}");
    let tar = folder.path().join("base.tar");
    fs::write(&tar, &layers[0]).unwrap();
    for system in [tar.as_path(), folder.path()] {
        let error = read_base(&format!("{}#docker.io/library/debian:12", system.display()), None).unwrap_err();
        assert!(error.to_string().contains("is no OCI image layout, so it has no image"), "{error}");
    }
    let error = read_base("docker.io/library/none:1", Some(&content)).unwrap_err();
    assert!(error.to_string().contains("the bundle has no such reference"), "{error}");
}

#[test]
fn names_and_targets_in_a_folder_are_text_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(OsStr::from_bytes(b"caf\xe9"), &link).unwrap();
    let error = read_base(folder.path().to_str().unwrap(), None).unwrap_err().to_string();
    assert!(error.ends_with("link: is a link whose target is no text"), "{error}");
    fs::remove_file(link).unwrap();
    fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9")), "").unwrap();
    let error = read_base(folder.path().to_str().unwrap(), None).unwrap_err().to_string();
    assert!(error.contains("is not UTF-8"), "{error}");
}

#[test]
fn a_link_that_names_a_base_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let archive = Archive::default().file("etc/a", "1").bytes();
    fs::write(folder.path().join("debian-12.tar"), &archive).unwrap();
    fs::create_dir_all(folder.path().join("root-12/etc")).unwrap();
    fs::write(folder.path().join("root-12/etc/a"), "1").unwrap();
    image(&folder.path().join("layout-12"), &[archive], "amd64");
    for (target, kind) in [("debian-12.tar", "tar"), ("root-12", "folder"), ("layout-12", "image")] {
        let link = folder.path().join(kind);
        std::os::unix::fs::symlink(target, &link).unwrap();
        let base = read_base(link.to_str().unwrap(), None).unwrap();
        assert_eq!((base.source.kind, paths(&base.tree)), (kind, vec!["etc", "etc/a"]));
    }
}

#[test]
fn damaged_layers_and_images_of_other_machines_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let layer = Archive::default().file("etc/a", "1").bytes();
    let bundle = image(&folder.path().join("arm"), std::slice::from_ref(&layer), "arm64");
    let error = read_base(&bundle.folder().display().to_string(), None).unwrap_err().to_string();
    assert!(error.contains("the image is for linux/arm64, and linux/amd64 is asked for"), "{error}");
    let bundle = image(&folder.path().join("bad"), std::slice::from_ref(&layer), "amd64");
    fs::write(bundle.path(&sha256(&layer)), Archive::default().file("etc/b", "1").bytes()).unwrap();
    let error = read_base(&bundle.folder().display().to_string(), None).unwrap_err().to_string();
    assert!(error.contains("is damaged"), "{error}");
    fs::remove_file(bundle.path(&sha256(&layer))).unwrap();
    let error = read_base(&bundle.folder().display().to_string(), None).unwrap_err().to_string();
    assert!(error.contains("does not have the blob"), "{error}");
}

#[test]
fn a_folder_is_read_as_it_is_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/a"), "1").unwrap();
    fs::hard_link(root.join("etc/a"), root.join("b")).unwrap();
    fs::set_permissions(root.join("etc/a"), fs::Permissions::from_mode(0o4711)).unwrap();
    std::os::unix::fs::symlink("/etc", root.join("link")).unwrap();
    let base = read_base(root.to_str().unwrap(), None).unwrap();
    assert_eq!(paths(&base.tree), ["b", "etc", "etc/a", "link"]);
    assert_eq!(base.tree.get("etc/a").unwrap().mode, 0o4711);
    let content = |path: &str| base.tree.get(path).and_then(Node::content).unwrap();
    assert!(std::sync::Arc::ptr_eq(content("b"), content("etc/a")));
    assert!(base.remarks[0].contains("owners are taken as they are found"), "{:?}", base.remarks);
    let again = read_base(root.to_str().unwrap(), None).unwrap();
    assert_eq!(base.source.digest, again.source.digest);
    let digest = || read_base(root.to_str().unwrap(), None).unwrap().source.digest;
    let before = digest();
    let file = fs::File::options().write(true).open(root.join("etc/a")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    let older = digest();
    assert_ne!(before, older, "times come into the image");
    match rustix::fs::setxattr(root.join("etc/a"), "user.kfimg", b"x", rustix::fs::XattrFlags::empty()) {
        // A file system without attributes has none to forget.
        Err(rustix::io::Errno::NOTSUP) => {}
        set => {
            set.unwrap();
            assert_ne!(older, digest(), "and so do attributes");
        }
    }
    fs::write(root.join("etc/a"), "2").unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    assert_ne!(older, digest());
}
