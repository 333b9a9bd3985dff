//! kfimg's part of the initrd, as tables. `docs/image.md` tells what each unit does, and when.

use crate::boot::{BootFile, BootLink};

/// A unit, a drop-in or a setting below `usr/lib/systemd`.
macro_rules! file {
    ($path:literal, $source:literal) => {
        BootFile {
            path: concat!("usr/lib/systemd/", $path),
            mode: 0o644,
            text: include_str!(concat!("units/", $source)),
        }
    };
}

/// A unit that a target pulls in.
macro_rules! pulled {
    ($target:literal, $kind:literal, $unit:literal) => {
        BootLink {
            path: concat!("usr/lib/systemd/system/", $target, ".", $kind, "/", $unit),
            target: concat!("../", $unit),
        }
    };
}

/// Files beside the agent.
pub const FILES: &[BootFile] = &[
    file!("system/kfimg-root.service", "kfimg-root.service"),
    file!("system/kfimg-layers.service", "kfimg-layers.service"),
    file!("system/kfimg-platform.service", "kfimg-platform.service"),
    file!("system/kfimg-payload.service", "kfimg-payload.service"),
    file!("system/sysroot-etc.mount", "sysroot-etc.mount"),
    file!("system/sysroot-home.mount", "sysroot-home.mount"),
    file!("system/sysroot-root.mount", "sysroot-root.mount"),
    file!("system/sysroot-tmp.mount", "sysroot-tmp.mount"),
    file!("system/ignition-fetch-offline.service.d/50-kfimg.conf", "ignition-fetch-offline.conf"),
    file!("system/ignition-fetch.service.d/50-kfimg.conf", "ignition-fetch.conf"),
    file!("system/ignition-kargs.service.d/50-kfimg.conf", "ignition-environment.conf"),
    file!("system/ignition-disks.service.d/50-kfimg.conf", "ignition-environment.conf"),
    file!("system/ignition-mount.service.d/50-kfimg.conf", "ignition-environment.conf"),
    file!("system/ignition-files.service.d/50-kfimg.conf", "ignition-environment.conf"),
    file!("system/systemd-networkd.service.d/50-kfimg.conf", "kfimg-network.conf"),
    BootFile {
        path: "etc/systemd/system/systemd-resolved.service",
        mode: 0o644,
        text: include_str!("units/systemd-resolved.service"),
    },
    file!("system/dev-mapper-root.device.d/50-kfimg.conf", "patience.conf"),
    // The root's partitions: their names are the root hash's, so the drop-in is for what the names begin with.
    file!("system/dev-disk-by\\x2dpartuuid-.device.d/50-kfimg.conf", "patience.conf"),
    file!("network/95-kfimg.network", "95-kfimg.network"),
];

/// Links.
pub const LINKS: &[BootLink] = &[
    pulled!("initrd-root-device.target", "wants", "kfimg-root.service"),
    pulled!("initrd-root-fs.target", "requires", "sysroot-etc.mount"),
    pulled!("initrd-root-fs.target", "requires", "sysroot-home.mount"),
    pulled!("initrd-root-fs.target", "requires", "sysroot-root.mount"),
    pulled!("initrd-root-fs.target", "requires", "sysroot-tmp.mount"),
    pulled!("ignition-complete.target", "requires", "kfimg-platform.service"),
    pulled!("ignition-complete.target", "requires", "kfimg-payload.service"),
    pulled!("initrd.target", "wants", "systemd-networkd.service"),
    pulled!("initrd.target", "wants", "systemd-resolved.service"),
    // The kernel's word that a card is there would start networkd before it is known whether anybody needs it.
    BootLink { path: "etc/systemd/system/systemd-networkd.socket", target: "/dev/null" },
    BootLink { path: "etc/systemd/system/systemd-networkd-wait-online.service", target: "/dev/null" },
    // Ignition's generator asks this program whether there is a root disk to make writable: there is none.
    BootLink { path: "usr/bin/is-live-image", target: "true" },
    // An Ignition that was built for SELinux calls it for every file; the kernels of Debian and Ubuntu run no policy.
    BootLink { path: "usr/bin/setfiles", target: "true" },
];
