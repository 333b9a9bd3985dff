//! The real containerd pulls from `kfimg serve` by what `kfimg render` wrote: TLS by the cluster's authority, no word to the
//! internet. `make interop` builds the components and runs this.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};
use support::bundle::unpackable;
use support::internet::{Internet, record_if_asked};
use support::machine::Machine;
use support::node::Workplace;
use support::program::{both, go_folder, run, succeed};
use support::registry::Served;
use support::runtime::Node;

const APISERVER: &str = "registry.k8s.io/kube-apiserver:v1.36.3";
/// The last has an upstream that no file of containerd's knows.
const REFERENCES: [&str; 5] = [
    APISERVER,
    "registry.k8s.io/pause:3.10.2",
    "docker.io/library/haproxy:3.2.4",
    "ghcr.io/kfimg/keepalived:2.2.7",
    "unheard.example.com/team/app:1",
];
/// Where the registry is, in the description's words.
const REGISTRY: [&str; 4] = ["--set", "registry.address=192.168.49.9", "--set", "registry.port=5000"];
const LISTEN: &str = "192.168.49.9:5000";

#[test]
#[ignore = "the process of support::internet; by itself it does nothing"]
fn recorder() {
    record_if_asked();
}

fn serve(workplace: &Workplace, machine: &Machine) -> Served {
    let mut serve = machine.command(env!("CARGO_BIN_EXE_kfimg"));
    serve.args(["serve", "--listen", LISTEN, "--profile", "ha3", "--registry", "reg.local"]).args(REGISTRY);
    // Whoever enters a namespace stands at its root.
    for (option, file) in [("--bundle", "bundle"), ("--tls-state", "ha3.state"), ("--access-log", "access.log")] {
        serve.arg(option).arg(workplace.folder().join(file));
    }
    Served::start(&mut serve)
}

/// The reference registry on the machine's address, by plain HTTP.
struct Reference(Child);

impl Reference {
    fn start(workplace: &Workplace, machine: &Machine) -> Self {
        let (file, data) = (workplace.folder().join("registry.yml"), workplace.folder().join("registry"));
        let storage = format!("storage: {{filesystem: {{rootdirectory: {}}}}}\n", data.display());
        fs::write(&file, format!("version: 0.1\nlog: {{level: error}}\n{storage}http: {{addr: '{LISTEN}'}}\n"))
            .unwrap();
        let mut command = machine.command(go_folder(&["registry"]).join("registry"));
        let registry = Self(command.arg("serve").arg(file).env("OTEL_TRACES_EXPORTER", "none").spawn().unwrap());
        let end = Instant::now() + Duration::from_secs(60);
        while !run(machine.command("curl").args(["-sfo", "/dev/null", &format!("http://{LISTEN}/v2/")]))
            .status
            .success()
        {
            assert!(Instant::now() < end, "the registry does not answer");
            sleep(Duration::from_millis(100));
        }
        registry
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root and the components that `make interop` builds"]
fn containerd_pulls_from_a_registry_that_keeps_the_mirror_below_a_path() {
    let prefix = ["--set", "registry.prefix=team/mirror", "--set", "registry.plainHTTP=true"];
    let workplace = Workplace::render_with("containerd-prefix", &[&REGISTRY[..], &prefix].concat());
    unpackable(workplace.folder(), &REFERENCES, "");
    let node = Node::start(&workplace, "192.168.49.9");
    let _registry = Reference::start(&workplace, &node.machine);
    let mut push = node.machine.command(env!("CARGO_BIN_EXE_kfimg"));
    push.args(["bundle", "push", "--registry", LISTEN, "--plain-http", LISTEN, "--prefix", "team/mirror", "--bundle"]);
    succeed(push.arg(workplace.folder().join("bundle")));
    let mut containerd = node.start_containerd(&workplace);
    // Where the last one lies, only kfimg's own registry knows.
    for reference in &REFERENCES[..4] {
        let pulled = node.crictl(&["pull", reference]);
        assert!(pulled.status.success(), "{reference}: {}", both(&pulled));
    }
    containerd.kill().unwrap();
    containerd.wait().unwrap();
}

#[test]
#[ignore = "needs root and the components that `make interop` builds"]
fn containerd_pulls_every_image_from_the_bundle_and_never_asks_the_internet() {
    let workplace = Workplace::render_with("containerd-pull", &REGISTRY);
    unpackable(workplace.folder(), &REFERENCES, "");
    let node = Node::start(&workplace, "192.168.49.9");
    let mut internet = Internet::of(&node.machine, workplace.folder(), "recorder");
    let served = serve(&workplace, &node.machine);
    assert_eq!(served.said["faults"], serde_json::json!([]));
    let mut containerd = node.start_containerd(&workplace);
    for reference in REFERENCES {
        let pulled = node.crictl(&["pull", reference]);
        assert!(pulled.status.success(), "{reference}: {}", both(&pulled));
    }
    let images: Value = serde_json::from_slice(&node.crictl(&["images", "-o", "json"]).stdout).unwrap();
    let images = images["images"].as_array().unwrap();
    for reference in REFERENCES {
        let has = |image: &&Value| image["repoTags"].as_array().unwrap().iter().any(|tag| tag == reference);
        let image = images.iter().find(has).unwrap_or_else(|| panic!("{reference} in {images:?}"));
        // As a node that is pinned asks.
        let pinned = image["repoDigests"][0].as_str().unwrap();
        let pulled = node.crictl(&["pull", pinned]);
        assert!(pulled.status.success(), "{pinned}: {}", both(&pulled));
    }
    // What the bundle lacks is not looked for elsewhere either, whether its upstream is known or not.
    for absent in ["registry.k8s.io/kube-apiserver:v9.9.9", "quay.io/absent/app:1", "unheard.example.com/absent:1"] {
        let pulled = node.crictl(&["pull", absent]);
        assert!(!pulled.status.success() && both(&pulled).contains("not found"), "{absent}: {}", both(&pulled));
    }
    let log = fs::read_to_string(workplace.folder().join("access.log")).unwrap();
    assert!(log.contains("/v2/registry.k8s.io/kube-apiserver/manifests/v1.36.3"), "{log}");
    assert_eq!(internet.record(), "", "nobody was asked but the registry");

    // Without kfimg's files the same containerd asks the internet, and the recorder notices.
    let mut ctr = node.program("ctr");
    let pulled = run(ctr.args(["images", "pull", "--local", "--hosts-dir", "/etc/none", APISERVER]));
    assert!(!pulled.status.success(), "{}", both(&pulled));
    let record = internet.record();
    for expected in ["question for registry.k8s.io.", "connection to 203.0.113.80:443"] {
        assert!(record.contains(expected), "{expected} in {record}; ctr said {}", both(&pulled));
    }
    containerd.kill().unwrap();
    containerd.wait().unwrap();
}
