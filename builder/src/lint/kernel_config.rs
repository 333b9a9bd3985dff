//! Whether the kernel has what a node needs, by its configuration and its modules.
//!
//! Sources: the checks of kubeadm (`system-validators`, `types_unix.go`) and of containerd's `contrib/check-config`; for the
//! root image, Documentation/admin-guide/device-mapper/verity.rst.

use super::{Subject, modules};
use crate::content::kernel::{canonical, module};
use crate::tree::{FileContent, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// An option of the kernel, the module that it makes (empty: it is never a module), and what needs it.
type Requirement = (&'static str, &'static str, &'static str);

/// What every node needs.
const NEEDED: &[Requirement] = &[
    ("BLK_DEV_DM", "dm-mod", "the verified root"),
    ("DM_VERITY", "dm-verity", "the verified root"),
    ("BLK_DEV_LOOP", "loop", "the root of a machine that boots over the network"),
    ("OVERLAY_FS", "overlay", "the volatile /etc, and containers"),
    ("EXT4_FS", "ext4", "the data partition"),
    ("CGROUPS", "", "containers"),
    ("CGROUP_PIDS", "", "the kubelet"),
    ("MEMCG", "", "the kubelet"),
    ("CPUSETS", "", "the kubelet"),
    ("CGROUP_BPF", "", "control groups of version 2"),
    ("NAMESPACES", "", "containers"),
    ("NET_NS", "", "pods"),
    ("PID_NS", "", "containers"),
    ("SECCOMP_FILTER", "", "the default profile of pods"),
    ("VETH", "veth", "pod networks"),
    ("BRIDGE", "bridge", "pod networks"),
    ("BRIDGE_NETFILTER", "br_netfilter", "Services"),
    ("VXLAN", "vxlan", "flannel"),
    ("NF_CONNTRACK", "nf_conntrack", "Services"),
    ("NF_TABLES", "nf_tables", "Services"),
    ("NFT_NAT", "nft_chain_nat", "Services"),
    ("NFT_CT", "nft_ct", "Services"),
    ("NFT_MASQ", "nft_masq", "Services"),
    ("NFT_COMPAT", "nft_compat", "the portmap plug-in"),
    ("NETFILTER_XT_MATCH_COMMENT", "xt_comment", "the portmap plug-in"),
];
/// What a root image needs beside.
const ROOT: &[Requirement] = &[
    ("SQUASHFS", "squashfs", "the root image"),
    ("SQUASHFS_ZSTD", "", "the root image"),
    ("EROFS_FS", "erofs", "the root image"),
    ("EROFS_FS_ZIP", "", "the root image"),
];
/// Most bytes of a configuration.
const LIMIT: u64 = 4 << 20;

pub(super) fn check(subject: &Subject<'_>) -> Vec<String> {
    let (Some(version), Some(config)) = (&subject.kernel.version, &subject.kernel.config) else {
        return if subject.kernel.linux.is_some() {
            vec!["the kernel has no configuration (/boot/config-<version>), so nobody can tell what it has".to_owned()]
        } else {
            Vec::new()
        };
    };
    let Some(options) = options(config) else { return vec!["the kernel's configuration can't be read".to_owned()] };
    let modules = shipped(subject.tree, version);
    let root = ROOT.iter().filter(|(name, ..)| subject.root_options.contains(name));
    let missing = |(name, module, why): &Requirement| match options.get(*name).map(String::as_str) {
        Some("y") => None,
        Some("m") if modules.contains(&canonical(module)) => None,
        Some("m") => {
            Some(format!("the kernel's module {module} is not in the base, and {why} needs it (CONFIG_{name}=m)"))
        }
        _ => Some(format!("the kernel has no CONFIG_{name}, and {why} needs it")),
    };
    NEEDED.iter().chain(root).filter_map(missing).collect()
}

/// The options of a configuration that are set, without `CONFIG_`; [`None`] when it can't be read.
pub(super) fn options(config: &FileContent) -> Option<BTreeMap<String, String>> {
    let bytes = config.head(LIMIT).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let set = text.lines().filter_map(|line| line.strip_prefix("CONFIG_")?.split_once('='));
    Some(set.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Names of all modules of a kernel.
fn shipped(tree: &Tree, version: &str) -> Vec<String> {
    let folder = format!("usr/lib/modules/{version}");
    tree.below(&folder).filter_map(|(path, _)| module(path)).collect()
}

/// A configuration with everything.
pub(super) fn whole() -> String {
    let names: BTreeSet<&str> =
        NEEDED.iter().chain(ROOT).map(|(name, ..)| *name).chain(modules::all_options()).collect();
    names.into_iter().map(|name| format!("CONFIG_{name}=y\n")).collect()
}
