//! Every goal of speed and memory: what is held against what, and how it should come out. The benches judge by this table, and
//! `docs/performance.md` prints it.
//!
//! What was measured is no part of it, nor how: that is each bench's own.

use std::fmt;

/// What a ratio should be.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Not above.
    AtMost(f64),
    /// Not below.
    AtLeast(f64),
}

use Bound::{AtLeast, AtMost};

impl Bound {
    /// Whether a value is as it should be.
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            AtMost(goal) => value <= goal,
            AtLeast(goal) => value >= goal,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AtMost(goal) => write!(f, "<= {goal}"),
            AtLeast(goal) => write!(f, ">= {goal}"),
        }
    }
}

/// One goal.
pub(crate) struct Goal {
    /// What a bench finds it by: its name in tables, a slash, and what tells it from others of that name.
    pub(crate) key: &'static str,
    /// What kfimg does.
    pub(crate) what: &'static str,
    /// What is measured of it.
    pub(crate) measure: &'static str,
    /// The peer, the limit, or the unit that it is divided by.
    pub(crate) against: &'static str,
    /// What the ratio should be.
    pub(crate) bound: Bound,
    /// The bench that measures it, seen from the top of the project.
    pub(crate) bench: &'static str,
}

impl Goal {
    /// Its name in tables, such as `P4`.
    pub(crate) fn id(&self) -> &'static str {
        self.key.split('/').next().unwrap_or_default()
    }
}

/// The goal that has this key.
///
/// # Panics
/// When the table has none.
pub(crate) fn goal(key: &str) -> &'static Goal {
    GOALS.iter().find(|goal| goal.key == key).unwrap_or_else(|| panic!("the table of goals has no {key}"))
}

const fn row(
    key: &'static str,
    what: &'static str,
    measure: &'static str,
    against: &'static str,
    bound: Bound,
    bench: &'static str,
) -> Goal {
    Goal { key, what, measure, against, bound, bench }
}

const TRANSFER: &str = "cli/benches/bundle/transfer.rs";
const DELTA: &str = "cli/benches/bundle/delta.rs";
const SERVING: &str = "cli/benches/bundle/serving.rs";
const CEILINGS: &str = "cli/benches/bundle/ceilings.rs";
const IMPORT: &str = "cli/benches/bundle/import.rs";
const APPLY: &str = "cli/benches/bundle/apply.rs";
const PEAKS: &str = "cli/benches/bundle/program.rs";
const SPEED: &str = "cli/benches/speed/main.rs";
const ROOTS: &str = "builder/benches/outputs/roots.rs";
const DISKS: &str = "builder/benches/outputs/disks.rs";
const WRITERS: &str = "builder/benches/outputs/main.rs";
const BOOT: &str = "qemu-tests/benches/boot/table.rs";

