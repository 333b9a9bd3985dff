//! Whether an image can boot at all: kernel, initrd, init, and programs for the right machines.

use super::{Subject, listed};
use crate::content::host::AGENT_PATH;
use crate::content::system::setting;
use crate::elf::{self, Program};
use crate::initrd::Contents;

/// The oldest systemd whose units, credentials and verity generator kfimg counts on (Debian 12).
const SYSTEMD: u32 = 252;
/// Programs that a boot needs, and programs of kfimg's own.
const PROGRAMS: &[&str] = &[
    "usr/lib/systemd/systemd",
    "usr/bin/mount",
    "usr/bin/sh",
    "usr/bin/containerd",
    "usr/bin/containerd-shim-runc-v2",
    "usr/bin/kubelet",
    "usr/bin/runc",
    AGENT_PATH,
];
/// Programs that are called, and Debian's package of each: by the agent's steps, by units, by the kubelet.
pub(super) const CALLED: &[(&str, &str)] = &[
    ("blkid", "util-linux"),
    ("install", "coreutils"),
    ("ip", "iproute2"),
    ("journalctl", "systemd"),
    ("lsblk", "util-linux"),
    ("mkfs.ext4", "e2fsprogs"),
    ("modprobe", "kmod"),
    ("mount", "mount"),
    ("partx", "util-linux"),
    ("sfdisk", "fdisk"),
    ("sysctl", "procps"),
    ("udevadm", "udev"),
];
/// Programs of the base's initrd that kfimg's part of it calls or puts in order (`docs/image.md`).
pub(super) const IN_INITRD: &[&str] = &[
    "blkid",
    "ignition",
    "losetup",
    "mkdir",
    "mkfs.ext4",
    "mount",
    "partx",
    "sfdisk",
    "systemd-networkd",
    "systemd-veritysetup",
];
const FOLDERS: [&str; 4] = ["usr/bin", "usr/sbin", "bin", "sbin"];

pub(super) fn kernel(subject: &Subject<'_>) -> Vec<String> {
    let kernel = subject.kernel;
    let Some(linux) = &kernel.linux else {
        return vec![
            "no kernel: neither /boot/vmlinuz-<version> nor /usr/lib/modules/<version>/vmlinuz with modules".to_owned(),
        ];
    };
    if kernel.version.is_none() {
        return vec!["the kernel /boot/vmlinuz has no modules in /usr/lib/modules/<version>".to_owned()];
    }
    match elf::kernel(linux) {
        Some(found) if found == subject.architecture => Vec::new(),
        Some(found) => vec![format!("the kernel is for {found}, and {} is asked for", subject.architecture)],
        None => vec!["the kernel has no EFI stub, or is no kernel".to_owned()],
    }
}

pub(super) fn initrd(subject: &Subject<'_>) -> Vec<String> {
    let version = subject.kernel.version.as_deref().unwrap_or("<version>");
    match &subject.kernel.initrd {
        None => vec![format!("no initrd for the kernel {version} (/boot/initrd.img-{version})")],
        Some(initrd) if initrd.size() < 1024 => vec![format!("the initrd of the kernel {version} is empty")],
        Some(_) => Vec::new(),
    }
}

pub(super) fn initrd_contents(subject: &Subject<'_>) -> Vec<String> {
    let Some(Contents::Files(found)) = subject.initrd else { return Vec::new() };
    let missing =
        IN_INITRD.iter().filter(|program| !found.programs.contains(**program)).map(|program| (*program).to_owned());
    let missing: Vec<String> = missing.collect();
    if missing.is_empty() { Vec::new() } else { vec![format!("the base's initrd has no {}", listed(&missing))] }
}

pub(super) fn initrd_damaged(subject: &Subject<'_>) -> Vec<String> {
    match subject.initrd {
        Some(Contents::Damaged(reason)) => vec![format!("the base's initrd can't boot: {reason}")],
        _ => Vec::new(),
    }
}

pub(super) fn initrd_unread(subject: &Subject<'_>) -> Vec<String> {
    match subject.initrd {
        Some(Contents::Unread(reason)) => {
            vec![format!("nobody has looked whether the base's initrd is fit to boot: {reason}")]
        }
        _ => Vec::new(),
    }
}

pub(super) fn init(subject: &Subject<'_>) -> Vec<String> {
    let tree = subject.tree;
    let Some((path, _)) = tree.lookup("sbin/init").or_else(|| tree.lookup("usr/sbin/init")) else {
        return vec!["no /sbin/init".to_owned()];
    };
    if !path.ends_with("/systemd") {
        return vec![format!("/sbin/init is /{path}, and not systemd")];
    }
    match version_of_systemd(subject) {
        Some(version) if version < SYSTEMD => {
            vec![format!("systemd is version {version}, and {SYSTEMD} is the oldest that works")]
        }
        _ => Vec::new(),
    }
}

/// By the name of its library, `libsystemd-shared-252.so`; distributions put `libsystemd-core` beside it.
fn version_of_systemd(subject: &Subject<'_>) -> Option<u32> {
    let number = |path: &str| {
        let rest = path.rsplit('/').next()?.strip_prefix("libsystemd-shared-")?;
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        rest[..end].parse().ok()
    };
    subject.tree.below("usr/lib").filter_map(|(path, _)| number(path)).max()
}

pub(super) fn architecture(subject: &Subject<'_>) -> Vec<String> {
    let machines = |path: &str| {
        let (_, node) = subject.tree.lookup(path)?;
        Some(elf::read(node.content()?))
    };
    let wrong = |path: &str, program: Program| {
        (program.architecture != Some(subject.architecture))
            .then(|| format!("/{path} is for {}", program.architecture.map_or("other machines", |one| one.as_str())))
    };
    let programs = PROGRAMS.iter().copied().filter_map(|path| match machines(path)? {
        Some(program) => wrong(path, program),
        None => Some(format!("/{path} is no program: it has no header of ELF")),
    });
    // Of plug-ins, scripts are programs too.
    let plugins = subject.tree.children("opt/cni/bin").filter_map(|(path, _)| wrong(path, machines(path)??));
    programs.chain(plugins).collect()
}

/// The agent is static. A dynamic one, such as a debug build, works where its linker is.
pub(super) fn linker(subject: &Subject<'_>) -> Vec<String> {
    let lacking = |path: &&str| {
        let (_, node) = subject.tree.lookup(path)?;
        let linker = elf::read(node.content()?)?.linker?;
        subject.tree.lookup(&linker).is_none().then(|| format!("/{path} needs {linker}, which the base does not have"))
    };
    PROGRAMS.iter().filter_map(lacking).collect()
}

pub(super) fn os_release(subject: &Subject<'_>) -> Vec<String> {
    match setting(subject.os_release, "ID") {
        Some(_) => Vec::new(),
        None => vec!["usr/lib/os-release has no ID".to_owned()],
    }
}

pub(super) fn programs(subject: &Subject<'_>) -> Vec<String> {
    let is_there = |name: &str| FOLDERS.iter().any(|folder| subject.tree.lookup(&format!("{folder}/{name}")).is_some());
    let missing: Vec<String> = CALLED
        .iter()
        .filter(|(name, _)| !is_there(name))
        .map(|(name, package)| format!("{name} ({package} on Debian)"))
        .collect();
    if missing.is_empty() { Vec::new() } else { vec![format!("the base has no {}", listed(&missing))] }
}
