//! systemd itself merges the extension over the roots of stock systems, as its unit does at boot, and refuses one that is not theirs.
//!
//! It needs root, loop devices and overlays; everything happens in a mount namespace that ends with the test's program.

#![allow(clippy::unwrap_used)]

use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::{OutputKind, Request, build};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// `os-release` of stock systems, as far as extensions are held against it.
const SYSTEMS: [(&str, &str); 4] = [
    ("debian12", "ID=debian\nVERSION_ID=\"12\"\n"),
    ("debian13", "ID=debian\nVERSION_ID=\"13\"\n"),
    ("ubuntu24", "ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n"),
    ("flatcar", "ID=flatcar\nID_LIKE=coreos\nVERSION_ID=4230.2.0\nSYSEXT_LEVEL=1.0\n"),
];
/// Merges, shows what a node needs and what was there before, and takes it apart. `$1` is the root. The second overlay is the
/// one that payloads lay over the plug-ins: the kernel stacks no more than two.
const MERGE: &str = r#"
mount --make-rprivate /; mount --make-rshared /; mount -t tmpfs tmpfs /run
systemd-sysext --root="$1" merge
test "$(cat "$1/usr/bin/own")" = own
test -s "$1/usr/bin/kubelet"; test -s "$1/usr/bin/containerd-shim-runc-v2"; test -s "$1/usr/bin/kfimg-agent"
if touch "$1/usr/bin/written" 2>/dev/null; then echo '/usr can be written to'; exit 1; fi
mkdir -p "$1/var/lib/kfimg/upper" "$1/var/lib/kfimg/work"
mount -t overlay overlay -o "lowerdir=$1/opt/cni/bin,upperdir=$1/var/lib/kfimg/upper,workdir=$1/var/lib/kfimg/work" "$1/opt/cni/bin"
test -s "$1/opt/cni/bin/bridge"; touch "$1/opt/cni/bin/installed"
umount "$1/opt/cni/bin"
systemd-sysext --root="$1" unmerge
test ! -e "$1/usr/bin/kubelet"
"#;

/// Builds an extension with a made base and made programs.
fn extension(folder: &Path, architecture: Architecture) {
    fake::bundle(&folder.join("bundle"), architecture);
    FakeBase::new(architecture).write(&folder.join("base.tar"));
    let (base, out) = (folder.join("base.tar").display().to_string(), folder.join("out"));
    fs::create_dir(&out).unwrap();
    let (bundle, outputs) = (Content::open(&folder.join("bundle")).unwrap(), BTreeSet::from([OutputKind::Sysext]));
    let request = Request { architecture, ..fake::request(&base, &bundle, &outputs, &out) };
    build(&request, &Stop::new(), &|_| {}).unwrap();
}

/// A root with this `os-release`, and the extension of that folder in it, called so.
fn root(folder: &Path, name: &str, os_release: &str, extension: &Path, file: &str) -> std::path::PathBuf {
    let root = folder.join(name);
    for path in ["etc", "usr/bin", "usr/lib", "opt", "run", "var/lib/extensions"] {
        fs::create_dir_all(root.join(path)).unwrap();
    }
    fs::write(root.join("usr/lib/os-release"), os_release).unwrap();
    std::os::unix::fs::symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    fs::write(root.join("usr/bin/own"), "own").unwrap();
    fs::copy(extension.join("out/kfimg.raw"), root.join("var/lib/extensions").join(file)).unwrap();
    root
}

/// What systemd said, and whether all went well.
fn merge(root: &Path) -> (bool, String) {
    let mut unshare = Command::new("timeout");
    unshare.args(["60", "unshare", "--mount", "--propagation", "private", "sh", "-euc", MERGE, "sh"]).arg(root);
    let output = unshare.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned())
}

#[test]
#[ignore = "needs root and loop devices: make interop"]
fn stock_systems_merge_it_and_machines_of_another_kind_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let (own, other) = if cfg!(target_arch = "aarch64") {
        (Architecture::Arm64, Architecture::Amd64)
    } else {
        (Architecture::Amd64, Architecture::Arm64)
    };
    let places = [("own", own), ("other", other)].map(|(name, architecture)| {
        let place = folder.path().join(name);
        fs::create_dir(&place).unwrap();
        extension(&place, architecture);
        place
    });
    for (name, os_release) in SYSTEMS {
        let (merged, said) = merge(&root(folder.path(), name, os_release, &places[0], "kfimg.raw"));
        assert!(merged && said.contains("Using extensions 'kfimg'"), "{name}: {said}");
    }
    for (name, extension, file) in [("wrong-machine", &places[1], "kfimg.raw"), ("wrong-name", &places[0], "node.raw")]
    {
        let (merged, said) = merge(&root(folder.path(), name, SYSTEMS[0].1, extension, file));
        assert!(!merged && !said.contains("Using extensions"), "{name}: {said}");
    }
    // The layer names the very file.
    let layer = fs::read_to_string(places[0].join("out/sysext.yaml")).unwrap();
    let digest = kfimg_images::hasher::sha256(&fs::read(places[0].join("out/kfimg.raw")).unwrap());
    let expected = format!(
        "nodeDefaults:\n  systemExtension:\n    source: images/kfimg.raw\n    sha256: \"{}\"\n",
        digest.hexadecimal()
    );
    assert!(layer.ends_with(&expected), "{layer}");
}
