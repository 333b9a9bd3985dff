//! Whole builds of small bases, judged by the tools that others use.

#![allow(clippy::unwrap_used)]

mod preload;
mod record;
mod refused;
mod site;
mod ubuntu;

use kfimg_builder::Built;
use kfimg_builder::compare::compare;
use kfimg_builder::fake::FakeBase;
use kfimg_images::Architecture;
use kfimg_images::hasher::sha256;
use site::{Outcome, Site, listed, plain};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_build_holds_base_and_bundle_without_identity_and_is_verified() {
    let (folder, Built { record, .. }) = plain();
    let root = listed(&folder.join("parts/root.squashfs"));
    for path in [
        "usr/bin/kubelet",
        "usr/bin/containerd-shim-runc-v2",
        "usr/bin/kfimg-agent",
        "opt/cni/bin/portmap",
        "usr/lib/sysctl.d/90-kfimg.conf",
        "usr/lib/os-release",
        "etc/passwd",
        "proc",
    ] {
        assert!(root.lines().any(|line| line.ends_with(&format!("squashfs-root/{path}"))), "{path}\n{root}");
    }
    for path in ["machine-id", "made.log", "vmlinuz", "containerd-stress"] {
        assert!(!root.contains(path), "{path}\n{root}");
    }
    let mut verity = Command::new("/usr/sbin/veritysetup");
    verity
        .arg("verify")
        .args([folder.join("parts/root.squashfs"), folder.join("parts/root.verity")])
        .arg(&record.root.root_hash);
    assert!(verity.status().expect("`make test` installs the package cryptsetup-bin").success());
    for (name, output) in &record.outputs {
        let bytes = fs::read(folder.join(name)).unwrap();
        assert_eq!((output.size, &output.digest), (bytes.len() as u64, &sha256(&bytes)), "{name}");
    }
    let names: Vec<&str> = record.outputs.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "kfimg.raw",
            "parts/initrd",
            "parts/root.hash",
            "parts/root.squashfs",
            "parts/root.verity",
            "parts/vmlinuz",
            "root.mtree",
            "sysext.yaml"
        ]
    );
    let written: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("build.json")).unwrap()).unwrap();
    assert_eq!(written["imageVersion"], "1.36.3");
    assert_eq!(written["sourceDateEpoch"], 1_700_000_000, "the newest file of the base");
    assert_eq!(written["parts"][0]["version"], "1.36.3");
    assert!(fs::read_to_string(folder.join("build.html")).unwrap().contains("<svg"));
    assert!(!folder.join(".work").exists());
}

#[test]
fn the_extension_holds_usr_and_opt_alone_and_fits_every_system() {
    let (folder, _) = plain();
    let image = folder.join("kfimg.raw");
    let all = listed(&image);
    assert!(all.contains("squashfs-root/usr/bin/kubelet") && all.contains("squashfs-root/opt/cni/bin/bridge"), "{all}");
    for path in ["squashfs-root/etc", "squashfs-root/var", "usr/bin/mount", "os-release"] {
        assert!(!all.contains(path), "{path}\n{all}");
    }
    let unpacked = folder.join("unpacked");
    assert!(Command::new("unsquashfs").args(["-d"]).arg(&unpacked).arg(&image).output().unwrap().status.success());
    let release = fs::read_to_string(unpacked.join("usr/lib/extension-release.d/extension-release.kfimg")).unwrap();
    assert!(release.starts_with("ID=_any\nARCHITECTURE=x86-64\n"), "{release}");
}

