//! From the built-in profile `ha3` to what it needs.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use kfimg_pki::{Leaf, Role, check, inventory};
use kfimg_profiles::load::{Inputs, load};

fn inputs(sets: &[&str]) -> Inputs {
    Inputs {
        profile: Some("ha3".to_owned()),
        registry: Some("reg.local".to_owned()),
        sets: sets.iter().map(|set| (*set).to_owned()).collect(),
        ..Inputs::default()
    }
}

#[test]
fn ha3_needs_twelve_certificates_on_a_control_plane_and_two_on_a_worker() {
    let loaded = load(&inputs(&[])).unwrap();
    let request = inventory::request(&loaded.cluster);
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    for spec in inventory::leaves(&loaded.cluster) {
        *counts.entry(spec.node).or_default() += 1;
    }
    for node in &request.nodes {
        let expected = if node.role == Role::ControlPlane { 12 } else { 2 };
        assert_eq!(counts.remove(&Some(node.name.clone())), Some(expected), "{}", node.name);
        assert_eq!(node.etcd_member, node.role == Role::ControlPlane, "{}", node.name);
    }
    assert_eq!(counts, BTreeMap::from([(None, 1)]), "the administrator's");
    assert_eq!(request.nodes.len(), 5);
    assert!(check(&request, Timestamp::now()).is_empty());
}

#[test]
fn an_api_server_answers_to_the_service_the_endpoint_and_the_extras() {
    let sets = ["apiServer.certSANs=[\"api.example.com\", \"203.0.113.9\"]"];
    let loaded = load(&inputs(&sets)).unwrap();
    let request = inventory::request(&loaded.cluster);
    let first = &request.nodes[0];
    let spec = request.leaves().into_iter().find(|spec| spec.leaf == Leaf::Apiserver).unwrap();
    let names: Vec<_> = spec.names.iter().map(ToString::to_string).collect();
    for expected in [
        format!("DNS:{}", first.name),
        format!("IP:{}", first.addresses[0]),
        "DNS:kubernetes".to_owned(),
        "DNS:kubernetes.default".to_owned(),
        "DNS:kubernetes.default.svc".to_owned(),
        "DNS:kubernetes.default.svc.cluster.local".to_owned(),
        "DNS:localhost".to_owned(),
        "IP:127.0.0.1".to_owned(),
        "IP:::1".to_owned(),
        "IP:10.96.0.1".to_owned(),
        "IP:192.168.49.150".to_owned(),
        "DNS:api.example.com".to_owned(),
        "IP:203.0.113.9".to_owned(),
    ] {
        assert!(names.contains(&expected), "{expected} is not in {names:?}");
    }
}
