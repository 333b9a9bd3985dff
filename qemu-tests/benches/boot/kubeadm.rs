//! The peer: `kubeadm init` on the first machine, then `kubeadm join` on the others, one after the other, as its guide says.
//!
//! It has no virtual address: its endpoint is the first machine, which is the shortest way that it has.

use super::{Boot, payload};
use kfimg_lab::wait::{Look, wait_for};
use kfimg_lab::{Cluster, Error, Machine, Result, site};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const BOUND: Duration = Duration::from_secs(300);
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

/// Powers all machines on at once, then does what kubeadm's guide says.
pub(crate) fn boot(cluster: &Cluster) -> Result<Boot> {
    let machines = cluster.machines()?;
    let start = Instant::now();
    for machine in &machines {
        machine.power_on(&payload::bare(cluster, machine.name(), &[("kubelet.service", KUBELET)])?)?;
    }
    for machine in &machines {
        wait_for("the machine", BOUND, || look(bring(machine)))?;
    }
    let [first, others @ ..] = &machines[..] else { return Err(Error::unusable("the topology", "has no machine")) };
    wait_for("containerd", BOUND, || look(first.exec(&["crictl", "info"])))?;
    write(first, "/run/init.yaml", &configuration(cluster, first))?;
    let said = first.exec(&[
        "kubeadm",
        "init",
        "--upload-certs",
        "--ignore-preflight-errors=all",
        "--config=/run/init.yaml",
    ])?;
    wait_for("the API", BOUND, || look(first.exec(&["kubectl", "get", "--raw", "/readyz"])))?;
    let api = start.elapsed().as_secs_f64();
    first.exec(&["kubectl", "apply", "--server-side", "-f", payload::FLANNEL])?;
    for machine in others {
        join(machine, &said, cluster.topology().masters.iter().any(|name| name == machine.name()))?;
    }
    let wanted = machines.len();
    wait_for("all nodes", BOUND, || {
        let text = first.exec(&["kubectl", "get", "nodes", "--no-headers"]).unwrap_or_default();
        let ready = text.lines().filter(|line| line.split_whitespace().nth(1) == Some("Ready")).count();
        Ok(Look::when(ready == wanted, (), || text))
    })?;
    Ok(Boot { api, nodes: start.elapsed().as_secs_f64() })
}

/// Puts kubeadm into the running machine.
fn bring(machine: &Machine) -> Result<()> {
    let inside = machine.running_root()?.join("usr/bin/kubeadm");
    fs_err::copy(kubeadm()?, inside).map(drop).map_err(Error::from)
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
    let mut join = vec!["kubeadm", "join", &endpoint, "--token", token, "--discovery-token-ca-cert-hash", hash];
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

fn write(machine: &Machine, path: &str, text: &str) -> Result<()> {
    let inside = machine.running_root()?.join(path.trim_start_matches('/'));
    Ok(fs_err::write(inside, text)?)
}

fn look<T>(answer: Result<T>) -> Result<Look<()>> {
    Ok(answer.map_or_else(|error| Look::NotYet(error.to_string()), |_| Look::Found(())))
}
