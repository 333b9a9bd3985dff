//! Small bases and bundles for tests and benches: what lints want is there, and nothing of it ever runs. It panics where a test would.

use crate::error::Error;
use crate::initrd::Archive;
use crate::output::Watch;
use crate::root_image::{self, Options, RootFormat};
use crate::spool::Spool;
use crate::tree::Tree;
use crate::{DiskSizes, OutputKind, Request, base, lint, uki};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::fake::FakeBundle;
use kfimg_images::stop::Stop;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;

/// `e_machine` of ELF and `Machine` of PE, by architecture.
fn machines(architecture: Architecture) -> (u16, u16) {
    match architecture {
        Architecture::Amd64 => (62, 0x8664),
        Architecture::Arm64 => (183, 0xaa64),
    }
}

/// An ELF file that is all headers, with a dynamic linker where one is named.
#[must_use]
pub fn program(architecture: Architecture, linker: Option<&str>) -> Vec<u8> {
    let mut bytes = vec![0_u8; 128];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machines(architecture).0.to_le_bytes());
    // One program header of 56 bytes behind the file's own 64.
    bytes[32] = 64;
    bytes[54] = 56;
    if let Some(linker) = linker {
        bytes[56] = 1;
        bytes[64] = 3;
        bytes[72] = 128;
        bytes[96] = u8::try_from(linker.len()).expect("a linker's path is short");
        bytes.extend(linker.as_bytes());
    }
    bytes
}

/// A kernel that is all headers.
#[must_use]
pub fn kernel(architecture: Architecture) -> Vec<u8> {
    let mut bytes = vec![0_u8; 512];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x80;
    bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
    bytes[0x84..0x86].copy_from_slice(&machines(architecture).1.to_le_bytes());
    bytes
}

/// A kernel's configuration with everything that lints look for.
#[must_use]
pub fn kernel_config() -> String {
    lint::whole_config()
}

/// An initrd whose programs are empty.
#[must_use]
pub fn initrd() -> Vec<u8> {
    initrd_of(lint::initrd_programs().iter().map(|program| format!("usr/bin/{program}")))
}

/// A part of an initrd with such files.
#[must_use]
pub fn initrd_of(paths: impl IntoIterator<Item = String>) -> Vec<u8> {
    let mut archive = Archive::new(Vec::new(), 0);
    for path in paths {
        archive.file(&path, 0o755, &[7; 1000]).expect("memory takes everything");
    }
    archive.finish().expect("memory takes everything")
}

/// A file or a link of a base.
#[derive(Clone, Debug)]
enum Item {
    File(u32, Vec<u8>),
    Link(String),
}

/// A base in the making.
#[derive(Clone, Debug)]
pub struct FakeBase {
    items: BTreeMap<String, Item>,
}

impl FakeBase {
    /// The smallest system that every lint lets pass.
    #[must_use]
    pub fn new(architecture: Architecture) -> Self {
        let mut base = Self { items: BTreeMap::new() };
        let names = lint::called_programs().map(|name| format!("usr/bin/{name}"));
        let others = ["usr/lib/systemd/systemd", "usr/bin/sh"].map(str::to_owned);
        for path in names.chain(others) {
            base.file(&path, 0o755, program(architecture, None));
        }
        let os_release = "PRETTY_NAME=\"Fake 12\"\nID=debian\nVERSION_ID=\"12\"\n";
        base.file("usr/lib/os-release", 0o644, os_release).link("etc/os-release", "../usr/lib/os-release");
        base.file("usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so", 0o644, "");
        base.link("usr/sbin/init", "../lib/systemd/systemd").link("sbin", "usr/sbin").link("bin", "usr/bin");
        base.file("usr/lib/modules/6.1.0-fake/modules.dep", 0o644, "");
        base.file("boot/vmlinuz-6.1.0-fake", 0o644, kernel(architecture));
        base.file("boot/initrd.img-6.1.0-fake", 0o644, initrd());
        base.file("boot/config-6.1.0-fake", 0o644, lint::whole_config());
        base.file("etc/machine-id", 0o444, "0123456789abcdef0123456789abcdef\n");
        base.file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n").file(
            "etc/shadow",
            0o640,
            "root:*:19000::::::\n",
        );
        base.file("var/log/made.log", 0o644, "how it was made\n");
        base
    }

    /// Adds or replaces a file.
    pub fn file(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> &mut Self {
        self.items.insert(path.to_owned(), Item::File(mode, bytes.into()));
        self
    }

    /// Adds or replaces a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> &mut Self {
        self.items.insert(path.to_owned(), Item::Link(target.to_owned()));
        self
    }

    /// Takes something away.
    pub fn without(&mut self, path: &str) -> &mut Self {
        self.items.remove(path);
        self
    }

    /// The base as a tar.
    #[must_use]
    pub fn tar(&self) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, item) in &self.items {
            let mut header = tar::Header::new_ustar();
            header.set_mtime(1_700_000_000);
            header.set_uid(0);
            header.set_gid(0);
            let added = match item {
                Item::File(mode, bytes) => {
                    header.set_mode(*mode);
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, path, bytes.as_slice())
                }
                Item::Link(target) => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    header.set_mode(0o777);
                    header.set_size(0);
                    archive.append_link(&mut header, path, target)
                }
            };
            added.expect("paths of a fake base are short");
        }
        archive.into_inner().expect("memory takes everything")
    }

    /// Puts systemd-stub of this machine into it, by which a kernel starts itself under UEFI.
    pub fn stub(&mut self, architecture: Architecture) -> &mut Self {
        let place = uki::stub_place(architecture);
        let stub = std::fs::read(Path::new("/").join(place));
        self.file(place, 0o644, stub.expect("`make test` and `make bench` install systemd-boot-efi"))
    }

    /// Writes the tar.
    pub fn write(&self, path: &Path) {
        std::fs::write(path, self.tar()).expect("a test's folder is writable");
    }
}

