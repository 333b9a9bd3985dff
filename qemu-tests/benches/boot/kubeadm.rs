//! The peer: `kubeadm init` on the first machine, then `kubeadm join` on the others, one after the other, as its guide says.
//!
//! It has no virtual address: its endpoint is the first machine, which is the shortest way that it has. Everything that the guide has people
//! do before lies on the disk, so that nothing but kubeadm's own work is measured.

use super::{Boot, payload, ready, wait};
use kfimg_lab::{Cluster, Error, Machine, Result, site};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Where kubeadm and its configuration lie on the disk, and where the machine sees them.
const FOLDER: &str = "lib/kubeadm";
const PROGRAM: &str = "/var/lib/kubeadm/kubeadm";
const CONFIGURATION: &str = "--config=/var/lib/kubeadm/init.yaml";
/// The unit of Kubernetes' own packages (`kubernetes/release`, `cmd/krel/templates/latest/{kubelet,kubeadm}`).
const KUBELET: &str = "\
[Unit]
Description=kubelet: The Kubernetes Node Agent
Wants=network-online.target
After=network-online.target

[Service]
Environment=\"KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf\"
Environment=\"KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml\"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
";

/// Puts kubeadm and, for the first machine, its configuration on the disk of a machine that is off.
pub(crate) fn lay_down(cluster: &Cluster, machine: &Machine, disk: &Path) -> Result<()> {
    let folder = disk.join(FOLDER);
    fs_err::create_dir_all(&folder)?;
    fs_err::copy(kubeadm()?, folder.join("kubeadm"))?;
    Ok(fs_err::write(folder.join("init.yaml"), configuration(cluster, machine))?)
}

/// Powers all machines on at once, then does what kubeadm's guide says, each step as soon as it can be done.
pub(crate) fn boot(cluster: &Cluster) -> Result<Boot> {
    let machines = cluster.machines()?;
    let [first, others @ ..] = &machines[..] else { return Err(Error::unusable("the topology", "has no machine")) };
    let payloads: Vec<PathBuf> = machines
        .iter()
        .map(|machine| payload::bare(cluster, machine.name(), &[("kubelet.service", KUBELET)]))
        .collect::<Result<_>>()?;
    let url = format!("https://{}:6443/readyz", site::node_address(first.name()));
    let start = Instant::now();
    for (machine, payload) in machines.iter().zip(&payloads) {
        machine.power_on(payload)?;
    }
    wait("containerd", start, || first.exec(&["crictl", "info"]).is_ok())?;
    let said = first.exec(&[PROGRAM, "init", "--upload-certs", "--ignore-preflight-errors=all", CONFIGURATION])?;
    let api = wait("the API", start, || cluster.answers(&url))?;
    first.exec(&["kubectl", "apply", "--server-side", "-f", payload::FLANNEL])?;
    for machine in others {
        wait("containerd", start, || machine.exec(&["crictl", "info"]).is_ok())?;
        join(machine, &said, cluster.topology().masters.iter().any(|name| name == machine.name()))?;
    }
    let wanted = machines.len();
    let nodes = wait("all nodes", start, || {
        first.exec(&["kubectl", "get", "nodes", "--no-headers"]).is_ok_and(|said| ready(&said) == wanted)
    })?;
    Ok(Boot { api, nodes, steps: Vec::new() })
}

fn kubeadm() -> Result<PathBuf> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/go/build.sh");
    let built = Command::new(script).arg("kubernetes").env("KFIMG_CACHE", kfimg_lab::cache()).output()?;
    Ok(PathBuf::from(String::from_utf8_lossy(&built.stdout).trim_end()).join("kubeadm"))
}

/// The words that `kubeadm init` prints for the others.
fn join(machine: &Machine, said: &str, control_plane: bool) -> Result<()> {
    let words = said.split_whitespace().collect::<Vec<_>>();
    let after = |option: &str| words.iter().position(|word| *word == option).and_then(|at| words.get(at + 1).copied());
    let wrong = || Error::unusable("kubeadm init", "did not say how others join");
    let token = after("--token").ok_or_else(wrong)?;
    let hash = after("--discovery-token-ca-cert-hash").ok_or_else(wrong)?;
    let key = after("--certificate-key").ok_or_else(wrong)?;
    let endpoint = format!("{}:6443", site::node_address("master1"));
    let address = format!("--apiserver-advertise-address={}", site::node_address(machine.name()));
    let mut join = vec![PROGRAM, "join", &endpoint, "--token", token, "--discovery-token-ca-cert-hash", hash];
    join.push("--ignore-preflight-errors=all");
    if control_plane {
        join.extend(["--control-plane", "--certificate-key", key, &address]);
    }
    machine.exec(&join).map(drop)
}

/// The same cluster in kubeadm's words, with the lab's own settings.
fn configuration(cluster: &Cluster, first: &Machine) -> String {
    let address = site::node_address(first.name());
    let version = &cluster.topology().kubernetes;
    format!(
        "\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: {address}}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
controlPlaneEndpoint: {address}:6443
networking: {{podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
failSwapOn: false
cgroupDriver: systemd
resolvConf: /run/systemd/resolve/resolv.conf
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {{maxPerCore: 0, min: 0}}
"
    )
}
