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
use support::program::{both, built, find, go_folder, run, succeed};

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
    NODES.iter().for_each(the_kubelet_accepts);
}

/// Machines for etcd alone, whose kubelet knows no API server; and a cloud's own controllers, a cache of names and IPVS.
#[test]
#[ignore = "needs the components that `make interop` builds"]
fn kubelets_of_other_topologies_accept_theirs() {
    let sets = [
        "kubelet.failCgroupV1=false",
        "cloudProvider=external",
        "dns.nodeLocalCache.enabled=true",
        "kubeProxy.mode=ipvs",
    ];
    let options: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    let nodes = Workplace::render_profile("external-etcd", &options).apply_all();
    assert_eq!(nodes.iter().filter(|node| node.is_etcd_alone()).count(), 3);
    nodes.iter().for_each(the_kubelet_accepts);
    let worker = nodes.iter().find(|node| node.name == "worker1").unwrap();
    assert!(worker.text("/etc/systemd/system/kubelet.service").contains("--cloud-provider=external"));
    kube_proxy_accepts(nodes.iter().find(|node| node.name == "master1").unwrap(), "mode: ipvs");
}

fn the_kubelet_accepts(node: &NodeRoot) {
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

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn kube_proxy_accepts_its_configuration() {
    kube_proxy_accepts(&NODES[0], "mode: nftables");
}

fn kube_proxy_accepts(node: &NodeRoot, expected: &str) {
    let addons = node.files("/etc/kfimg/addons", "json").into_iter().map(|file| node.text(&file));
    let lists: Vec<Value> = addons.map(|text| serde_json::from_str(&text).unwrap()).collect();
    let items = lists.iter().flat_map(|list| list["items"].as_array().unwrap());
    let config = items
        .filter_map(|item| item["data"]["config.conf"].as_str())
        .find(|text| text.contains("KubeProxyConfiguration"));
    let place = node.root().with_file_name("kube-proxy");
    std::fs::create_dir_all(&place).unwrap();
    let config = config.expect("kube-proxy has a ConfigMap");
    assert!(config.contains(expected), "{config}");
    std::fs::write(place.join("config.conf"), config).unwrap();
    let mut command = Command::new(built("kube-proxy"));
    command.args(["--config", "config.conf", "--write-config-to", "complete.conf"]).current_dir(&place);
    succeed(&mut command);
}

/// Gives the machine the cache's address, runs CoreDNS on its file, asks for its health, and for a name over UDP; the answer's
/// first bytes.
const CACHE: &str = r#"
ip address add 169.254.20.10/32 dev lo
"$1" -conf "$2" &
trap 'kill $!' EXIT
for attempt in $(seq 100); do
  if exec 3<>/dev/tcp/169.254.20.10/9254; then break; fi
  sleep 0.1
done 2>/dev/null
printf 'GET /health HTTP/1.0\r\n\r\n' >&3
head -n 1 <&3
exec 4<>/dev/udp/169.254.20.10/53
printf '\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07example\x03com\x00\x00\x01\x00\x01' >&4
timeout 5 head -c 4 <&4 | od -An -tx1
"#;

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn coredns_serves_the_caches_file_at_the_caches_address() {
    let nodes = Workplace::render_profile("single", &["--set", "dns.nodeLocalCache.enabled=true"]).apply_all();
    let node = &nodes[0];
    let list: Value = serde_json::from_str(&node.text("/etc/kfimg/addons/35-node-local-dns.json")).unwrap();
    let items = list["items"].as_array().unwrap();
    let text = items.iter().find_map(|item| item["data"]["Corefile"].as_str()).unwrap();
    let file = node.root().with_file_name("Corefile");
    std::fs::write(&file, text).unwrap();
    let machine = Machine::of(node);
    let mut bash = machine.command("bash");
    let output = run(bash.args(["-euc", CACHE, "bash"]).arg(go_folder(&["coredns"]).join("coredns")).arg(file));
    let said = both(&output);
    assert!(said.contains("HTTP/1.0 200 OK"), "{said}");
    // An answer, to the question 1234, that there is no such name: nobody outside can be asked.
    assert!(said.lines().any(|line| line.trim().starts_with("12 34 8") && line.trim().ends_with('3')), "{said}");
}

/// Files of Kubernetes' own source that bring a plug-in for policies, with the network plug-in that goes with each.
const POLICY: [(&str, &str, &str); 2] = [
    // Calico is network and policies in one.
    ("calico-policy-controller", "none", "gcr.io/projectcalico-org/node:v3.19.1"),
    // On top of flannel: what canal was.
    ("kube-network-policies", "flannel", "registry.k8s.io/networking/kube-network-policies:v0.9.2"),
];

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn upstreams_own_manifests_for_network_policies_are_taken_as_they_are() {
    let module = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/kubernetes");
    let source =
        succeed(Command::new("go").args(["list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes"]).current_dir(module));
    for (name, cni, image) in POLICY {
        let folder = std::path::Path::new(source.trim_end()).join("cluster/addons").join(name);
        let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
        files.sort();
        // A ConfigMap of Calico's autoscaler holds what its own program fills in.
        assert!(files.len() > 1, "{name}: {files:?}");
        let place = WORKPLACE.folder().join(name);
        std::fs::create_dir_all(&place).unwrap();
        let list: String = files.iter().map(|file| format!("  - {}\n", file.display())).collect();
        let head = "apiVersion: kfimg/v1alpha1\nkind: Cluster\n";
        let site = format!("{head}networking: {{cni: {cni}}}\nmanifests:\n{list}");
        std::fs::write(place.join("site.yaml"), site).unwrap();
        let mut render = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        render
            .args(["render", "--profile", "ha3", "--site", "site.yaml", "--registry", "reg.local"])
            .current_dir(&place);
        succeed(&mut render);
        let images = std::fs::read_to_string(place.join("out/images.txt")).unwrap();
        assert!(images.lines().any(|line| line == image), "{name}: {images}");
        let worker = Workplace::of(place).apply(&find("ignition"), "nodes", "worker1");
        let host = image.split('/').next().unwrap();
        assert!(worker.path(&format!("/etc/containerd/certs.d/{host}/hosts.toml")).exists(), "{name}: {host}");
    }
}
