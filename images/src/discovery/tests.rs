use serde_json::json;

use super::*;

fn pod_spec() -> Value {
    json!({
        "containers": [{"name": "web", "image": "nginx:1.27"}],
        "initContainers": [{"name": "init", "image": "registry.k8s.io/a/b:v1"}],
        "ephemeralContainers": [{"name": "debug", "image": "quay.io/debug:v2"}],
        "volumes": [
            {"name": "data", "image": {"reference": "ghcr.io/models/small:3", "pullPolicy": "IfNotPresent"}},
            {"name": "scratch", "emptyDir": {}}
        ]
    })
}

/// A value with `inner` below the given fields.
fn below(fields: &[&str], inner: Value) -> Value {
    fields.iter().rev().fold(inner, |value, field| json!({ *field: value }))
}

fn object(api_version: &str, kind: &str, fields: &[&str], inner: Value) -> Value {
    let mut value = below(fields, inner);
    value["apiVersion"] = json!(api_version);
    value["kind"] = json!(kind);
    value["metadata"] = json!({"name": "example", "namespace": "site"});
    value
}

fn images(found: &Discovery) -> Vec<(String, String, String)> {
    let row = |image: &FoundImage| (image.path.clone(), image.place.to_string(), image.reference.to_string());
    found.images.iter().map(row).collect()
}

fn remarks(value: &Value) -> Vec<(Severity, String)> {
    discover(value).remarks.iter().map(|remark| (remark.severity(), remark.to_string())).collect()
}

#[test]
fn every_built_in_kind_yields_all_four_sorts_of_images() {
    for (group, kind, fields) in POD_KINDS {
        let api_version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
        let found = discover(&object(&api_version, kind, fields, pod_spec()));
        let at = fields.join(".");
        let wanted = [
            ("initContainers[0].image", "init container init", "registry.k8s.io/a/b:v1"),
            ("containers[0].image", "container web", "docker.io/library/nginx:1.27"),
            ("ephemeralContainers[0].image", "ephemeral container debug", "quay.io/debug:v2"),
            ("volumes[0].image.reference", "image volume data", "ghcr.io/models/small:3"),
        ]
        .map(|(path, place, image)| (format!("{at}.{path}"), place.to_owned(), image.to_owned()));
        assert_eq!(images(&found), wanted, "{kind}");
        assert_eq!(found.remarks, [], "{kind}");
        assert_eq!(found.images[0].object.to_string(), format!("{kind}/example"));
        assert_eq!(found.images[0].object.namespace.as_deref(), Some("site"));
    }
}

#[test]
fn lists_are_searched_item_by_item_at_any_depth() {
    let pod = |name: &str, image: &str| {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "image": image}]}})
    };
    let bare = json!({"metadata": {"name": "third"},
        "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "reg.local/c:3"}]}}}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [
        pod("first", "reg.local/a:1"),
        {"apiVersion": "v1", "kind": "List", "items": [pod("second", "reg.local/b:2"), null]},
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [bare]},
    ]});
    let found = discover(&list);
    let rows: Vec<_> = found.images.iter().map(|image| (image.object.to_string(), image.path.as_str())).collect();
    let wanted = [
        ("Pod/first", "items[0].spec.containers[0].image"),
        ("Pod/second", "items[1].items[0].spec.containers[0].image"),
        ("Deployment/third", "items[2].items[0].spec.template.spec.containers[0].image"),
    ]
    .map(|(object, path)| (object.to_owned(), path));
    assert_eq!(rows, wanted);
    let null_item = "List: items[1].items[1]: is not an object, as this field must be";
    assert_eq!(remarks(&list), [(Severity::Error, null_item.to_owned())]);
}

#[test]
fn other_built_in_kinds_ask_for_nothing() {
    let table = [
        json!(null),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "image"}, "spec": {"image": "nginx"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"image": "quay.io/a/b:c"}}),
        json!({"apiVersion": "v1", "kind": "Node", "status": {"images": [{"names": ["quay.io/a/b:c"]}]}}),
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []}),
        json!({"apiVersion": "v1", "kind": "List", "items": []}),
        json!({"apiVersion": "v1", "kind": "PodList", "items": null}),
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": null, "volumes": []}}),
    ];
    for value in table {
        assert_eq!(discover(&value), Discovery::default(), "{value}");
    }
}

#[test]
fn what_cannot_be_pulled_is_an_error() {
    let pod =
        |spec: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}, "spec": spec});
    let table = [
        (json!("text"), "this document: is not an object, as this field must be"),
        (json!({"spec": {}}), "this document: has no `kind`; this is not a Kubernetes object"),
        (json!({"apiVersion": "v1", "kind": ""}), "this document: has no `kind`; this is not a Kubernetes object"),
        (json!({"apiVersion": "v1", "kind": "Pod"}), "Pod: spec: is not an object, as this field must be"),
        (pod(json!(7)), "Pod/p-: spec: is not an object, as this field must be"),
        (pod(json!({"containers": {}})), "Pod/p-: spec.containers: is not a list, as this field must be"),
        (pod(json!({"containers": [{"name": "a"}]})), "Pod/p-: spec.containers[0].image: has no image; name one"),
        (pod(json!({"containers": [{"image": ""}]})), "Pod/p-: spec.containers[0].image: has no image; name one"),
        (pod(json!({"containers": ["x"]})), "Pod/p-: spec.containers[0].image: has no image; name one"),
        (
            pod(json!({"containers": [{"image": 1.27}]})),
            "Pod/p-: spec.containers[0].image: is not a text, as this field must be",
        ),
        (
            pod(json!({"containers": [{"image": "Nginx:1"}]})),
            "Pod/p-: spec.containers[0].image: image `Nginx:1`: repositories are lower case; write `nginx`",
        ),
        (
            pod(json!({"volumes": [{"name": "v", "image": {}}]})),
            "Pod/p-: spec.volumes[0].image.reference: has no image; name one",
        ),
    ];
    for (value, message) in table {
        assert_eq!(remarks(&value), [(Severity::Error, message.to_owned())], "{value}");
    }
}