#[test]
fn licences_of_packages_and_of_what_is_added_are_listed() {
    let site = Site::new();
    let mut base = FakeBase::new(Architecture::Amd64);
    let status = "Package: bash\nStatus: install ok installed\nVersion: 5.2\n\nPackage: odd\nStatus: install ok installed\nVersion: 1\n";
    base.file("var/lib/dpkg/status", 0o644, status);
    base.file("usr/share/doc/bash/copyright", 0o644, "Format: x\n\nFiles: *\nLicense: GPL-3+\n");
    base.write(&site.path("base.tar"));
    let Outcome { result, findings, folder } = site.build("out", |_| {});
    let Built { record, .. } = result.unwrap();
    let row = |name: &str| record.licences.iter().find(|row| row.name == name).unwrap();
    let bash = row("bash");
    assert_eq!(
        (bash.licences.as_slice(), bash.file.as_deref()),
        (&["GPL-3+".to_owned()][..], Some("usr/share/doc/bash/copyright"))
    );
    assert_eq!((row("odd").licences.len(), &row("odd").file), (0, &None));
    for part in &record.parts {
        assert!(row(&part.name).licences.contains(&"Apache-2.0".to_owned()), "{}", part.name);
    }
    assert!(findings.iter().any(|finding| finding.lint == "licences" && finding.text == "no copyright file of odd"));
    let listing = fs::read_to_string(folder.join("root.mtree")).unwrap();
    assert!(listing.contains("./usr/share/doc/kfimg/copyright mode=0644"), "{listing}");
    for file in ["copyright", "notices"] {
        let place = format!("squashfs-root/usr/share/doc/kfimg/{file}");
        assert!(
            listed(&folder.join("kfimg.raw")).contains(&place)
                && listed(&folder.join("parts/root.squashfs")).contains(&place)
        );
    }
    let page = fs::read_to_string(folder.join("build.html")).unwrap();
    let row = "<tr><td>GPL-3+</td><td class=\"number\">1</td><td class=\"names\">bash</td></tr>";
    assert!(page.contains(row), "{page}");
}

#[test]
fn two_builds_are_compared_in_words() {
    let site = Site::new();
    let (old, _) = plain();
    let same = site.build("same", |_| {});
    let new = site.build("new", |request| request.image_version = Some("2"));
    for outcome in [&same, &new] {
        assert!(outcome.result.is_ok());
    }
    assert!(!compare(old, &same.folder).unwrap().differs());
    let difference = compare(old, &new.folder).unwrap();
    assert_eq!(difference.inputs, ["version"]);
    let facts: Vec<&str> = difference.facts.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(facts, ["version", "root hash"]);
    let files: Vec<&str> = difference.files.iter().map(|change| change.name.as_str()).collect();
    assert_eq!(files, ["./usr/lib/os-release"]);
    let path = new.folder.join("build.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"mksquashfs ", "\"mksquashfs 1.0 before ")).unwrap();
    let written = compare(old, &new.folder).unwrap().facts.pop().unwrap();
    assert_eq!(written.name, "written by");
    assert!(written.new.as_ref().is_some_and(|new| new.starts_with("mksquashfs 1.0 before")), "{written:?}");
    fs::write(new.folder.join("root.mtree"), "#mtree\n").unwrap();
    let error = compare(old, &new.folder).unwrap_err().to_string();
    assert!(error.contains("root.mtree is not what it says; build again"), "{error}");
}

/// Most memory of a build, in KiB.
const MEMORY: u64 = 256 << 10;

#[test]
#[ignore = "needs KFIMG_BASE, the tar of a real base such as `make base` makes"]
fn a_real_base_becomes_a_verified_root_in_little_memory() {
    let mut site = Site::new();
    // The programs of a fake bundle are headers alone; everything else is real.
    site.base = std::env::var_os("KFIMG_BASE").map(PathBuf::from).expect("KFIMG_BASE names a base");
    let Outcome { result, findings, folder } = site.build("first", |_| {});
    let record = result.unwrap_or_else(|error| panic!("{error}: {findings:#?}")).record;
    let mut verity = Command::new("/usr/sbin/veritysetup");
    verity
        .arg("verify")
        .args([folder.join("parts/root.squashfs"), folder.join("parts/root.verity")])
        .arg(&record.root.root_hash);
    assert!(verity.status().unwrap().success());
    let again = site.build("second", |_| {}).result.unwrap().record;
    assert_eq!(again.to_bytes(), record.to_bytes());
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB");
    let peak: u64 = peak.parse().unwrap();
    assert!(peak < MEMORY, "{peak} KiB");
    println!("{peak} KiB; {}", String::from_utf8_lossy(&record.to_bytes()));
    if let Some(kept) = std::env::var_os("KFIMG_KEEP") {
        fs::copy(folder.join("build.html"), kept).unwrap();
    }
}
