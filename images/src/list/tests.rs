use serde_json::json;

use super::*;
use crate::discovery::discover;

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

fn example() -> ImageList {
    let mut list = ImageList::new();
    list.add(reference("registry.k8s.io/pause:3.10.2"), Reason::sandbox("worker1"));
    for node in ["master3", "master1", "master2", "master1"] {
        list.add(reference("registry.k8s.io/etcd:3.6.8-0"), Reason::static_pod("etcd", "etcd", node));
        list.add(reference("registry.k8s.io/pause:3.10.2"), Reason::sandbox(node));
    }
    let control_planes = Scope::Role("control-plane".to_owned());
    list.add(reference("registry.k8s.io/coredns/coredns:v1.14.2"), Reason::addon("coredns", "coredns", control_planes));
    let web = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "nginx", "image": "nginx:1.27"}]}}}});
    list.add_manifest(&discover(&web), "manifests/web.yaml", Some(12));
    let extra = Reason { cause: Cause::Description("images.extra[0]".to_owned()), scope: Scope::EveryNode };
    list.add(reference("docker.io/library/nginx:1.27"), extra);
    list
}

#[test]
fn the_text_has_each_image_once_in_the_order_of_sort() {
    let text = "docker.io/library/nginx:1.27\nregistry.k8s.io/coredns/coredns:v1.14.2\n\
                registry.k8s.io/etcd:3.6.8-0\nregistry.k8s.io/pause:3.10.2\n";
    assert_eq!(example().to_text(), text);
    let mut sorted: Vec<&str> = text.lines().collect();
    sorted.sort_unstable();
    assert_eq!(sorted.join("\n") + "\n", text);
}

#[test]
fn why_names_every_reason() {
    let text = "\
docker.io/library/nginx:1.27
  manifest manifests/web.yaml:12 Deployment/web container nginx on every node
  description images.extra[0] on every node
registry.k8s.io/coredns/coredns:v1.14.2
  addon coredns on role control-plane
registry.k8s.io/etcd:3.6.8-0
  static pod etcd on master1, master2, master3
registry.k8s.io/pause:3.10.2
  sandbox image of containerd on master1, master2, master3 and 1 more
";
    assert_eq!(example().to_text_with_reasons(), text);
}

#[test]
fn rows_have_an_image_and_one_cause_each() {
    let rows = example().rows();
    assert_eq!(rows.len(), 5);
    let etcd = ImageRow {
        image: "registry.k8s.io/etcd:3.6.8-0".to_owned(),
        reason: "static pod etcd".to_owned(),
        needed_by: "master1, master2, master3".to_owned(),
    };
    assert_eq!(rows[3], etcd);
}

#[test]
fn json_names_every_node() {
    let value = serde_json::to_value(example()).unwrap();
    let pause = json!({"image": "registry.k8s.io/pause:3.10.2", "reasons": [
        {"reason": "sandbox image of containerd", "neededBy": ["master1", "master2", "master3", "worker1"]}]});
    assert_eq!(value[3], pause);
    assert_eq!(value[0]["reasons"][0]["neededBy"], json!(["every node"]));
}

#[test]
fn the_order_of_adding_leaves_no_trace() {
    let (forward, mut backward) = (example(), ImageList::new());
    let images: Vec<Reference> = forward.references().cloned().collect();
    for image in images.iter().rev() {
        for reason in forward.reasons(image).into_iter().rev() {
            backward.add(image.clone(), reason);
        }
    }
    assert_eq!(serde_json::to_string(&backward).unwrap(), serde_json::to_string(&forward).unwrap());
    let mut merged = ImageList::new();
    merged.merge(backward);
    merged.merge(forward.clone());
    assert_eq!(merged.to_text_with_reasons(), forward.to_text_with_reasons());
}

#[test]
fn an_unknown_image_has_no_reasons() {
    let list = example();
    assert!(list.reasons(&reference("nginx:1.28")).is_empty());
    assert_eq!((list.len(), list.is_empty(), ImageList::new().is_empty()), (4, false, true));
    let shown: Vec<String> = list.reasons(&reference("nginx:1.27")).iter().map(ToString::to_string).collect();
    assert_eq!(shown[0], "manifest manifests/web.yaml:12 Deployment/web container nginx on every node");
}
