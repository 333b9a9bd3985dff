//! What is refused, with every reason, and nothing left.

use crate::site::{Site, plain, request};
use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::{OutputKind, Request, build};
use kfimg_images::Architecture;
use kfimg_images::stop::Stop;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

#[test]
fn a_damaged_archive_of_programs_is_the_bundles_and_not_the_bases() {
    let site = Site::new();
    let digest = &plain().1.record.parts.iter().find(|part| part.name == "containerd").unwrap().digest;
    let blob = site.path("bundle/blobs").join(digest.algorithm()).join(digest.hexadecimal());
    let mut bytes = fs::read(&blob).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&blob, bytes).unwrap();
    let error = site.build("out", |_| {}).result.unwrap_err().to_string();
    assert!(error.contains(&format!("the blob {digest} is damaged")), "{error}");
}

#[test]
fn what_cannot_boot_is_refused_with_every_reason_and_nothing_is_left() {
    let site = Site::new();
    let mut base = FakeBase::new(Architecture::Amd64);
    base.without("boot/initrd.img-6.1.0-fake").without("usr/sbin/init").file("etc/ssh/keys/ssh_host_x_key", 0o600, "x");
    base.write(&site.path("base.tar"));
    let outcome = site.build("out", |_| {});
    let error = outcome.result.unwrap_err().to_string();
    assert_eq!(
        error,
        "the image is refused: 2 findings with which no node can boot or work, and 1 others; nothing was written"
    );
    let lints: Vec<&str> = outcome.findings.iter().map(|finding| finding.lint).collect();
    assert_eq!(lints, ["initrd-missing", "init-missing", "ssh-host-keys", "packages"]);
    let left: Vec<PathBuf> = fs::read_dir(&outcome.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, [outcome.folder.join(".work")], "whoever made the folder removes it");
    assert_eq!(fs::read_dir(&left[0]).unwrap().count(), 0);
}

#[test]
fn a_base_or_agent_of_other_machines_is_refused() {
    let mut site = Site::new();
    FakeBase::new(Architecture::Arm64).write(&site.path("base.tar"));
    let outcome = site.build("base", |_| {});
    assert!(outcome.result.is_err());
    let texts: Vec<&str> = outcome.findings.iter().map(|finding| finding.text.as_str()).collect();
    assert!(texts.contains(&"the kernel is for arm64, and amd64 is asked for"), "{texts:?}");
    assert!(texts.contains(&"/usr/lib/systemd/systemd is for arm64"), "{texts:?}");
    FakeBase::new(Architecture::Amd64).write(&site.path("base.tar"));
    site.agent = Some(site.path("agent"));
    for (bytes, lint) in [
        (fake::program(Architecture::Arm64, None), "architecture"),
        (fake::program(Architecture::Amd64, Some("/lib/ld-musl-x86_64.so.1")), "dynamic-linker"),
    ] {
        fs::write(site.path("agent"), bytes).unwrap();
        let outcome = site.build(lint, |_| {});
        assert!(outcome.result.is_err() && outcome.findings.iter().any(|finding| finding.lint == lint), "{lint}");
    }
    site.agent = None;
    let outcome = site.build("other", |request| request.architecture = Architecture::Arm64);
    let error = outcome.result.unwrap_err().to_string();
    assert!(error.contains("it has no kubelet for arm64; create it for a described cluster"), "{error}");
}

/// What makes a request wrong.
type Change = dyn Fn(&mut Request<'_>);

static APPLIANCE: LazyLock<BTreeSet<OutputKind>> = LazyLock::new(|| BTreeSet::from([OutputKind::Ova]));

const LONG: &str = match str::from_utf8(&[b'a'; 1025]) {
    Ok(text) => text,
    Err(_) => panic!("letters are text"),
};
const LONG_VERSION: &str = match str::from_utf8(&[b'1'; 90]) {
    Ok(text) => text,
    Err(_) => panic!("digits are text"),
};

#[test]
fn wrong_requests_are_told_before_anything_is_read() {
    let site = Site::new();
    let allowed = ["nonsense".to_owned()];
    let outputs = BTreeSet::new();
    let cases: [(&str, &Change, &str); 12] = [
        ("id", &|request| request.image_id = "A b", "--image-id A b: write lower-case letters"),
        ("epoch", &|request| request.source_date_epoch = Some(1 << 40), "SOURCE_DATE_EPOCH lies after the year 2106"),
        ("base", &|request| request.base = "nowhere.tar", "opening the base nowhere.tar"),
        ("url", &|request| request.root_url = Some("https://a/b"), "--root-url https://a/b: write http://"),
        (
            "query",
            &|request| request.root_url = Some("http://a/b?c"),
            "--root-url http://a/b?c: `?` is read differently",
        ),
        (
            "shell",
            &|request| request.root_url = Some("http://a/b&c;d|e$f"),
            "--root-url http://a/b&c;d|e$f: `&` is read differently",
        ),
        ("line", &|request| request.command_line = "a\nb", "is one line"),
        ("long", &|request| request.command_line = LONG, "1025 bytes, and 1024 are the most"),
        ("root", &|request| request.command_line = "quiet roothash=00", "--append roothash=00: the build says itself"),
        (
            "name",
            &|request| (request.outputs, request.image_version) = (&*APPLIANCE, Some(LONG_VERSION)),
            "name of the image \"kfimg-1111",
        ),
        (
            "pxe",
            &|request| request.root_url = Some("http://a/b"),
            "--root-url is about machines that boot from the network",
        ),
        (
            "disk",
            &|request| request.disk.slot = Some(1 << 30),
            "--disk-size, --slot-size and --esp-size are about disks",
        ),
    ];
    for (name, change, text) in cases {
        let error = site.build(name, |request| change(request)).result.unwrap_err().to_string();
        assert!(error.contains(text), "{name}: {error}");
    }
    let folder = site.path("lint");
    fs::create_dir(&folder).unwrap();
    let request = Request { allowed: &allowed, folder: &folder, ..request(&site, &outputs) };
    let error = build(&request, &Stop::new(), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("--allow nonsense: there is no such lint"), "{error}");
}
