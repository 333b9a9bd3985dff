//! Kernel modules, kernel settings and control groups.
//!
//! `systemd-modules-load` and `systemd-sysctl` have put them in place by now, from files of the payload. A module that was
//! not loaded then is tried once more; a setting that differs is only told.

use super::Findings;
use super::codes::{CGROUP_CONTROLLER, CGROUP_V1, KERNEL_MODULE, KERNEL_MODULE_UNKNOWN, SYSCTL};
use crate::command;
use crate::plan::Preflight;
use crate::root::Root;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What the kubelet can't do without (`pkg/kubelet/cm/cgroup_manager_linux.go`).
const CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// What a module brings, for those that show nothing in `/sys/module` when they are built in. A line of
/// `/proc/filesystems`, or a file.
const TRACES: [(&str, &str); 4] = [
    ("br_netfilter", "/proc/sys/net/bridge/bridge-nf-call-iptables"),
    ("nf_conntrack", "/proc/sys/net/netfilter/nf_conntrack_max"),
    ("ip_vs", "/proc/net/ip_vs"),
    ("fuse", "/sys/fs/fuse"),
];

/// All three.
pub(super) fn check(root: &Root, preflight: &Preflight, findings: &mut Findings) {
    for module in &preflight.kernel_modules {
        check_module(root, module, findings);
    }
    for (name, should) in &preflight.sysctls {
        check_setting(root, name, should, findings);
    }
    check_control_groups(root, preflight.require_cgroup_v2, findings);
}

fn check_module(root: &Root, module: &str, findings: &mut Findings) {
    if is_there(root, module) {
        return;
    }
    let folder = modules_folder(root);
    if !folder.join("modules.dep").exists() {
        let message = format!("{module}: {} has no modules.dep", folder.display());
        return findings.add(&KERNEL_MODULE_UNKNOWN, message);
    }
    let mut modprobe = Command::new("modprobe");
    modprobe.args(["--dirname"]).arg(root.at("/")).args(["--", module]);
    if let Err(error) = command::output(&mut modprobe, Duration::from_secs(20), 1024) {
        findings.add(&KERNEL_MODULE, format!("{module}: {error}"));
    }
}

/// Loaded, built in, or shown by what it does. The kernel writes `_` where file names may have `-`.
fn is_there(root: &Root, module: &str) -> bool {
    let module = module.replace('-', "_");
    if root.at("/sys/module").join(&module).exists() {
        return true;
    }
    if TRACES.iter().any(|(name, trace)| *name == module && root.at(trace).exists()) {
        return true;
    }
    let filesystems = std::fs::read_to_string(root.at("/proc/filesystems")).unwrap_or_default();
    if filesystems.lines().any(|line| line.split_ascii_whitespace().last() == Some(&module)) {
        return true;
    }
    let built_in = std::fs::read_to_string(modules_folder(root).join("modules.builtin")).unwrap_or_default();
    built_in.lines().any(|line| {
        let file = line.rsplit('/').next().unwrap_or_default();
        file.split('.').next().unwrap_or_default().replace('-', "_") == module
    })
}

fn modules_folder(root: &Root) -> PathBuf {
    let release = std::fs::read_to_string(root.at("/proc/sys/kernel/osrelease")).unwrap_or_default();
    root.at("/lib/modules").join(release.trim())
}

fn check_setting(root: &Root, name: &str, should: &str, findings: &mut Findings) {
    match std::fs::read_to_string(setting_path(root, name)) {
        Ok(is) if same(&is, should) => {}
        Ok(is) => findings.add(&SYSCTL, format!("{name} is {:?} and must be {should:?}", is.trim())),
        Err(error) => findings.add(&SYSCTL, format!("{name} must be {should:?}: {error}")),
    }
}

/// As `sysctl.d(5)` reads names: whichever of `.` and `/` comes first separates, and the other stands for itself.
fn setting_path(root: &Root, name: &str) -> PathBuf {
    let dots_separate = name.find(['.', '/']).is_some_and(|place| name[place..].starts_with('.'));
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        other => other,
    };
    let path: String = if dots_separate { name.chars().map(swap).collect() } else { name.to_owned() };
    root.at("/proc/sys").join(path)
}

/// The kernel separates several numbers by tabs, people by spaces.
fn same(is: &str, should: &str) -> bool {
    is.split_ascii_whitespace().eq(should.split_ascii_whitespace())
}

fn check_control_groups(root: &Root, must_be_v2: bool, findings: &mut Findings) {
    let controllers = match std::fs::read_to_string(root.at("/sys/fs/cgroup/cgroup.controllers")) {
        Ok(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Err(_) if must_be_v2 => {
            return findings.add(&CGROUP_V1, "/sys/fs/cgroup/cgroup.controllers is not there");
        }
        Err(_) => v1_controllers(root),
    };
    for name in CONTROLLERS {
        if !controllers.iter().any(|controller| controller == name) {
            findings.add(&CGROUP_CONTROLLER, format!("{name} is not among {}", controllers.join(", ")));
        }
    }
}

/// Those that have a hierarchy: the second field of each line of `/proc/self/cgroup` (`cgroups(7)`).
fn v1_controllers(root: &Root) -> Vec<String> {
    let text = std::fs::read_to_string(root.at("/proc/self/cgroup")).unwrap_or_default();
    let lists = text.lines().filter_map(|line| line.split(':').nth(1));
    lists.flat_map(|list| list.split(',')).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{same, setting_path};
    use crate::root::Root;
    use std::path::Path;

    #[test]
    fn settings_are_found_and_compared_as_systemd_sysctl_writes_them() {
        let root = Root::new("/");
        for (name, path) in [
            ("kernel.panic", "/proc/sys/kernel/panic"),
            ("net.ipv4.conf.eth0/100.rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
            ("net/ipv4/conf/eth0.100/rp_filter", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter"),
        ] {
            assert_eq!(setting_path(&root, name), Path::new(path));
        }
        assert!(same("4096\t87380\t6291456\n", "4096 87380 6291456") && !same("10\n", "1") && !same("", "0"));
    }
}
