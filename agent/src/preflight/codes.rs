//! What preflight can find. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

const fn fatal(name: &'static str, meaning: &'static str, remedy: &'static str) -> Code {
    Code { name, weight: Weight::Fatal, meaning, remedy }
}

const fn warning(name: &'static str, meaning: &'static str, remedy: &'static str) -> Code {
    Code { name, weight: Weight::Warning, meaning, remedy }
}

pub(super) const WRONG_MACHINE: Code = fatal(
    "WRONG_MACHINE",
    "this machine has none of, or not all, the Ethernet addresses that the description gives to the node",
    "boot the payload that was rendered for this machine, or correct the node's `mac` in the description",
);
pub(super) const HOSTNAME: Code = warning(
    "HOSTNAME",
    "the machine does not bear the node's name",
    "find out what renames the machine (DHCP, cloud-init); /etc/hostname of the payload has the right name",
);
pub(super) const MACHINE_ID: Code = warning(
    "MACHINE_ID",
    "the machine-id is not the node's own, so another machine may have the same",
    "find out what writes /etc/machine-id; a disk cloned with the file keeps that of its origin",
);
pub(super) const ADDRESS_MISSING: Code = warning(
    "ADDRESS_MISSING",
    "no interface with a link has an address of the node",
    "look at the cable and at `networkctl`; the description says which interface gets the address",
);
pub(super) const ADDRESS_TAKEN: Code = fatal(
    "ADDRESS_TAKEN",
    "another machine on the network answers for an address of this node",
    "turn one of the two off: two machines boot the same payload, or somebody else uses the address",
);
pub(super) const PORT_TAKEN: Code = fatal(
    "PORT_TAKEN",
    "a program listens on a port that a component of the node needs",
    "stop the program for good (`systemctl disable --now`), or move it to another port",
);
pub(super) const MEMORY: Code =
    fatal("MEMORY", "the machine has less memory than the node's role needs", "give the machine more memory");
pub(super) const CGROUP_V1: Code = fatal(
    "CGROUP_V1",
    "the system runs with control groups v1, and the description refuses them",
    "boot with `systemd.unified_cgroup_hierarchy=1`, or set `kubelet.failCgroupV1: false` in the description",
);
pub(super) const CGROUP_CONTROLLER: Code = fatal(
    "CGROUP_CONTROLLER",
    "a control group controller that the kubelet needs is off",
    "boot without `cgroup_disable=`, with a kernel that has the controllers cpu, memory and pids",
);
pub(super) const KERNEL_MODULE: Code = fatal(
    "KERNEL_MODULE",
    "a kernel module that the node needs is neither loaded nor built in, and can't be loaded",
    "use a kernel with the module; on minimal images it is often in a package of its own",
);
pub(super) const KERNEL_MODULE_UNKNOWN: Code = warning(
    "KERNEL_MODULE_UNKNOWN",
    "whether a kernel module is there can't be told, because the image has no list of its kernel's modules",
    "if pods have no network, look for this module first",
);
pub(super) const SYSCTL: Code = fatal(
    "SYSCTL",
    "a kernel setting does not have the value that the node needs; the kubelet would refuse to start",
    "find what overrides /etc/sysctl.d/90-kfimg.conf (`systemd-analyze cat-config sysctl.d`)",
);
pub(super) const DATA_NOT_MOUNTED: Code = fatal(
    "DATA_NOT_MOUNTED",
    "the data partition is not mounted; nothing that lasts can be read or written",
    "look at the steps before (`systemctl status kfimg-data.service var.mount`); a damaged file system needs `fsck`; then boot again",
);
pub(super) const DATA_READ_ONLY: Code = fatal(
    "DATA_READ_ONLY",
    "the data partition can't be written",
    "look for disk errors in `journalctl -k`; replace the disk, or repair the file system",
);
pub(super) const DATA_SMALL: Code = fatal(
    "DATA_SMALL",
    "a node that boots for the first time has less free space than its images need",
    "give the node a larger disk, or empty this one",
);
pub(super) const DATA_FULL: Code = fatal(
    "DATA_FULL",
    "so little space is left that etcd and containerd would fail",
    "make room under /var (`du -xh --max-depth 2 /var | sort -h`), or give the node a larger disk: the partition grows at the next boot",
);
pub(super) const DATA_LOW: Code = warning(
    "DATA_LOW",
    "less than a tenth of the space is left; the kubelet evicts pods and removes images",
    "make room under /var, or give the node a larger disk: the partition grows at the next boot",
);
pub(super) const GENERATION_LOWER: Code = fatal(
    "GENERATION_LOWER",
    "this machine has already run a newer payload of this node",
    "boot the newest payload; to go back on purpose, render the old description again: it gets the next number",
);
pub(super) const KEPT_STATE: Code = fatal(
    "KEPT_STATE",
    "the file that says what ran here before can't be read",
    "look at the health of the disk; when it is sound, remove the file: only the guard against old payloads is lost",
);
pub(super) const DATA_OF_ANOTHER_NODE: Code = fatal(
    "DATA_OF_ANOTHER_NODE",
    "the data partition holds another node of this cluster",
    "boot this machine with that node's payload; to give it a new role for good, wipe the data partition first",
);
pub(super) const DATA_OF_ANOTHER_CLUSTER: Code = warning(
    "DATA_OF_ANOTHER_CLUSTER",
    "the data partition comes from another cluster; the kubelet's old certificate is removed, all else is kept",
    "nothing, if that is meant; else boot the payload of that cluster. Data of etcd is judged by the step `etcd`",
);
pub(super) const CONTAINERD_VERSION: Code = fatal(
    "CONTAINERD_VERSION",
    "containerd is missing, or older than the payload's configuration needs",
    "use an image with a newer containerd",
);
pub(super) const KUBELET_VERSION: Code = fatal(
    "KUBELET_VERSION",
    "the kubelet is missing, newer than the API server, or more than three minor versions older",
    "use an image whose kubelet fits the Kubernetes version of the description",
);
pub(super) const COPY: Code = Code {
    name: "COPY",
    weight: Weight::Retry,
    meaning: "a key could not be copied to /run/kfimg for the component that needs it",
    remedy: "read the message: the payload lacks the file, or /run is full or read-only",
};

/// All of them.
pub(crate) const CODES: &[Code] = &[
    WRONG_MACHINE,
    HOSTNAME,
    MACHINE_ID,
    ADDRESS_MISSING,
    ADDRESS_TAKEN,
    PORT_TAKEN,
    MEMORY,
    CGROUP_V1,
    CGROUP_CONTROLLER,
    KERNEL_MODULE,
    KERNEL_MODULE_UNKNOWN,
    SYSCTL,
    DATA_NOT_MOUNTED,
    DATA_READ_ONLY,
    DATA_SMALL,
    DATA_FULL,
    DATA_LOW,
    GENERATION_LOWER,
    KEPT_STATE,
    DATA_OF_ANOTHER_NODE,
    DATA_OF_ANOTHER_CLUSTER,
    CONTAINERD_VERSION,
    KUBELET_VERSION,
    COPY,
];
