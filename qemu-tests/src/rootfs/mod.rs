//! The node image: what a kfimg image would have on its read-only root, as folders that lie over each other.
//!
//! Three layers: the distribution, the binaries that seldom change, and those that an upgrade or a new build of the agent
//! changes. A payload is no part of it, and neither is `/var`.

use crate::Result;
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::machine::System;
use crate::programs::{Programs, cache, kubernetes_folder};
use fs_err as fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Debian packages beside the essential ones. `libseccomp2` is not needed: runc is linked statically.
const PACKAGES: &str = "systemd,systemd-sysv,systemd-resolved,systemd-timesyncd,dbus,udev,kmod,iproute2,iptables,nftables,\
conntrack,procps,util-linux,mount,ethtool,socat,ca-certificates,tzdata,curl,jq,iputils-ping,netbase,findutils,less";
/// What an installed system has beside them, as Debian's own cloud images have: one that sets up the network by netplan.
const CLOUD_PACKAGES: &str = "cloud-init,netplan.io,openssh-server,sudo";
/// A stock system is no new one to systemd's presets, and it has its locale. In a container its card is seen once the lab's own unit
/// has run.
const CLOUD_HOOK: &str = r#": >"$1"/etc/machine-id
echo 'locale: C.UTF-8' >"$1"/etc/cloud/cloud.cfg.d/01_lab.cfg
install -d "$1"/etc/systemd/system/cloud-init-local.service.d
printf '[Unit]\nAfter=kfimg-lab-machine.service\n' >"$1"/etc/systemd/system/cloud-init-local.service.d/10-lab.conf"#;
/// The distribution's release: the oldest systemd that kfimg supports.
pub(crate) const RELEASE: &str = "bookworm";
/// What only costs time or memory on such a node.
const MASKED: [&str; 8] = [
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "console-getty.service",
    "systemd-logind-varlink.socket",
];
/// Binaries in `/usr/bin`, as they stand in the units that kfimg renders.
const BINARIES: [&str; 6] = ["containerd", "containerd-shim-runc-v2", "ctr", "crictl", "etcdctl", "etcdutl"];
/// Plug-ins in `/opt/cni/bin`. The flannel one is not here: its pod brings it.
const PLUGINS: [&str; 6] = ["bridge", "firewall", "host-local", "loopback", "portmap", "ptp"];
const REAL_RUNC: &str = "usr/libexec/kfimg-lab/runc";

/// The lab's own files, each with its mode.
const FILES: [(&str, u32, &str); 6] = [
    // Ignition looks here before it calls `setfiles`, wherever it was built to relabel what it writes.
    ("etc/selinux/config", 0o644, "SELINUX=disabled\nSELINUXTYPE=targeted\n"),
    ("etc/selinux/targeted/contexts/files/file_contexts", 0o644, ""),
    // Control groups of version 1 tell nobody inside a container that they are empty: systemd would wait 90 s for each.
    ("usr/lib/systemd/system/cri-containerd-.scope.d/10-lab.conf", 0o644, "[Scope]\nTimeoutStopSec=5\n"),
    ("usr/libexec/kfimg-lab/machine", 0o755, include_str!("machine.sh")),
    ("usr/lib/systemd/system/kfimg-lab-machine.service", 0o644, include_str!("kfimg-lab-machine.service")),
    ("usr/bin/runc", 0o755, include_str!("runc.sh")),
];
const UNIT: &str = "kfimg-lab-machine.service";

/// A node image for one version of Kubernetes.
#[derive(Clone, Debug)]
pub struct NodeImage {
    layers: Vec<PathBuf>,
}

impl NodeImage {
    /// Makes the layers that are not in the cache yet, with the kubelet of this version of Kubernetes; the first time this
    /// takes about a minute for each kind of system and needs a Debian mirror.
    ///
    /// # Errors
    /// [`crate::Error::Program`] with the words of `mmdebstrap`.
    pub fn build(programs: &Programs, kubernetes: &str, system: System) -> Result<Self> {
        let folder = kubernetes_folder(kubernetes)?;
        Ok(Self { layers: vec![overlay(programs, folder)?, binaries(programs)?, distribution(system)?] })
    }

    /// Folders for an overlay mount, the topmost first.
    pub fn layers(&self) -> Vec<PathBuf> {
        self.layers.clone()
    }
}

