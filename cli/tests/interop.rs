//! The real components, built from their Go modules, read what `ha3` gives them. `make interop` builds them, then runs these.
//!
//! No container runs here: a component's own binary stands in its pod's view of the node. Real clusters are booted elsewhere.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::process::Command;
use std::sync::LazyLock;
use support::machine::Machine;
use support::node::{NodeRoot, Workplace};
use support::pod::Container;
use support::program::{both, built, find, run, succeed};

/// Control groups v1 are let pass because the kubelet looks at this machine's.
static WORKPLACE: LazyLock<Workplace> =
    LazyLock::new(|| Workplace::render_with("interop", &["--set", "kubelet.failCgroupV1=false"]));
static NODES: LazyLock<Vec<NodeRoot>> = LazyLock::new(|| WORKPLACE.apply_all());

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_newest_ignition_lays_out_the_same_disk_as_debians() {
    for node in WORKPLACE.node_names() {
        let listing = |ignition: &std::path::Path, label: &str| {
            let root = WORKPLACE.apply(ignition, label, &node);
            let script = "find . -path ./etc/.ignition-result.json -prune -o -printf '%P %M %U:%G %l\\n' -type f -exec sha256sum {} + | sort";
            succeed(Command::new("sh").args(["-euc", script]).current_dir(root.root()))
        };
        let (debian, newest) = (listing(&find("ignition"), "debian"), listing(&built("ignition"), "newest"));
        assert!(debian == newest, "{node}: Debian's Ignition and {} differ", built("ignition").display());
        let output = run(Command::new(built("ignition-validate")).arg(WORKPLACE.payload(&node)));
        assert!(output.status.success() && both(&output).is_empty(), "{node}: {}", both(&output));
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_newest_ignition_reads_every_version_that_kfimg_writes() {
    for version in ["3.3.0", "3.4.0", "3.5.0", "3.6.0"] {
        let workplace = Workplace::render_with(&format!("ignition-{version}"), &["--ignition-version", version]);
        for node in workplace.node_names() {
            let output = run(Command::new(built("ignition-validate")).arg(workplace.payload(&node)));
            assert!(output.status.success() && both(&output).is_empty(), "{version} {node}: {}", both(&output));
        }
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn containerd_knows_every_key_of_its_configuration() {
    for node in NODES.iter() {
        let machine = Machine::of(node);
        let host = Container::of_host(vec!["containerd".to_owned()], &["/etc/containerd"]);
        let output = run(host.view(&machine, node, built("containerd")).args(["config", "dump"]));
        let said = both(&output);
        assert!(output.status.success() && !said.contains("unknown key"), "{}: {said}", node.name);
        assert!(said.contains("sandbox = 'registry.k8s.io/pause:3.10.2'"), "{}: {said}", node.name);
        assert!(said.contains("config_path = '/etc/containerd/certs.d'"), "{}: {said}", node.name);
    }
}

/// What the kubelet says when all is well but for the runtime, which does not run here.
const NO_RUNTIME: &str = "validate CRI v1 runtime API for endpoint";

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_kubelet_accepts_its_command_line_configuration_and_certificates() {
    for node in NODES.iter() {
        let machine = Machine::of(node);
        let paths = ["/etc/kubernetes", "/etc/kfimg", "/var/lib/kubelet"];
        for command in node.commands("kubelet.service", |key| key == "ExecStartPre") {
            succeed(&mut Container::of_host(command.clone(), &paths).start(&machine, node, &command[0]));
        }
        let command = node.commands("kubelet.service", |key| key == "ExecStart").remove(0);
        let output = run(&mut Container::of_host(command, &paths).start(&machine, node, built("kubelet")));
        let said = both(&output);
        assert!(said.contains(NO_RUNTIME) && !said.contains("unknown field"), "{}: {said}", node.name);
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn kube_proxy_accepts_its_configuration() {
    let node = &NODES[0];
    let addons = node.files("/etc/kfimg/addons", "json").into_iter().map(|file| node.text(&file));
    let lists: Vec<Value> = addons.map(|text| serde_json::from_str(&text).unwrap()).collect();
    let items = lists.iter().flat_map(|list| list["items"].as_array().unwrap());
    let config = items
        .filter_map(|item| item["data"]["config.conf"].as_str())
        .find(|text| text.contains("KubeProxyConfiguration"));
    let place = WORKPLACE.folder().join("kube-proxy");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("config.conf"), config.expect("kube-proxy has a ConfigMap")).unwrap();
    let mut command = Command::new(built("kube-proxy"));
    command.args(["--config", "config.conf", "--write-config-to", "complete.conf"]).current_dir(&place);
    succeed(&mut command);
}
