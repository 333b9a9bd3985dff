//! The profile `external-etcd` runs, as far as it differs: three real etcd on machines of their own, and the real API server of a
//! control plane without a member, each in its pod's view of its node, under its pod's user, with its manifest's command line.
//!
//! The test says the words to etcd that the agent's guard will say on a node; `make interop` runs it.

#![allow(clippy::unwrap_used)]

mod support;

use support::cluster::{Cluster, ok};
use support::node::Workplace;

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn an_api_server_without_a_member_beside_it_serves_from_the_members_elsewhere() {
    let workplace = Workplace::render_profile("external-etcd", &[]);
    let mut cluster = Cluster::of(workplace, |node| node.name.starts_with("etcd") || node.name == "master2");
    for name in ["etcd1", "etcd2", "etcd3"] {
        cluster.start(name, "etcd");
    }
    cluster.start("master2", "kube-apiserver");
    cluster.wait_for_api("master2");
    ok(&cluster.kubectl("master2", &["create", "configmap", "canary", "--from-literal=word=nightingale"]));
    // One of three members may go.
    cluster.machine("etcd1").ip(&["link", "set", "eth0", "down"]);
    let read = cluster.kubectl("master2", &["get", "configmap", "canary", "-o", "jsonpath={.data.word}"]);
    assert_eq!(ok(&read), "nightingale");
}