/// Packages of a stock system of this release, beside the essential ones; a machine of its own needs a kernel, too.
pub(crate) fn stock_packages() -> String {
    format!("{PACKAGES},{CLOUD_PACKAGES}")
}

fn distribution(system: System) -> Result<PathBuf> {
    let masked = MASKED.join(" ");
    let (name, packages, own) = match system {
        System::Image => ("distribution", PACKAGES.to_owned(), None),
        System::Installed => ("installed", stock_packages(), Some(CLOUD_HOOK.to_owned())),
    };
    let common = [
        // The payload brings these, and a machine that starts with them is not a new one.
        "rm -f \"$1\"/etc/hostname \"$1\"/etc/resolv.conf \"$1\"/etc/machine-id \"$1\"/var/lib/dbus/machine-id"
            .to_owned(),
        "rm -rf \"$1\"/var/cache/apt/* \"$1\"/var/lib/apt/lists/*".to_owned(),
        format!("chroot \"$1\" systemctl mask {masked}"),
    ];
    let hooks: Vec<String> = common.into_iter().chain(own).collect();
    let key = hooks.iter().fold(Key::default().text(&packages).text(RELEASE), |key, hook| key.text(hook));
    once(&cache(), name, key, |path| bootstrap(&packages, hooks.iter().map(String::as_str), path))
}

/// Writes a system with these packages to a missing folder. A hook is a line of the shell that gets the folder as `$1`.
pub(crate) fn bootstrap<'a>(packages: &str, hooks: impl IntoIterator<Item = &'a str>, path: &Path) -> Result<()> {
    let mut mmdebstrap = command("mmdebstrap");
    mmdebstrap.args(["--quiet", "--variant=minbase", "--format=directory"]);
    mmdebstrap.arg("--aptopt=Apt::Install-Recommends \"false\"").arg(format!("--include={packages}"));
    mmdebstrap.args(["man", "doc", "locale"].map(|folder| format!("--dpkgopt=path-exclude=/usr/share/{folder}/*")));
    mmdebstrap.args(hooks.into_iter().map(|hook| format!("--customize-hook={hook}")));
    succeed(mmdebstrap.arg(RELEASE).arg(path)).map(drop)
}

fn binaries(programs: &Programs) -> Result<PathBuf> {
    let mut files = Vec::new();
    for name in BINARIES {
        files.push((programs.path(name)?, format!("usr/bin/{name}")));
    }
    for name in PLUGINS {
        files.push((programs.path(name)?, format!("opt/cni/bin/{name}")));
    }
    files.push((programs.path("runc")?, REAL_RUNC.to_owned()));
    let texts = FILES.iter().fold(Key::default(), |key, (path, _, text)| key.text(path).text(text));
    once(&cache(), "binaries", key(texts, &files)?, |path| {
        install_all(path, &files)?;
        for (place, mode, text) in FILES {
            write(&path.join(place), mode, text)?;
        }
        let wants = path.join("usr/lib/systemd/system/sysinit.target.wants");
        fs::create_dir_all(&wants)?;
        Ok(fs::os::unix::fs::symlink(format!("../{UNIT}"), wants.join(UNIT))?)
    })
}

/// The layer with what an upgrade or a new build of the agent replaces.
fn overlay(programs: &Programs, kubernetes: &str) -> Result<PathBuf> {
    let files = [
        (programs.path(&format!("{kubernetes}kubelet"))?, "usr/bin/kubelet".to_owned()),
        (programs.path("kubectl")?, "usr/bin/kubectl".to_owned()),
        (programs.agent().to_owned(), "usr/bin/kfimg-agent".to_owned()),
    ];
    once(&cache(), "overlay", key(Key::default(), &files)?, |path| install_all(path, &files))
}

fn key(start: Key, files: &[(PathBuf, String)]) -> Result<Key> {
    files.iter().try_fold(start, |key, (source, place)| Ok(key.file(source)?.text(place)))
}

fn install_all(root: &Path, files: &[(PathBuf, String)]) -> Result<()> {
    for (source, place) in files {
        let target = root.join(place);
        make_parent(&target)?;
        fs::copy(source, &target)?;
        fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    make_parent(path)?;
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

fn make_parent(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(())
}
