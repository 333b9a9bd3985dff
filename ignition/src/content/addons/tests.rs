//! What must hold for all addons together. What single settings do is in [`settings`].

mod settings;

use super::{List, Site, lists};
use flate2::{Compression, write::GzEncoder};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Node, Service, ServiceAccount};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kfimg_images::{Catalog, Component, ImageList, Pins};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{CloudProvider, Cni};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;

/// What a test changes in `ha3`.
type Change = fn(&mut Cluster);

static UNPINNED: Pins = Pins::none();

fn site(cluster: &Cluster) -> Site<'_> {
    let catalog = Catalog::for_version((cluster.version.major, cluster.version.minor)).unwrap();
    Site { cluster, catalog, pins: &UNPINNED }
}

/// The lists of `ha3` after a change.
fn rendered(change: Change) -> Vec<List> {
    let mut cluster = Cluster::fake();
    change(&mut cluster);
    lists(&site(&cluster)).unwrap()
}

/// All objects of a cluster in their order.
fn objects_of(cluster: &Cluster) -> Vec<Value> {
    lists(&site(cluster)).unwrap().into_iter().flat_map(|list| list.items).collect()
}

/// All objects of `ha3` after a change.
fn objects(change: Change) -> Vec<Value> {
    let mut cluster = Cluster::fake();
    change(&mut cluster);
    objects_of(&cluster)
}

fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name}"))
}

fn networks(cluster: &mut Cluster, pods: &[&str], services: &[&str]) {
    cluster.networking.pod_subnets = pods.iter().map(|net| net.parse().unwrap()).collect();
    cluster.networking.service_subnets = services.iter().map(|net| net.parse().unwrap()).collect();
}

fn ipv6(cluster: &mut Cluster) {
    networks(cluster, &["fd00:10::/56"], &["fd00:20::/108"]);
}

fn dual(cluster: &mut Cluster) {
    networks(cluster, &["10.244.0.0/16", "fd00:10::/56"], &["10.96.0.0/16", "fd00:20::/108"]);
}

fn dual_ipv6_first(cluster: &mut Cluster) {
    networks(cluster, &["fd00:10::/56", "10.244.0.0/16"], &["fd00:20::/108", "10.96.0.0/16"]);
}

fn all_there_is(cluster: &mut Cluster) {
    dual(cluster);
    cluster.networking.cni = Cni::Flannel;
    cluster.dns.replicas = 3;
    cluster.dns.stub_domains = [("corp.example".to_owned(), vec!["10.1.1.1".parse().unwrap()])].into();
    cluster.metrics_server.as_mut().unwrap().replicas = 2;
    cluster.kube_proxy.conntrack_min = Some(0);
    cluster.kube_proxy.feature_gates.insert("ContextualLogging".to_owned(), true);
    cluster.dns.node_local_cache = Some("169.254.20.10".parse().unwrap());
    cluster.headlamp = true;
    cluster.cloud_provider = Some(CloudProvider::External);
}

/// Clusters that together use every branch.
const SHAPES: [(&str, Change); 5] =
    [("ha3", |_| ()), ("IPv6", ipv6), ("dual stack", dual), ("IPv6 first", dual_ipv6_first), ("all", all_there_is)];

#[test]
fn files_are_applied_in_the_order_of_their_names() {
    let all = [
        "00-cluster-rbac",
        "10-kube-proxy",
        "20-flannel",
        "30-coredns",
        "35-node-local-dns",
        "40-metrics-server",
        "45-headlamp",
        "90-node-roles",
    ];
    const OPTIONAL: [&str; 2] = ["35-node-local-dns", "45-headlamp"];
    let without = |name: &'static str| [&[name], &OPTIONAL[..]].concat();
    let cases: [(Change, Vec<&str>); 5] = [
        (|_| (), OPTIONAL.to_vec()),
        (|cluster| cluster.networking.cni = Cni::None, without("20-flannel")),
        (|cluster| cluster.kube_proxy.disabled = true, without("10-kube-proxy")),
        (|cluster| cluster.metrics_server = None, without("40-metrics-server")),
        (all_there_is, Vec::new()),
    ];
    for (change, absent) in cases {
        let paths: Vec<String> = rendered(change).into_iter().map(|list| list.path).collect();
        let expected = all.iter().filter(|name| !absent.contains(name));
        let expected: Vec<String> = expected.map(|name| format!("/etc/kfimg/addons/{name}.json")).collect();
        assert_eq!(paths, expected);
    }
}