/// All of them, in the order of their names.
#[rustfmt::skip]
pub(crate) static GOALS: &[Goal] = &[
    row("P1/skopeo", "registry to a fresh store", "time", "skopeo", AtMost(0.5), TRANSFER),
    row("P1/limit", "registry to a fresh store", "time", "the slowest of hashing, receiving, writing", AtMost(1.6), TRANSFER),
    row("P2/skopeo", "store to a fresh registry", "time", "skopeo", AtMost(0.6), TRANSFER),
    row("P3/skopeo", "store to one file", "time", "skopeo's oci-archive", AtMost(0.25), TRANSFER),
    row("P3/limit", "store to one file", "time", "one pass over the bytes, synced", AtMost(1.8), TRANSFER),
    row("P4/peers", "one file to a fresh registry", "time", "the fastest of skopeo and regctl", AtMost(0.5), TRANSFER),
    row("P5/skopeo", "1,000 images that are there already", "time", "skopeo", AtMost(0.25), TRANSFER),
    row("P5/minute", "1,000 images that are there already", "images a minute", "1,000", AtLeast(2.0), TRANSFER),
    row("P6/hash", "verify", "speed", "SHA-256 on every core", AtLeast(0.85), TRANSFER),
    row("P6/read", "verify", "speed", "a bare loop that reads and hashes, on every core", AtLeast(0.9), TRANSFER),
    row("P6/openssl", "verify", "speed", "openssl, one file on each core", AtLeast(1.0), TRANSFER),
    row("P7/bytes", "repair of one of 20 blobs", "bytes received", "those of that blob", AtMost(1.01), TRANSFER),
    row("P7/time", "repair of one of 20 blobs", "time", "fetching that blob and reading all", AtMost(1.2), TRANSFER),
    row("P8/size", "a delta with one of 8 layers", "size", "that layer's", AtMost(1.01), DELTA),
    row("P8/time", "a delta with one of 8 layers", "time", "a whole bundle", AtMost(0.2), DELTA),
    row("P9/registry", "manifests of `kfimg serve`", "requests a second", "docker-registry", AtLeast(10.0), SERVING),
    row("P9/nginx", "manifests of `kfimg serve`", "requests a second", "a file of nginx", AtLeast(0.5), SERVING),
    row("P10/http", "blobs of `kfimg serve` by http", "bytes a second", "nginx with sendfile", AtLeast(0.9), SERVING),
    row("P10/https", "blobs of `kfimg serve` by https", "bytes a second", "nginx", AtLeast(0.8), SERVING),
    row("P11/all", "256 machines at once", "bytes a second", "nginx", AtLeast(0.9), SERVING),
    row("P11/p99", "256 machines at once", "time of 99 of 100", "nginx", AtMost(1.3), SERVING),
    row("P12/time", "render 1,003 nodes", "time", "a second", AtMost(2.0), SPEED),
    row("P12/memory", "render 1,003 nodes", "memory", "256 MiB", AtMost(1.0), SPEED),
    row("P12/linear", "render 1,003 nodes", "time a node", "that of 253 nodes", AtMost(1.1), SPEED),
    row("P12/openssl", "render 1,003 nodes", "speed", "openssl making their certificates", AtLeast(50.0), SPEED),
    row("P12/large-time", "render 10,003 nodes", "time", "a second", AtMost(10.0), SPEED),
    row("P12/large-memory", "render 10,003 nodes", "memory", "256 MiB", AtMost(1.0), SPEED),
    row("P13/keys", "render 103 nodes with RSA-2048", "speed", "drawing as many keys on every core", AtLeast(0.95), SPEED),
    row("P14/again", "render again, one node changed", "time", "rendering all", AtMost(0.05), SPEED),
    row("P15/time", "an EROFS root", "time", "mkfs.erofs alone, of a folder", AtMost(1.05), ROOTS),
    row("P15/tar", "an EROFS root", "time", "mkfs.erofs alone, of a tar", AtMost(1.05), ROOTS),
    row("P15/most", "an EROFS root", "size", "mkfs.erofs alone", AtMost(1.02), ROOTS),
    row("P15/least", "an EROFS root", "size", "mkfs.erofs alone", AtLeast(0.98), ROOTS),
    row("P16/time", "a SquashFS root", "time", "mksquashfs alone, of a folder", AtMost(1.05), ROOTS),
    row("P16/tar", "a SquashFS root", "time", "mksquashfs alone, of a tar", AtMost(1.05), ROOTS),
    row("P16/most", "a SquashFS root", "size", "mksquashfs alone", AtMost(1.02), ROOTS),
    row("P16/least", "a SquashFS root", "size", "mksquashfs alone", AtLeast(0.98), ROOTS),
    row("P17/time", "qcow2 with zstd", "time", "qemu-img", AtMost(0.6), DISKS),
    row("P17/size", "qcow2 with zstd", "size", "qemu-img", AtMost(1.03), DISKS),
    row("P18/time", "streamOptimized VMDK", "time", "qemu-img", AtMost(0.35), DISKS),
    row("P18/appliance", "a whole OVA", "time", "qemu-img writing its disk", AtMost(0.35), DISKS),
    row("P18/size", "streamOptimized VMDK", "size", "qemu-img", AtMost(1.03), DISKS),
    row("P19/time", "a tree of files to a qcow2, verified and bootable", "time", "mke2fs and qemu-img", AtMost(0.6), ROOTS),
    row("P19/size", "a tree of files to a qcow2, verified and bootable", "size", "mke2fs and qemu-img", AtMost(1.03), ROOTS),
    row("P20/import", "images of a medium on a fresh node", "time", "`ctr images import`", AtMost(0.5), IMPORT),
    row("P21/kubeadm", "power-on to the API, and to all nodes Ready", "time", "kubeadm", AtMost(0.8), BOOT),
    row("P21/own", "what kfimg's own steps add to a boot", "time", "a second", AtMost(1.0), BOOT),
    row("P22/ignition", "a payload of 5 MB and 120 files at the first boot", "time", "Ignition alone", AtMost(1.2), APPLY),
    row("P22/cloud-init", "a payload of 5 MB and 120 files at the first boot", "time", "cloud-init", AtMost(0.3), APPLY),
    row("P23/memory", "every command that moves or serves images", "memory", "64 MiB", AtMost(1.0), PEAKS),
    row("P24/start", "`kfimg --version`", "time", "a millisecond", AtMost(5.0), SPEED),
    row("P25/kfimg", "the static `kfimg`", "size", "20 MB", AtMost(1.0), SPEED),
    row("P25/agent", "the static `kfimg-agent`", "size", "5 MB", AtMost(1.0), SPEED),
    row("P26/cis", "`kfimg validate --cis` of 1,003 nodes", "time", "a second", AtMost(2.0), SPEED),
    row("build/memory", "what writes roots and disks", "memory", "256 MiB", AtMost(1.0), WRITERS),
    row("diff/time", "`kfimg diff` of two outputs of 1,003 nodes", "time", "a second", AtMost(1.0), SPEED),
    row("scale/large", "boot files of `kfimg serve`", "bytes a second", "nginx", AtLeast(0.9), CEILINGS),
    row("scale/idle", "the same beside 1,000 idle connections", "bytes a second", "nginx", AtLeast(0.9), CEILINGS),
    row("scale/small", "boot files of 64 KiB", "requests a second", "nginx", AtLeast(0.5), CEILINGS),
    row("scale/reports", "reports of 5,000 nodes", "reports a second", "as many as come", AtLeast(1.0), CEILINGS),
];