/// A base that was read once, whose root is written again and again.
#[derive(Debug)]
pub struct ReadBase {
    tree: Tree,
    /// Holds what was unpacked.
    _spool: Spool<'static>,
}

impl ReadBase {
    /// Reads a folder; `work` takes what has to be put aside.
    #[must_use]
    pub fn of(folder: &Path, work: &Path) -> Self {
        let mut spool = Spool::new(work, Watch::default()).expect("a bench's folder is writable");
        let base = base::read(&folder.display().to_string(), None, Architecture::Amd64, &mut spool);
        Self { tree: base.expect("a bench's base is sound").tree, _spool: spool }
    }

    /// Writes the root.
    ///
    /// # Errors
    /// [`Error::Program`] when the format's program is missing or too old.
    pub fn write_root(&self, format: RootFormat, target: &Path) -> Result<(), Error> {
        let options = Options { format, source_date_epoch: 0, name: "bench" };
        root_image::write(&self.tree, target, options, &Stop::new(), &|_| {}).map(drop)
    }
}

/// The plainest build: a verified squashfs, with nothing that could be left out.
#[must_use]
pub fn request<'a>(
    base: &'a str,
    bundle: &'a Content,
    outputs: &'a BTreeSet<OutputKind>,
    folder: &'a Path,
) -> Request<'a> {
    Request {
        base,
        bundle,
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
        folder,
    }
}

/// A bundle with every host program, the agent, and two images, at `folder`.
pub fn bundle(folder: &Path, architecture: Architecture) -> FakeBundle {
    let mut bundle = FakeBundle::new(folder);
    let program = program(architecture, None);
    let plugins = ["./bridge", "./host-local", "./loopback", "./portmap"];
    let parts = [
        ("kubelet", "1.36.3", program.clone()),
        ("kubectl", "1.36.3", program.clone()),
        ("runc", "1.5.2", program.clone()),
        (
            "containerd",
            "2.4.2",
            archive(&["bin/containerd", "bin/containerd-shim-runc-v2", "bin/ctr", "bin/containerd-stress"], &program),
        ),
        ("cni-plugins", "1.9.1", archive(&plugins, &program)),
        ("crictl", "1.36.0", archive(&["crictl"], &program)),
    ];
    for (name, version, bytes) in parts {
        // Programs differ, or a writer would store them once.
        let bytes = if bytes.starts_with(b"\x7fELF") { [bytes.as_slice(), name.as_bytes()].concat() } else { bytes };
        let artifact = bundle.artifact("application/vnd.kfimg.binary.v1", &bytes, None);
        bundle.name(&format!("kfimg.invalid/binary/{name}:v{version}-{architecture}"), artifact);
    }
    let agent = bundle.artifact("application/vnd.kfimg.binary.v1", &[program.as_slice(), b"agent"].concat(), None);
    bundle.name(&format!("kfimg.invalid/file/kfimg-agent:0.1.0-{architecture}"), agent);
    for name in ["registry.k8s.io/pause:3.10.2", "registry.k8s.io/kube-apiserver:v1.36.3"] {
        let image = bundle.image(architecture.as_str(), &[name.as_bytes()]);
        bundle.index(name, vec![image]);
    }
    bundle.finish();
    bundle
}

/// A packed archive of programs.
fn archive(names: &[&str], program: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for name in names {
        let bytes = [program, name.as_bytes()].concat();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, bytes.as_slice()).expect("names of programs are short");
    }
    let plain = archive.into_inner().expect("memory takes everything");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&plain).and_then(|()| packed.finish()).expect("memory takes everything")
}
