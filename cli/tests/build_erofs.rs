//! `kfimg build --root erofs` with the programs of two Debians: 13's writes it, the same bytes everywhere, and both read it; 12's is too
//! old to write it, and is named.
//!
//! The programs come from Debian's archive, and run with the libraries of their own release.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_builder::fake::{self, FakeBase};
use kfimg_images::Architecture;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::noise::noise;
use support::program::{both, empty_folder, run, succeed};
use support::said::{Said, said};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
const BUILD: &str =
    "build --base base.tar --root erofs --output parts,raw,pxe --slot-size 64MiB --esp-size 64MiB -o images";
/// Fetches the programs of a release.
const RECIPE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../builder/base/erofs-utils.sh");

/// A folder with the programs of erofs-utils as this release of Debian has them.
fn programs(folder: &Path, release: &str) -> PathBuf {
    let place = folder.join(release);
    succeed(Command::new(RECIPE).arg(&place).env("RELEASE", release));
    place.join("bin")
}

/// A folder with a base and a bundle.
fn site(folder: &Path, name: &str) -> PathBuf {
    let place = folder.join(name);
    fs::create_dir_all(&place).unwrap();
    fake::bundle(&place.join("bundle"), Architecture::Amd64);
    let mut base = FakeBase::new(Architecture::Amd64);
    // Compressible, not compressible, larger than a cluster, empty, long names.
    base.file("usr/lib/text", 0o644, "kubelet ".repeat(100_000)).file("usr/lib/empty", 0o600, "");
    base.file("usr/lib/noise", 0o4755, noise(700_001)).file(&format!("usr/share/{}", "n".repeat(90)), 0o644, "long");
    base.stub(Architecture::Amd64).write(&place.join("base.tar"));
    place
}

/// A build with the programs of a folder, as a shell runs it.
fn build(place: &Path, bin: &Path, before: &str) -> Said {
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before} {KFIMG} {BUILD} --allow setuid")]).env("PATH", path).current_dir(place);
    said(&mut shell)
}

#[test]
#[ignore = "needs mmdebstrap and Debian's archive: make interop"]
fn two_debians_read_what_the_newer_one_writes_and_the_older_one_is_named() {
    let folder = empty_folder("build-erofs");
    let [older, newer] = ["bookworm", "trixie"].map(|release| programs(&folder, release));
    let (one, other) = (site(&folder, "one"), site(&folder, "deeper/other"));
    let first = build(&one, &newer, "exec");
    assert_eq!(first.code, 0, "{}", first.stderr);
    let second = build(&other, &newer, "umask 077; export TZ=Asia/Tokyo; exec taskset -c 0");
    assert_eq!(second.code, 0, "{}", second.stderr);
    let record: serde_json::Value = serde_json::from_slice(&fs::read(one.join("images/build.json")).unwrap()).unwrap();
    assert_eq!(record["root"]["format"], "erofs");
    assert!(record["programs"][0].as_str().unwrap().starts_with("mkfs.erofs 1."), "{}", record["programs"]);
    let compared = run(Command::new("diff").arg("-r").args([one.join("images"), other.join("images")]));
    assert!(compared.status.success(), "{}", both(&compared));

    let image = one.join("images/parts/root.erofs");
    for bin in [&older, &newer] {
        // It reads and unpacks every byte.
        let said = run(Command::new(bin.join("fsck.erofs")).arg("--extract").arg(&image));
        assert!(said.status.success(), "{}: {}", bin.display(), both(&said));
    }
    let unpacked = folder.join("unpacked");
    succeed(Command::new(newer.join("fsck.erofs")).arg(format!("--extract={}", unpacked.display())).arg(&image));
    assert!(fs::read(unpacked.join("usr/lib/noise")).unwrap() == noise(700_001));
    assert_eq!(fs::read(unpacked.join("usr/lib/text")).unwrap(), "kubelet ".repeat(100_000).as_bytes());
    let mut bytes = fs::read(&image).unwrap();
    // Its superblock, which is what a mount reads first.
    bytes[1024] ^= 1;
    fs::write(folder.join("damaged"), bytes).unwrap();
    for bin in [&older, &newer] {
        let said = run(Command::new(bin.join("fsck.erofs")).arg(folder.join("damaged")));
        assert!(!said.status.success(), "{}: {}", bin.display(), both(&said));
    }

    let refused = build(&one, &older, "exec");
    assert_eq!(refused.code, 6, "{}", refused.stderr);
    for words in ["mkfs.erofs: version 1.5 reads no tar", "Debian 13, Ubuntu 24.04", "--root squashfs"] {
        assert!(refused.stderr.contains(words), "{words}: {}", refused.stderr);
    }
}
