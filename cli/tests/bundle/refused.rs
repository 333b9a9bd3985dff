//! What cannot be done, what is said about it, and the exit code.

use super::upstream::Site;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

/// Command lines, their exit codes, and a part of what is said.
const REFUSED: [(&str, i32, &str); 20] = [
    ("bundle create", 2, "describe a cluster"),
    ("bundle create --image pause:", 2, "pause:"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --arch riscv64", 2, "amd64 or arm64"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --chunk-size 1.5GiB", 2, "4GiB"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --parity 2", 2, "--chunk-size"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 -o b.chunks.json", 2, "--chunk-size"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --mirror =reg.local", 2, "HOST=VALUE"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --trust-host https://tokens.test/v2", 2, "is no host"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --mirrors-only", 2, "--mirror"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --file flatcar", 2, "NAME=PATH"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --since nothing.json", 4, "nothing.json"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --credentials nothing.json", 4, "nothing.json"),
    ("bundle create --image registry.k8s.io/pause:3.10.2 --ca nothing.pem", 4, "nothing.pem"),
    (
        "bundle create --image registry.k8s.io/pause:3.10.2 --mirror 127.0.0.1:1 --mirrors-only -o other",
        7,
        "127.0.0.1:1",
    ),
    ("bundle verify --bundle nowhere", 4, "there is no nowhere; name a bundle"),
    ("bundle push --bundle nowhere --registry 127.0.0.1:1", 4, "there is no nowhere; name a bundle"),
    ("bundle pack -o b.tar --bundle strange", 4, "no bundle"),
    ("bundle repair --bundle strange", 2, "kfimg bundle create"),
    ("bundle sign --bundle strange --key nothing.key", 4, "no bundle"),
    ("bundle receipt", 2, "--registry"),
];

#[test]
fn what_cannot_be_done_says_why_and_leaves_nothing() {
    let site = Site::new();
    fs::create_dir(site.path("strange")).unwrap();
    for (line, code, part) in REFUSED {
        let said = site.run(line);
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{line}: {}", said.stderr);
        assert!(said.stderr.contains(part), "{line}: {part} in {}", said.stderr);
        assert!(!site.path("kfimg.lock").exists(), "{line} wrote a lock");
        assert!(!site.path("bundle/bundle.json").exists(), "{line} wrote a bundle");
    }
}

#[test]
fn images_of_another_program_are_not_removed() {
    let site = Site::new();
    let upstream = site.path("upstream");
    fs::remove_file(upstream.join("bundle.json")).unwrap();
    let said = site.create("-o upstream --images-only --arch amd64");
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("another program"), "{}", said.stderr);
}

#[test]
fn an_image_that_nobody_has_is_named_and_the_others_are_kept() {
    let site = Site::new();
    let said = site.create("--images-only --image ghcr.io/nobody/nothing:1");
    assert_eq!(said.code, 7, "{}", said.stderr);
    assert!(said.stderr.contains("ghcr.io/nobody/nothing:1"), "{}", said.stderr);
    assert!(said.stderr.contains("one image could not be fetched"), "{}", said.stderr);
    let said = site.create("--images-only --output-format json");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
    assert!(created["receivedBytes"].as_u64().unwrap() < 10_000, "documents, but no layer: {created}");
}

#[test]
fn a_lock_that_lacks_an_image_says_how_to_go_on() {
    let site = Site::new();
    assert_eq!(site.create("--images-only").code, 0);
    let said = site.create("--images-only --image docker.io/library/busybox:1.37");
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("lacks docker.io/library/busybox:1.37; run again with --update"), "{}", said.stderr);
    fs::write(site.path("kfimg.lock"), "images: [").unwrap();
    let said = site.create("--images-only");
    assert_eq!(said.code, 4, "{}", said.stderr);
    assert!(said.stderr.contains("kfimg.lock:"), "{}", said.stderr);
}

#[test]
fn a_name_that_is_no_text_is_no_bug() {
    let site = Site::new();
    let kfimg = || Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let line = ["bundle", "pack", "--output-format", "json", "--bundle", "upstream", "-o"];
    let said = kfimg().args(line).arg(OsStr::from_bytes(b"\xff.tar")).current_dir(site.path("")).output().unwrap();
    assert_eq!(said.status.code(), Some(0), "{}", String::from_utf8_lossy(&said.stderr));
    assert!(site.path("").join(OsStr::from_bytes(b"\xff.tar")).exists());
}
