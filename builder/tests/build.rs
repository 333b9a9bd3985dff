//! Whole builds of small bases, judged by the tools that others use.

#![allow(clippy::unwrap_used)]

use kfimg_builder::compare::compare;
use kfimg_builder::fake::{self, FakeBase};
use kfimg_builder::lint::Finding;
use kfimg_builder::{Built, DiskSizes, Error, Event, OutputKind, Preload, Request, RootFormat, build};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::hasher::sha256;
use kfimg_images::stop::Stop;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A folder with a base and a bundle.
struct Site {
    folder: PathBuf,
    /// Removed with the site.
    _temporary: Option<tempfile::TempDir>,
    bundle: Content,
    agent: Option<PathBuf>,
    base: PathBuf,
}

/// What a build said and did.
struct Outcome {
    result: Result<Built, Error>,
    findings: Vec<Finding>,
    folder: PathBuf,
}

impl Site {
    fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let site = Self::below(temporary.path().to_owned());
        Self { _temporary: Some(temporary), ..site }
    }

    /// In a folder that stays.
    fn below(folder: PathBuf) -> Self {
        fake::bundle(&folder.join("bundle"), Architecture::Amd64);
        FakeBase::new(Architecture::Amd64).write(&folder.join("base.tar"));
        let bundle = Content::open(&folder.join("bundle")).unwrap();
        let base = folder.join("base.tar");
        Self { folder, _temporary: None, bundle, agent: None, base }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn build(&self, name: &str, change: impl Fn(&mut Request<'_>)) -> Outcome {
        let folder = self.path(name);
        fs::create_dir(&folder).unwrap();
        let base = self.base.display().to_string();
        let outputs = BTreeSet::from([OutputKind::Parts, OutputKind::Sysext]);
        let mut request = Request {
            base: &base,
            agent: self.agent.as_deref(),
            command_line: "console=ttyS0",
            folder: &folder,
            ..request(self, &outputs)
        };
        change(&mut request);
        let findings = RefCell::new(Vec::new());
        let result = build(&request, &Stop::new(), &|event| {
            if let Event::Finding(finding) = event {
                findings.borrow_mut().push(finding.clone());
            }
        });
        Outcome { result, findings: findings.into_inner(), folder }
    }
}

/// The build of an unchanged site, made once for all tests that only look at it.
fn plain() -> &'static (PathBuf, Built) {
    static PLAIN: OnceLock<(PathBuf, Built)> = OnceLock::new();
    PLAIN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let Outcome { result, folder, .. } = Site::below(folder).build("out", |_| {});
        (folder, result.unwrap())
    })
}

fn listed(image: &Path) -> String {
    let output = Command::new("unsquashfs").args(["-lln"]).arg(image).output();
    let output = output.expect("unsquashfs is there: `make test` installs the package squashfs-tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

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

#[test]
fn wrong_requests_are_told_before_anything_is_read() {
    let site = Site::new();
    let allowed = ["nonsense".to_owned()];
    let outputs = BTreeSet::new();
    let cases: [(&str, &Change, &str); 8] = [
        ("id", &|request| request.image_id = "A b", "--image-id A b: write lower-case letters"),
        ("epoch", &|request| request.source_date_epoch = Some(1 << 40), "SOURCE_DATE_EPOCH lies after the year 2106"),
        ("base", &|request| request.base = "nowhere.tar", "opening the base nowhere.tar"),
        ("url", &|request| request.root_url = Some("https://a/b"), "--root-url https://a/b: write http://"),
        (
            "query",
            &|request| request.root_url = Some("http://a/b?c"),
            "--root-url http://a/b?c: `?` is read differently",
        ),
        ("line", &|request| request.command_line = "a\nb", "is one line"),
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

fn request<'a>(site: &'a Site, outputs: &'a BTreeSet<OutputKind>) -> Request<'a> {
    Request {
        base: "base.tar",
        bundle: &site.bundle,
        agent: None,
        architecture: Architecture::Amd64,
        outputs,
        root: RootFormat::Squashfs,
        image_id: "kfimg",
        image_version: None,
        source_date_epoch: None,
        preload: None,
        allowed: &[],
        command_line: "",
        root_url: None,
        disk: DiskSizes::default(),
        signer: None,
        folder: &site.folder,
    }
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
