//! The plan that the agent will read: it is the agent's own type, and all that it names is in the payload.

#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "each test takes a part of it")]
mod site;

use kfimg_agent::Plan;
use kfimg_agent::plan::{PLAN_PATH, PLAN_VERSION, Role};
use kfimg_ignition::tree::NodeTree;
use kfimg_profiles::description::Role as RoleOf;
use site::{Site, text};

fn plan(tree: &NodeTree) -> Plan {
    serde_json::from_str(text(tree, PLAN_PATH)).unwrap()
}

#[test]
fn all_that_a_plan_names_is_in_the_payload() {
    let site = Site::with(|_| {});
    for node in ["master1", "master3", "worker1"] {
        let tree = site.tree(node);
        let plan = plan(&tree);
        let named = plan
            .copies
            .iter()
            .map(|copy| &copy.source)
            .chain(plan.manifests().map(|manifest| &manifest.source))
            .chain(plan.addons.iter().flat_map(|addons| addons.files.iter().chain([&addons.kubeconfig])));
        let missing: Vec<&String> = named.filter(|path| tree.get(path).is_none()).collect();
        assert!(missing.is_empty(), "{node}: {missing:?}");
    }
}

#[test]
fn a_plan_says_who_the_node_is_and_what_its_role_does() {
    let site = Site::with(|_| {});
    let (master, worker) = (plan(&site.tree("master2")), plan(&site.tree("worker2")));
    assert_eq!((master.version, master.generation), (PLAN_VERSION, 1));
    assert_eq!((master.node.role, worker.node.role), (Role::ControlPlane, Role::Worker));
    assert_ne!(master.node.machine_id, worker.node.machine_id);
    let etcd = master.etcd.unwrap();
    let urls: Vec<&str> = etcd.members.iter().map(|member| member.guard_url.as_str()).collect();
    assert_eq!(urls, ["https://192.168.49.151:2382", "https://192.168.49.152:2382", "https://192.168.49.153:2382"]);
    assert!(worker.etcd.is_none() && worker.addons.is_none() && worker.copies.is_empty());
    assert!(master.certificates.not_before < master.certificates.not_after);
    assert!(master.images[0].reference.contains("haproxy"), "images of the node's own pods come first");
    let ports = [6443, 2379, 2380, 2381, 2382, 10249, 10250, 10256, 10257, 10259];
    assert!(ports.iter().all(|port| master.preflight.free_ports.contains(port)), "{:?}", master.preflight.free_ports);
}

#[test]
fn etcd_apart_from_control_planes_is_waited_for_there_and_guarded_here() {
    let site = Site::with(|cluster| {
        cluster
            .nodes
            .iter_mut()
            .filter(|node| node.name.starts_with("worker"))
            .for_each(|node| node.role = RoleOf::Etcd);
        cluster.dns.node_local_cache = Some("169.254.20.10".parse().unwrap());
    });
    let (etcd, master) = (plan(&site.tree("worker1")), plan(&site.tree("master1")));
    assert_eq!((etcd.node.role, master.node.role), (Role::Etcd, Role::ControlPlane));
    let members: Vec<&str> = etcd.etcd.as_ref().unwrap().members.iter().map(|member| member.name.as_str()).collect();
    assert_eq!(members, ["worker1", "worker2"]);
    assert_eq!(master.remote_etcd, etcd.etcd.as_ref().unwrap().members, "the API server waits for all of them");
    assert!(master.etcd.is_none() && etcd.remote_etcd.is_empty());
    assert!(etcd.api_server_manifest.is_none() && etcd.keepalived_manifest.is_none() && etcd.addons.is_none());
    // The kubelet's health is asked on loopback; its own server is off.
    assert_eq!(etcd.preflight.free_ports, [2379, 2380, 2381, 2382, 10248]);
    for port in [2379, 2380, 2381, 2382] {
        assert!(!master.preflight.free_ports.contains(&port), "{port}");
    }
    assert!([6443, 9253, 9254, 9353].iter().all(|port| master.preflight.free_ports.contains(port)));
    let images: Vec<&str> = etcd.images.iter().map(|image| image.reference.as_str()).collect();
    assert_eq!(images, ["registry.k8s.io/etcd:3.6.8-0", "registry.k8s.io/pause:3.10.2"]);
    assert!(!master.images.iter().any(|image| image.reference.contains("/etcd:")));
}

#[test]
fn a_plan_of_another_format_is_refused() {
    let site = Site::with(|_| {});
    let tree = site.tree("worker1");
    let strange = text(&tree, PLAN_PATH).replacen('{', "{\"sudo\": true,", 1);
    assert!(serde_json::from_str::<Plan>(&strange).unwrap_err().to_string().contains("sudo"));
}
