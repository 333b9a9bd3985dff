//! The control planes of `ha3` run: three real etcd members and one real API server with controller-manager, scheduler and haproxy, each in its
//! pod's view of its node, under its pod's user, with its manifest's own command line.
//!
//! No kubelet, agent or container is involved: the test says the words to etcd that the agent's guard will say on a node.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use support::cluster::{Cluster, ok};
use support::node::{NodeRoot, Workplace, executable};
use support::program::{both, run, succeed};

const VIP: &str = "192.168.49.150";

/// Stands for the agent that keepalived asks, which is another program's test: `check-api URL`.
const AGENT: &str = "#!/bin/bash
[[ $1 = check-api && $2 =~ ^http://127.0.0.1:([0-9]+)(/.*) ]]
exec 3<>/dev/tcp/127.0.0.1/${BASH_REMATCH[1]}
printf 'GET %s HTTP/1.0\\r\\n\\r\\n' ${BASH_REMATCH[2]} >&3
read -r version status rest <&3
[[ $status = 200 ]]
";

/// The control planes, each a machine on one switch. The first has the API server.
static CONTROL_PLANE: LazyLock<Cluster> = LazyLock::new(|| {
    let mut cluster = Cluster::of(Workplace::render("control-plane"), NodeRoot::is_control_plane);
    for node in ["master1", "master2", "master3"] {
        cluster.start(node, "etcd");
    }
    cluster.wait("etcd", || cluster.etcdctl("master1", &["endpoint", "health", "--cluster"]).status.success());
    cluster.start("master1", "kube-apiserver");
    cluster.wait_for_api("master1");
    for name in ["kube-controller-manager", "kube-scheduler"] {
        cluster.start("master1", name);
    }
    for node in ["master1", "master2", "master3"] {
        start_balancing(&mut cluster, node);
    }
    cluster
});

/// haproxy and keepalived, under the node's kernel settings.
fn start_balancing(cluster: &mut Cluster, name: &str) {
    let (node, machine) = (cluster.node(name), cluster.machine(name));
    let settings = node.text("/etc/sysctl.d/90-kfimg.conf");
    for (name, value) in settings.lines().filter_map(|line| line.split_once('=')) {
        if name.contains("ip_nonlocal_bind") {
            let file = format!("/proc/sys/{}", name.trim().replace('.', "/"));
            succeed(machine.command("sh").args(["-euc", "echo $1 >$2", "sh", value.trim(), &file]));
        }
    }
    let agent = node.path("/usr/bin/kfimg-agent");
    executable(&agent);
    std::fs::write(&agent, AGENT).unwrap();
    for component in ["haproxy", "keepalived"] {
        cluster.start(name, component);
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn etcd_has_three_voters_that_agree() {
    let members = ok(&CONTROL_PLANE.etcdctl("master1", &["member", "list", "--write-out=json"]));
    let members: Value = serde_json::from_str(&members).unwrap();
    let members = members["members"].as_array().unwrap();
    let started = members.iter().filter(|member| member["name"].is_string() && member["isLearner"].is_null());
    assert_eq!(started.count(), 3, "{members:?}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_administrator_reaches_the_api_through_haproxy_at_the_address_of_the_kubeconfig() {
    let through = || run(CONTROL_PLANE.kubectl_command("master1").args(["get", "--raw", "/readyz"]));
    CONTROL_PLANE.wait("haproxy", || through().status.success());
    let workers = run(CONTROL_PLANE.kubectl_command("master1").args([
        "--server=https://127.0.0.1:6443",
        "get",
        "--raw",
        "/readyz",
    ]));
    assert_eq!(ok(&workers), "ok");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn one_control_plane_holds_the_virtual_address() {
    let holders = || {
        let machines = CONTROL_PLANE.nodes().map(|node| CONTROL_PLANE.machine(&node.name));
        machines.filter(|machine| machine.ip(&["-oneline", "address"]).contains(&format!(" {VIP}/"))).count()
    };
    CONTROL_PLANE.wait("keepalived", || holders() == 1);
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(holders(), 1);
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn strangers_reach_the_health_paths_and_nothing_else() {
    let paths =
        [("/livez", 200), ("/readyz", 200), ("/healthz", 200), ("/version", 401), ("/api", 401), ("/metrics", 401)];
    for (path, status) in paths {
        let said = CONTROL_PLANE.answer("master1", &format!("GET {path} HTTP/1.0\r\n\r\n"));
        assert!(said.starts_with(&format!("HTTP/1.0 {status} ")), "{path}: {said}");
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_api_server_accepts_every_addon_from_the_agents_credential() {
    let count = CONTROL_PLANE.apply_addons("master1");
    assert!(count > 3, "{count} addons");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_api_server_accepts_every_static_pod() {
    CONTROL_PLANE.wait("a service account", || {
        CONTROL_PLANE.kubectl("master1", &["-n", "kube-system", "get", "serviceaccount", "default"]).status.success()
    });
    for node in CONTROL_PLANE.nodes() {
        let plan = node.plan();
        let waiting = ["/apiServerManifest/source", "/keepalivedManifest/source", "/etcd/manifest/source"]
            .map(|at| plan.pointer(at).unwrap().as_str().unwrap());
        let mut manifests = node.files("/etc/kubernetes/manifests", "yaml");
        manifests.extend(waiting.map(str::to_owned));
        for manifest in manifests {
            let path = node.path(&manifest);
            let path = path.to_str().unwrap();
            let output =
                CONTROL_PLANE.kubectl("master1", &["create", "--dry-run=server", "--validate=strict", "-f", path]);
            assert!(output.status.success(), "{}: {manifest}: {}", node.name, both(&output));
        }
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn a_secret_is_unreadable_in_etcd() {
    let secret = ["create", "secret", "generic", "canary", "--from-literal=word=nightingale"];
    ok(&CONTROL_PLANE.kubectl("master1", &secret));
    let stored = CONTROL_PLANE.stored("master1", "/registry/secrets/default/canary");
    assert!(stored.starts_with("k8s:enc:secretbox:v1:") && !stored.contains("nightingale"), "{stored}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn controller_manager_and_scheduler_take_their_leases() {
    for lease in ["kube-controller-manager", "kube-scheduler"] {
        CONTROL_PLANE.wait(lease, || {
            CONTROL_PLANE.kubectl("master1", &["-n", "kube-system", "get", "lease", lease]).status.success()
        });
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_audit_log_is_written() {
    ok(&CONTROL_PLANE.kubectl("master1", &["get", "--raw", "/api"]));
    let node = CONTROL_PLANE.node("master1");
    let pod = CONTROL_PLANE.pod("master1", "kube-apiserver");
    let log = pod.flag("--audit-log-path").expect("the API server writes an audit log");
    let log = node.path(pod.on_node(log).expect("the audit log lies on the node").as_str());
    CONTROL_PLANE.wait("the audit log", || {
        succeed(Command::new("wc").arg("-c").arg(&log)).trim_start().starts_with(|c| c > '0')
    });
}
