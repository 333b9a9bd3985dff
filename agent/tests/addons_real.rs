//! Addons reach a real API server: in order, once, by whichever control plane comes first, and go with the generation that
//! drops them.
//!
//! No kubelet and no controller runs. The programs are built by `make interop`.

#![allow(clippy::unwrap_used)]

mod addons;

use addons::api_server::ApiServer;
use addons::node::Node;
use addons::render::{Render, config, gate, gates, namespace};
use serde_json::json;
use std::time::Duration;

const MASTERS: [&str; 3] = ["master1", "master2", "master3"];

/// A Namespace, a kind, and objects that need both.
fn site() -> Vec<serde_json::Value> {
    vec![namespace("site"), gates(), gate("site", "north"), config("site", "a")]
}

/// A webhook for what is written to the namespace `later`. Nobody listens.
fn deaf_webhook() -> serde_json::Value {
    json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "deaf.example.com"}, "webhooks": [{
        "name": "deaf.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"url": "https://127.43.0.9:9/"},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "later"}},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["configmaps"]}],
    }]})
}

fn label(server: &ApiServer, node: &str) -> serde_json::Value {
    server.object(&["node", node])["metadata"]["labels"]["node-role.kubernetes.io/control-plane"].clone()
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn all_addons_and_a_kind_with_its_objects_are_applied_at_once_and_nodes_are_labelled_when_they_come() {
    let server = ApiServer::start("all", 1);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "site"},
        "stringData": {"password": "nightingale"}});
    let render = Render::ha3().with(&[site(), vec![secret]].concat());
    server.join("master1");
    let mut first = Node::new(&server, "master1", &render);
    first.start();
    println!("{} objects applied in {:?}, {} KiB", render.count(), first.wait_done(60), first.memory());
    let message = format!("{} objects applied; to be labelled when they come: master2, master3", render.count());
    assert_eq!(first.message(), message);
    for words in [["--namespace=site", "gate", "north"], ["--namespace=kube-system", "daemonset", "kube-proxy"]] {
        assert!(server.has(&words), "{words:?}");
    }
    assert_eq!(label(&server, "master1"), "");
    assert!(!server.has(&["node", "master2"]), "the agent makes no Node");
    let record = server.record();
    for (key, value) in [("complete", "true"), ("generation", "1"), ("name", "ha3"), ("kubernetesVersion", "v1.36.3")] {
        assert_eq!(record[key], value);
    }
    assert_eq!(record["images"], "registry.k8s.io/pause:3.10\n");
    assert_eq!(record["objects"].as_str().unwrap().lines().count(), render.count() - 3, "{record}");
    assert!(!record.to_string().contains("nightingale"));

    let mut second = Node::new(&server, "master2", &Render { generation: 2, ..render.clone() });
    second.start();
    println!("found done in {:?}", second.wait_done(20));
    assert!(second.message().starts_with(&format!("{} objects were applied before;", render.count())));
    assert_eq!(server.record()["generation"], "2", "the same addons in a newer payload of this node");
    server.join("master2");
    server.join("master3");
    assert_eq!((first.wait_end(90), second.wait_end(90)), (0, 0));
    assert_eq!([label(&server, "master2"), label(&server, "master3")], ["", ""]);
    assert_eq!(first.run(20), 0);
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn control_planes_that_start_together_do_the_work_once() {
    let server = ApiServer::start("together", 2);
    MASTERS.iter().for_each(|name| server.join(name));
    let render = Render::ha3().with(&site());
    let mut nodes = MASTERS.map(|name| Node::new(&server, name, &render));
    nodes.iter_mut().for_each(Node::start);
    let codes = nodes.each_mut().map(|node| node.wait_end(60));
    assert_eq!(codes, [0, 0, 0]);
    let did = nodes.iter().filter(|node| node.message().ends_with("objects applied")).count();
    assert_eq!(did, 1, "{:?}", nodes.each_ref().map(Node::message));
    let lease = server.object(&["--namespace=kube-system", "lease", "kfimg-addons"]);
    assert_eq!(lease["spec"].get("holderIdentity").cloned().unwrap_or(json!("")), "");
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn a_lock_whose_holder_lost_power_is_taken_over_and_ones_own_at_once() {
    let server = ApiServer::start("lock", 3);
    MASTERS.iter().for_each(|name| server.join(name));
    server.create(&json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "kfimg-addons", "namespace": "kube-system"},
        "spec": {"holderIdentity": "master2", "leaseDurationSeconds": 50, "renewTime": "2099-01-01T00:00:00.000000Z"}}));
    let render = Render::small().with(&site());
    let mut other = Node::new(&server, "master1", &render);
    other.start();
    other.wait("waiting", 20, |node| node.message() == "waiting for master2, which applies the addons");
    let mut own = Node::new(&server, "master2", &render);
    assert_eq!(own.run(20), 0);
    assert_eq!(other.wait_end(20), 0);
    server.ok(&[
        "--namespace=kube-system",
        "patch",
        "lease",
        "kfimg-addons",
        "-p",
        r#"{"spec":{"holderIdentity":"gone"}}"#,
    ]);
    other.deliver(&render.next(&[]));
    other.start();
    let took = other.wait("takeover", 80, |node| node.exit_code().is_some());
    assert!(took > Duration::from_secs(49), "{took:?}");
    assert_eq!(server.record()["generation"], "2");
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn what_the_next_generation_drops_goes_and_nothing_that_is_not_ours() {
    let server = ApiServer::start("prune", 4);
    MASTERS.iter().for_each(|name| server.join(name));
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "disk", "namespace": "site"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    server.create(&namespace("site"));
    server.create(&config("site", "theirs"));
    let dropped = ["dropped", "remade", "theirs"].map(|name| config("site", name));
    let render = Render::small().with(&[&site()[..], &dropped, &[claim]].concat());
    let mut node = Node::new(&server, "master1", &render);
    let mut late = Node::new(&server, "master2", &render);
    assert_eq!(node.run(30), 0);
    server.ok(&["--namespace=site", "delete", "configmap", "remade"]);
    server.create(&config("site", "remade"));
    server.create(&config("site", "foreign"));

    let next = render.next(&[config("site", "a")]);
    node.deliver(&next);
    assert_eq!(node.run(30), 0);
    let has = |kind: &str, name: &str| server.has(&["--namespace=site", kind, name]);
    for (kind, name, stays) in [
        ("configmap", "a", true),
        ("configmap", "dropped", false),
        ("gate", "north", false),
        ("configmap", "remade", true),
        ("configmap", "theirs", true),
        ("configmap", "foreign", true),
        ("persistentvolumeclaim", "disk", true),
        ("customresourcedefinition", "gates.example.com", true),
    ] {
        assert_eq!(has(kind, name), stays, "{kind} {name}");
    }
    assert_eq!(node.warnings(), ["ADDONS_KEPT", "ADDONS_KEPT"], "the Namespace was never ours: {}", node.status());

    assert_eq!(late.run(30), 0);
    assert_eq!(late.warnings(), ["ADDONS_OLDER"]);
    assert!(!has("configmap", "dropped") && server.record()["generation"] == "2");
    for wrong in [Render { generation: 2, ..render.clone() }, Render { uid: "fedc", ..next.clone() }] {
        late.deliver(&wrong);
        assert_eq!(late.run(30), 3);
        assert_eq!(late.status()["failure"]["code"], "ADDONS_RECORD");
    }
    assert!(!has("configmap", "dropped") && has("configmap", "a"));
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn what_is_refused_is_named_what_is_early_waits_and_all_else_is_applied() {
    let server = ApiServer::start("refused", 5);
    MASTERS.iter().for_each(|name| server.join(name));
    let mut unknown_field = config("site", "unknown");
    unknown_field["datta"] = json!({});
    let mut invalid = config("site", "invalid");
    invalid["data"] = json!({"not a key": "x"});
    let wrong = [namespace("site"), unknown_field, invalid, config("site", "a"), config("site", "old")];
    let mut node = Node::new(&server, "master1", &Render::small().with(&wrong));
    assert_eq!(node.run(60), 4);
    let status = node.status();
    assert_eq!([&status["failure"]["code"], &status["warnings"][0]["code"]], ["ADDONS_REFUSED", "ADDONS_REFUSED"]);
    let named = status["failure"]["message"].as_str().unwrap();
    assert!(named.starts_with("ConfigMap site/unknown: ") && named.contains(".datta"), "{named}");
    assert!(server.has(&["--namespace=site", "configmap", "a"]) && server.record()["complete"] == "false");
    assert_eq!(label(&server, "master1"), "", "Nodes are labelled all the same");

    // Nothing is deleted before all is applied.
    let early = [namespace("site"), gate("site", "early"), config("later", "b"), config("site", "a")];
    let next = Render::small().with(&wrong).next(&early);
    node.deliver(&next);
    node.start();
    node.wait("waiting", 20, |node| node.message().contains("2 of 7 objects can't be applied yet"));
    assert!(node.message().ends_with("Gate site/early: there is no kind Gate in example.com/v1"), "{}", node.message());
    server.create(&gates());
    node.wait("the next reason", 20, |node| node.message().contains("ConfigMap later/b: status 404"));
    assert!(server.has(&["--namespace=site", "configmap", "old"]));
    server.create(&deaf_webhook());
    server.create(&namespace("later"));
    node.wait("the next reason", 20, |node| node.message().contains("failed calling webhook"));
    server.ok(&["delete", "validatingwebhookconfiguration", "deaf.example.com"]);
    assert_eq!(node.wait_end(20), 0);
    assert!(!server.has(&["--namespace=site", "configmap", "old"]) && server.record()["complete"] == "true");
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn a_power_cut_at_any_moment_orphans_nothing() {
    let server = ApiServer::start("cuts", 6);
    MASTERS.iter().for_each(|name| server.join(name));
    let mut render = Render::small().with(&[]);
    let mut node = Node::new(&server, "master1", &render);
    let mut cut = 0;
    for round in 0..12_u64 {
        let new = |number: u64| config("site", &format!("{round}-{number}"));
        let objects: Vec<_> = [namespace("site"), gates(), gate("site", &format!("gate-{round}"))]
            .into_iter()
            .chain((0..30).map(new))
            .collect();
        render = render.next(&objects);
        node.deliver(&render);
        for moment in 0..4 {
            node.start();
            std::thread::sleep(Duration::from_millis(20 + 13 * round + 110 * moment));
            cut += u32::from(node.exit_code().is_none());
            node.kill();
        }
        assert_eq!(node.run(60), 0);
        let listed = server.ok(&["--namespace=site", "get", "configmap,gate", "-o", "name"]);
        let ours = listed.lines().filter(|line| !line.ends_with("/kube-root-ca.crt"));
        assert_eq!(ours.count(), 31, "round {round}: {listed}");
    }
    println!("{cut} of 48 runs were cut");
    assert!(cut > 20);
    node.deliver(&render.next(&[]));
    assert_eq!(node.run(60), 0);
    assert_eq!(server.ok(&["--namespace=site", "get", "configmap,gate", "-o", "name"]), "");
    assert_eq!(server.record()["objects"].as_str().unwrap().lines().count(), 2, "Namespace and kind are kept");
}

#[test]
#[ignore = "needs etcd and kube-apiserver; run by make interop"]
fn a_newer_kube_proxy_waits_for_the_last_api_server_of_the_old_version() {
    let server = ApiServer::start("upgrade", 7);
    server.join("master1");
    let render = Render::ha3();
    let mut node = Node::new(&server, "master1", &render);
    node.start();
    node.wait_done(60);
    let image = |server: &ApiServer| {
        let set = server.object(&["--namespace=kube-system", "daemonset", "kube-proxy"]);
        set["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    };
    let before = image(&server);
    let upgrade = render.next(&[config("default", "new")]).with_kube_proxy("v1.37.0");
    node.deliver(&upgrade);
    node.start();
    node.wait_done(60);
    let reason = "kube-proxy of the new version waits: the API server of master1 is still 1.36";
    assert!(node.message().contains(reason), "{}", node.message());
    assert_eq!(image(&server), before);
    assert!(server.has(&["configmap", "new"]) && server.record()["complete"] == "false");

    // A patch of the same minor waits for nobody.
    let patch = upgrade.next(&[config("default", "new")]).with_kube_proxy("v1.36.99");
    node.deliver(&patch);
    node.start();
    node.wait_done(60);
    assert!(image(&server).ends_with(":v1.36.99") && server.record()["complete"] == "true");
}