/// Whether the object's type has all of its fields.
fn is_of_its_type(object: &Value) -> bool {
    fn decodes<T: DeserializeOwned + Serialize>(object: &Value) -> bool {
        let typed: T = serde_json::from_value(object.clone()).unwrap();
        serde_json::to_value(&typed).unwrap() == *object
    }
    let kind = object["kind"].as_str().unwrap();
    match (object["apiVersion"].as_str().unwrap(), kind) {
        ("v1", "ConfigMap") => decodes::<ConfigMap>(object),
        ("v1", "Namespace") => decodes::<Namespace>(object),
        ("v1", "Node") => decodes::<Node>(object),
        ("v1", "Service") => decodes::<Service>(object),
        ("v1", "ServiceAccount") => decodes::<ServiceAccount>(object),
        ("apps/v1", "DaemonSet") => decodes::<DaemonSet>(object),
        ("apps/v1", "Deployment") => decodes::<Deployment>(object),
        ("policy/v1", "PodDisruptionBudget") => decodes::<PodDisruptionBudget>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => decodes::<ClusterRole>(object),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => decodes::<ClusterRoleBinding>(object),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => decodes::<RoleBinding>(object),
        ("apiregistration.k8s.io/v1", "APIService") => decodes::<APIService>(object),
        (version, kind) => panic!("{version} {kind} is not expected among the addons"),
    }
}

#[test]
fn every_object_is_of_a_known_type_and_marked_as_ours() {
    for (shape, change) in SHAPES {
        for object in objects(change) {
            assert!(is_of_its_type(&object), "{shape}: {object}");
            if object["kind"] != "Node" {
                let labels = &object["metadata"]["labels"];
                assert_eq!(labels["app.kubernetes.io/managed-by"], "kfimg", "{shape}: {object}");
                assert!(labels["app.kubernetes.io/name"].is_string(), "{shape}: {object}");
            }
        }
    }
}

#[test]
fn no_object_is_there_twice() {
    for (shape, change) in SHAPES {
        let mut seen = BTreeSet::new();
        for object in objects(change) {
            let metadata = &object["metadata"];
            let identity = format!("{} {} {}", object["kind"], metadata["namespace"], metadata["name"]);
            assert!(seen.insert(identity.clone()), "{shape}: {identity}");
        }
    }
}

/// What an object names that must be there before it: kind, namespace (null: none), name.
fn needs(object: &Value) -> Vec<(&'static str, Value, Value)> {
    let namespace = &object["metadata"]["namespace"];
    let mut needs = vec![("Namespace", Value::Null, namespace.clone())];
    let pod = &object["spec"]["template"]["spec"];
    if pod.is_object() {
        needs.push(("ServiceAccount", namespace.clone(), pod["serviceAccountName"].clone()));
    }
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        needs.push(("ConfigMap", namespace.clone(), volume["configMap"]["name"].clone()));
    }
    for subject in object["subjects"].as_array().into_iter().flatten().filter(|s| s["kind"] == "ServiceAccount") {
        needs.push(("ServiceAccount", subject["namespace"].clone(), subject["name"].clone()));
    }
    if object["roleRef"]["kind"] == "ClusterRole" {
        needs.push(("ClusterRole", Value::Null, object["roleRef"]["name"].clone()));
    }
    let service = &object["spec"]["service"];
    needs.push(("Service", service["namespace"].clone(), service["name"].clone()));
    needs.retain(|(_, _, name)| !name.is_null());
    needs
}