#[test]
fn a_floating_image_is_found_and_warned_of() {
    for written in ["nginx", "nginx:latest"] {
        let found = discover(&object("v1", "Pod", &["spec"], json!({"containers": [{"name": "c", "image": written}]})));
        assert_eq!(found.images[0].reference.to_string(), "docker.io/library/nginx:latest");
        assert_eq!(found.images[0].written, written);
        let remark = &found.remarks[0];
        assert_eq!(remark.severity(), Severity::Warning);
        let message =
            format!("Pod/example: spec.containers[0].image: `{written}` means `docker.io/library/nginx:latest`,");
        assert!(remark.to_string().starts_with(&message), "{remark}");
    }
}

/// Each row: a value of a custom resource, and the questions: path and reference.
#[test]
fn custom_resources_raise_questions_only() {
    let table: Vec<(Value, Vec<(&str, &str)>)> = vec![
        (json!({"image": "nginx"}), vec![("spec.image", "docker.io/library/nginx:latest")]),
        (json!({"sidecarImage": "a/b:1"}), vec![("spec.sidecarImage", "docker.io/a/b:1")]),
        (
            json!({"images": ["a/b:1", "c:2"]}),
            vec![("spec.images[0]", "docker.io/a/b:1"), ("spec.images[1]", "docker.io/library/c:2")],
        ),
        (json!({"image": {"repository": "quay.io/a/b", "tag": "v1"}}), vec![("spec.image", "quay.io/a/b:v1")]),
        (
            json!({"image": {"registry": "quay.io", "repository": "a/b", "tag": "v1"}}),
            vec![("spec.image", "quay.io/a/b:v1")],
        ),
        (
            json!({"template": {"spec": {"containers": [{"name": "c", "image": "a:1"}]}}}),
            vec![("spec.template.spec.containers[0].image", "docker.io/library/a:1")],
        ),
        (json!({"values": "x:\n  image: \"quay.io/a/b:v1\"\n"}), vec![("spec.values", "quay.io/a/b:v1")]),
        (json!({"with.dot": "reg.local:5000/a:1"}), vec![("spec[\"with.dot\"]", "reg.local:5000/a:1")]),
        (json!({"diskImage": "true", "imagePullPolicy": "Always", "imageSize": 3}), vec![]),
        (json!({"url": "https://example.com/a:b", "path": "/var/lib/a:b", "ratio": "1/2:3"}), vec![]),
        (json!({"repository": "https://charts.example.com", "version": "1.2.3"}), vec![]),
    ];
    for (spec, wanted) in table {
        let found = discover(&object("example.com/v1", "Thing", &["spec"], spec.clone()));
        assert_eq!(found.images, [], "{spec}");
        let likely: Vec<_> = found.remarks.iter().map(|remark| (remark.path.as_str(), remark.kind.clone())).collect();
        let wanted: Vec<_> =
            wanted.into_iter().map(|(path, image)| (path, RemarkKind::Likely(image.parse().unwrap()))).collect();
        assert_eq!(likely, wanted, "{spec}");
        assert!(found.remarks.iter().all(|remark| remark.severity() == Severity::Question));
    }
}

#[test]
fn a_custom_resource_named_like_a_list_is_not_one() {
    let value = json!({"apiVersion": "example.com/v1", "kind": "AllowList", "items": ["quay.io/a/b:v1"]});
    let question = "AllowList: items[0]: looks like the image `quay.io/a/b:v1`; \
                    if the cluster pulls it, name its place in `imagePaths`";
    assert_eq!(remarks(&value), [(Severity::Question, question.to_owned())]);
    let list = json!({"apiVersion": "example.com/v1", "kind": "ThingList", "items": [{"spec": {"image": "a:1"}}]});
    assert_eq!(discover(&list).remarks[0].path, "items[0].spec.image");
    for items in [json!([]), json!([{"host": "example.com"}])] {
        let spec = json!({"image": "quay.io/a/b:v1"});
        let value = json!({"apiVersion": "example.com/v1", "kind": "AllowList", "items": items, "spec": spec});
        let found = discover(&value);
        let paths: Vec<&str> = found.remarks.iter().map(|remark| remark.path.as_str()).collect();
        assert_eq!(paths, ["spec.image"], "{value}");
    }
}

#[test]
fn arguments_environment_and_configuration_raise_questions() {
    let container = json!({"name": "operator", "image": "quay.io/operator:v1",
        "command": ["/operator", "--image-default=none"],
        "args": ["--reloader=quay.io/reloader:v2", "--listen=0.0.0.0:8080"],
        "env": [{"name": "RELATED_IMAGE", "value": "quay.io/related:v3"}, {"name": "X", "valueFrom": {}}]});
    let found = discover(&object("v1", "Pod", &["spec"], json!({"containers": [container]})));
    let paths: Vec<_> = found.remarks.iter().map(|remark| remark.path.as_str()).collect();
    assert_eq!(paths, ["spec.containers[0].args[0]", "spec.containers[0].env[0].value"]);
    assert_eq!(found.images.len(), 1);

    let data = json!({"config": "image: quay.io/injected:v4\nother: 'quay.io/injected:v4'", "word": "nginx"});
    let found = discover(&object("v1", "ConfigMap", &["data"], data));
    assert_eq!(found.remarks.len(), 1, "the same question is asked once");
    assert_eq!(found.remarks[0].kind, RemarkKind::Likely("quay.io/injected:v4".parse().unwrap()));
}
