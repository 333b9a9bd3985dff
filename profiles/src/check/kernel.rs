//! Kernel settings and modules of machines.

use std::collections::BTreeSet;

use super::Subject;
use crate::document::Path;
use crate::problem::Report;

/// Settings without which Kubernetes does not work, with their values.
const NEEDED: [(&str, &str, &str); 6] = [
    ("net.ipv4.ip_forward", "1", "pods on other nodes are out of reach"),
    ("net.ipv6.conf.all.forwarding", "1", "pods on other nodes are out of reach by IPv6"),
    ("net.bridge.bridge-nf-call-iptables", "1", "services are out of reach on the same node"),
    ("net.bridge.bridge-nf-call-ip6tables", "1", "services are out of reach on the same node by IPv6"),
    ("net.ipv4.ip_nonlocal_bind", "1", "haproxy cannot listen at the virtual address"),
    ("net.ipv6.ip_nonlocal_bind", "1", "haproxy cannot listen at the virtual address"),
];

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    for (path, node) in subject.parts() {
        for (name, value) in &node.sysctls {
            sysctl(&path.key("sysctls").key(name), name, value, report);
        }
        let mut seen = BTreeSet::new();
        for (index, module) in node.kernel_modules.iter().enumerate() {
            let setting = path.key("kernelModules").index(index);
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if module.is_empty() || module.len() > 64 || !module.chars().all(is_plain) {
                report
                    .error("invalid-module", &setting, format!("`{module}` is no name of a kernel module"))
                    .help("write the name alone, such as ip_vs: no path, no `.ko`, no options");
            } else if !seen.insert(module.replace('-', "_")) {
                report
                    .error("duplicate-module", &setting, format!("the module `{module}` is given twice"))
                    .help("remove one");
            }
        }
    }
}

fn sysctl(path: &Path, name: &str, value: &str, report: &mut Report) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '*');
    let is_name = name.contains(['.', '/']) && name.chars().all(is_plain) && !name.contains("..");
    if !is_name {
        report
            .error("invalid-sysctl", path, format!("`{name}` is no name of a kernel setting"))
            .at_key()
            .help("write it as `sysctl -a` does, such as vm.max_map_count");
        return;
    }
    if value.trim().is_empty() || value.chars().any(char::is_control) {
        report
            .error("invalid-sysctl", path, format!("the kernel setting `{name}` has no value of one line"))
            .help("write its value");
        return;
    }
    let dotted = if name.contains('.') { name.to_owned() } else { name.replace('/', ".") };
    if let Some((_, needed, what)) = NEEDED.into_iter().find(|(needed, ..)| *needed == dotted)
        && value.trim() != needed
    {
        report
            .error("sysctl-conflict", path, format!("with `{name}` at {value}, {what}"))
            .help(format!("remove it: kfimg sets it to {needed} where it is needed"));
    }
}
