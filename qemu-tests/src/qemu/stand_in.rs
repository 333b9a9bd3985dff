//! A stand-in for the image that `kfimg build` makes, put together from the same things: Debian's kernel, an initrd of dracut with
//! the real Ignition, and an EROFS root with systemd's volatile overlay above it. It knows no cluster.

use super::Image;
use crate::Result;
use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::programs::{Programs, cache};
use fs_err as fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Debian's release.
const RELEASE: &str = "bookworm";
/// Packages beside the essential ones: first those of a node, then those that only the initrd is made with.
const PACKAGES: &str = "apparmor,ca-certificates,conntrack,dbus,e2fsprogs,ethtool,iproute2,iptables,kmod,\
linux-image-cloud-amd64,mount,netbase,nftables,procps,systemd,systemd-resolved,systemd-sysv,systemd-timesyncd,tzdata,udev,\
curl,dracut-core,dracut-network,gdisk,ignition,zstd";
/// Modules that the initrd needs beside those that dracut finds out, and programs that this Ignition asks for and Debian's older
/// one does not.
const DRIVERS: &str = "virtio_blk virtio_pci virtio_net virtio_rng erofs overlay ext4 qemu_fw_cfg";
const INITRD_PROGRAMS: &str = "groupmod partx setfiles is-live-image /usr/lib/systemd/systemd-volatile-root \
                               /usr/lib/systemd/system/systemd-volatile-root.service";
/// Debian's Ignition makes a root writable that is not, and would do so before the overlay is there that makes it so.
const ORDER: (&str, &str) = (
    "etc/systemd/system/ignition-remount-sysroot.service.d/overlay.conf",
    "[Unit]\nAfter=systemd-volatile-root.service\n",
);
/// Where Debian keeps what dracut takes into the initrd.
const IGNITION: &str = "usr/lib/dracut/modules.d/30ignition/ignition";
/// Programs that are there for Ignition's sake.
const STAND_INS: [(&str, &str); 2] = [
    ("usr/bin/is-live-image", include_str!("image/is-live-image")),
    ("usr/bin/setfiles", include_str!("image/setfiles")),
];
/// Ignition asks which policy to label files with, before it calls `setfiles`.
const SELINUX: &str = "SELINUX=disabled\nSELINUXTYPE=none\n";

/// Programs in `/usr/bin`, as they stand in the units that kfimg renders.
const BINARIES: [&str; 8] =
    ["containerd", "containerd-shim-runc-v2", "crictl", "ctr", "etcdctl", "etcdutl", "kubelet", "runc"];
/// Plug-ins in `/opt/cni/bin`. The flannel one is not here: its pod brings it.
const PLUGINS: [&str; 6] = ["bridge", "firewall", "host-local", "loopback", "portmap", "ptp"];

/// A kfimg image applies its payload at every boot over a volatile root: so each is a first boot to Ignition.
const ARGUMENTS: &str =
    "root=/dev/vda rootfstype=erofs ro systemd.volatile=overlay ignition.firstboot=1 ignition.platform.id=qemu";

impl Image {
    /// Makes what is not in the cache yet; the first time this takes a minute and needs a Debian mirror.
    ///
    /// # Errors
    /// [`crate::Error::Program`] with the words of `mmdebstrap`, `dracut` or `mkfs.erofs`.
    pub fn build(programs: &Programs) -> Result<Self> {
        let system = system(&programs.path("ignition")?)?;
        let root = root(programs, &system)?;
        Ok(Self::Kernel {
            kernel: system.join("boot/kfimg-linux"),
            initrd: system.join("boot/kfimg-initrd"),
            root: Some(root),
            arguments: ARGUMENTS.to_owned(),
        })
    }
}