#[test]
fn what_an_object_needs_comes_before_it() {
    // What the API server makes by itself.
    let system_roles = [
        "system:kubelet-api-admin",
        "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
        "system:node-proxier",
        "system:auth-delegator",
    ];
    for (shape, change) in SHAPES {
        let mut there: BTreeSet<String> =
            system_roles.iter().map(|role| format!("{:?}", ("ClusterRole", Value::Null, json!(role)))).collect();
        there.insert(format!("{:?}", ("Namespace", Value::Null, json!("kube-system"))));
        for object in objects(change) {
            for need in needs(&object) {
                assert!(there.contains(&format!("{need:?}")), "{shape}: {need:?} is missing before {object}");
            }
            let (kind, metadata) = (object["kind"].as_str().unwrap(), &object["metadata"]);
            there.insert(format!("{:?}", (kind, metadata["namespace"].clone(), metadata["name"].clone())));
        }
    }
}

#[test]
fn selectors_select_pods_that_exist() {
    for (shape, change) in SHAPES {
        let objects = objects(change);
        let templates: Vec<&Value> = objects
            .iter()
            .map(|object| &object["spec"]["template"]["metadata"]["labels"])
            .filter(|l| l.is_object())
            .collect();
        for object in objects.iter().filter(|object| object["spec"]["selector"].is_object()) {
            let selector = &object["spec"]["selector"];
            let labels = selector.get("matchLabels").unwrap_or(selector).as_object().unwrap();
            let matches = |template: &Value| labels.iter().all(|(key, value)| template[key] == *value);
            let own = &object["spec"]["template"]["metadata"]["labels"];
            assert!(!own.is_object() || matches(own), "{shape}: {object}");
            let selected = templates.iter().filter(|template| matches(template)).count();
            assert_eq!(selected, 1, "{shape}: {object}");
        }
    }
}

#[test]
fn every_image_is_of_the_catalog_and_for_every_node() {
    let mut images = ImageList::new();
    rendered(all_there_is).into_iter().for_each(|list| images.merge(list.images));
    let catalog = Catalog::for_version((1, 36)).unwrap();
    let components = [
        (Component::Coredns, "addon coredns on every node"),
        (Component::Flannel, "addon flannel container install-cni on every node"),
        (Component::FlannelCniPlugin, "addon flannel container install-cni-plugin on every node"),
        (Component::Headlamp, "addon headlamp on every node"),
        (Component::KubeProxy, "addon kube-proxy on every node"),
        (Component::MetricsServer, "addon metrics-server on every node"),
        (Component::NodeLocalDns, "addon node-local-dns container node-cache on every node"),
    ];
    assert_eq!(images.len(), components.len());
    for (component, reason) in components {
        let reasons: Vec<String> =
            images.reasons(&catalog.image(component, 3)).iter().map(ToString::to_string).collect();
        assert!(reasons.contains(&reason.to_owned()), "{component}: {reasons:?}");
    }
}

/// Bytes of all files of a cluster, packed as a payload packs them.
fn packed_size(cluster: &Cluster) -> usize {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    for list in lists(&site(cluster)).unwrap() {
        gzip.write_all(&serde_json::to_vec_pretty(&list.items).unwrap()).unwrap();
    }
    gzip.finish().unwrap().len()
}

#[test]
fn addons_leave_room_in_a_payload_of_64_kib_and_do_not_grow_with_workers() {
    let mut cluster = Cluster::fake();
    all_there_is(&mut cluster);
    let size = packed_size(&cluster);
    assert!(size < 12 << 10, "{size} bytes");
    let worker = cluster.nodes.last().unwrap().clone();
    for number in 0..1000 {
        let mut worker = worker.clone();
        worker.name = format!("w{number}");
        cluster.nodes.push(worker);
    }
    assert_eq!(packed_size(&cluster), size);
}
