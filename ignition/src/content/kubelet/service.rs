//! The kubelet's unit: what the configuration file has no field for stands in the command line.

use super::{CONFIG, KUBECONFIG, SOURCE};
use crate::content::Context;
use crate::content::units::Ini;
use kfimg_profiles::cluster::Node;

/// The unit.
pub(super) fn text(context: &Context<'_>) -> Ini {
    let joins = context.node.is_kubernetes_node();
    Ini::new()
        .section("Unit")
        .key("Description", "kubelet")
        .key("Documentation", "https://kubernetes.io/docs/")
        // A node that is not the right one, or whose clock is wrong, runs nothing.
        .key("Requires", "kfimg-preflight.service")
        .key("Wants", "network-online.target containerd.service kfimg-images.service")
        .key("After", "network-online.target containerd.service kfimg-preflight.service kfimg-images.service")
        .optional("After", joins.then_some("opt-cni-bin.mount"))
        .key("RequiresMountsFor", "/var/lib/kubelet")
        .key("StartLimitIntervalSec", 0)
        .section("Service")
        .command("ExecStartPre", &["/usr/bin/install", "-D", "-m", "0600", SOURCE, CONFIG].map(str::to_owned))
        .command("ExecStart", &command(context))
        .key("Restart", "always")
        .key("RestartSec", 2)
}

fn command(context: &Context<'_>) -> Vec<String> {
    let node = context.node;
    let mut flags = vec![("config".to_owned(), CONFIG.to_owned()), ("hostname-override".to_owned(), node.name.clone())];
    if node.is_kubernetes_node() {
        flags.push(("kubeconfig".to_owned(), KUBECONFIG.to_owned()));
        let addresses: Vec<String> = node.ips().map(|ip| ip.to_string()).collect();
        flags.push(("node-ip".to_owned(), addresses.join(",")));
        flags.extend(labels(node).map(|labels| ("node-labels".to_owned(), labels)));
        if context.cluster.cloud_provider.is_some() {
            // The kubelet then taints its Node as not initialised.
            flags.push(("cloud-provider".to_owned(), "external".to_owned()));
        }
    }
    let own = context.cluster.kubelet.extra_args.iter().map(|argument| (argument.name.clone(), argument.value.clone()));
    flags.extend(own);
    let flags = flags.into_iter().map(|(name, value)| format!("--{name}={value}"));
    std::iter::once("/usr/bin/kubelet".to_owned()).chain(flags).collect()
}

fn labels(node: &Node) -> Option<String> {
    let labels: Vec<String> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    (!labels.is_empty()).then(|| labels.join(","))
}