/// Debian with a kernel and an initrd in `/boot`.
fn system(ignition: &Path) -> Result<PathBuf> {
    let hooks = hooks();
    let files = STAND_INS.into_iter().chain([ORDER]).flat_map(|(path, text)| [path, text]);
    let texts = hooks.iter().map(String::as_str).chain(files);
    let key = texts.fold(Key::default().text(PACKAGES).text(RELEASE).file(ignition)?, Key::text);
    once(&cache(), "qemu-system", key, |path| {
        let files = path.with_extension("files");
        write_files(&files)?;
        let mut mmdebstrap = command("mmdebstrap");
        mmdebstrap.args(["--quiet", "--variant=minbase", "--format=directory"]);
        mmdebstrap.arg("--aptopt=Apt::Install-Recommends \"false\"").arg(format!("--include={PACKAGES}"));
        mmdebstrap.args(["man", "doc", "locale"].map(|folder| format!("--dpkgopt=path-exclude=/usr/share/{folder}/*")));
        mmdebstrap.args(hooks.iter().map(|hook| format!("--customize-hook={hook}")));
        // The kernel's package need not make an initrd: the hooks do.
        mmdebstrap.env("INITRD", "No").env("FILES", &files).env("IGNITION", ignition);
        succeed(mmdebstrap.arg(RELEASE).arg(path))?;
        Ok(fs::remove_dir_all(&files)?)
    })
}

/// What is done to the system, each a line of shell with its root as `$1`.
fn hooks() -> Vec<String> {
    let dracut = format!(
        "chroot \"$1\" dracut --quiet --force --no-hostonly --zstd --kver \"$(ls \"$1\"/lib/modules)\" --add ignition \
         --drivers '{DRIVERS}' --install '{INITRD_PROGRAMS} /{}' /boot/kfimg-initrd",
        ORDER.0
    );
    vec![
        "cp -rT --preserve=mode \"$FILES\" \"$1\"".to_owned(),
        format!("install -m 755 \"$IGNITION\" \"$1\"/{IGNITION}"),
        dracut,
        "cp \"$1\"/boot/vmlinuz-* \"$1\"/boot/kfimg-linux".to_owned(),
        "rm -f \"$1\"/etc/hostname \"$1\"/etc/resolv.conf \"$1\"/etc/machine-id".to_owned(),
        "rm -rf \"$1\"/var/cache/apt/* \"$1\"/var/lib/apt/lists/*".to_owned(),
    ]
}

fn write_files(folder: &Path) -> Result<()> {
    write(&folder.join("etc/selinux/config"), 0o644, SELINUX)?;
    write(&folder.join(ORDER.0), 0o644, ORDER.1)?;
    let mut programs = STAND_INS.iter();
    programs.try_for_each(|(path, text)| write(&folder.join(path), 0o755, text))
}

fn write(path: &Path, mode: u32, text: &str) -> Result<()> {
    make_parent(path)?;
    fs::write(path, text)?;
    Ok(fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

/// The system with the programs of a node over it. It is not compressed, which costs an emulated processor more than a disk.
fn root(programs: &Programs, system: &Path) -> Result<PathBuf> {
    let files = node_programs(programs)?;
    let start = Key::default().text(&system.display().to_string());
    let key =
        files.iter().try_fold(start, |key, (source, place)| Ok::<_, crate::Error>(key.file(source)?.text(place)))?;
    once(&cache(), "qemu-root", key, |path| {
        let layer = path.with_extension("layer");
        let merged = path.with_extension("merged");
        fs::create_dir_all(&merged)?;
        for (source, place) in &files {
            let target = layer.join(place);
            make_parent(&target)?;
            fs::copy(source, &target)?;
            fs::set_permissions(&target, std::fs::Permissions::from_mode(0o755))?;
        }
        pack(&layer, system, &merged, path)?;
        fs::remove_dir(&merged)?;
        Ok(fs::remove_dir_all(&layer)?)
    })
}

fn node_programs(programs: &Programs) -> Result<Vec<(PathBuf, String)>> {
    let mut files = vec![(programs.agent().to_owned(), "usr/bin/kfimg-agent".to_owned())];
    for name in BINARIES {
        files.push((programs.path(name)?, format!("usr/bin/{name}")));
    }
    for name in PLUGINS {
        files.push((programs.path(name)?, format!("opt/cni/bin/{name}")));
    }
    Ok(files)
}

/// Writes an EROFS of two folders, seen as one in a mount namespace that ends with the program.
fn pack(upper: &Path, lower: &Path, merged: &Path, image: &Path) -> Result<()> {
    let script = "mount -t overlay overlay -o \"lowerdir=$1:$2\" \"$3\"; \
                  mkfs.erofs --quiet --exclude-regex='^(boot|var/(cache|lib/(apt|dpkg)))/.*' \"$4\" \"$3\"";
    let mut unshare = command("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-euc", script, "sh"]);
    succeed(unshare.args([upper, lower, merged, image])).map(drop)
}

fn make_parent(path: &Path) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(())
}
