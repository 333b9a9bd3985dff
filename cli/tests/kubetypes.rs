//! Kubernetes' own Go types judge every object that payloads hold, of `ha3` and of a site that uses every setting: each field must exist and have the right type.
//!
//! `make test` runs this where Go is new enough for the modules, `make interop` always. Values are judged by the components themselves,
//! in `interop.rs` and `control_plane.rs`.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use support::node::Workplace;
use support::program::{go_folder, succeed};

/// Kinds that the payloads of `ha3` must hold among others.
const KINDS: &[&str] = &[
    "apiserver.config.k8s.io/v1 AuthenticationConfiguration",
    "apiserver.config.k8s.io/v1 EncryptionConfiguration",
    "apps/v1 DaemonSet",
    "apps/v1 Deployment",
    "audit.k8s.io/v1 Policy",
    "kubelet.config.k8s.io/v1beta1 KubeletConfiguration",
    "kubeproxy.config.k8s.io/v1alpha1 KubeProxyConfiguration",
    "rbac.authorization.k8s.io/v1 ClusterRoleBinding",
    "v1 Config",
    "v1 List",
    "v1 Pod",
];

/// What a user's admission configuration may hold and no published Go module has a type for; only the API server knows it.
const UNPUBLISHED: &str = "eventratelimit.admission.k8s.io/v1alpha1 Configuration";

#[test]
#[ignore = "needs Go 1.26 and modules: `make test` or `make interop`"]
fn kubetypes_knows_every_field_of_every_object() {
    let seen = kinds_of(&Workplace::render("kubetypes"));
    for kind in KINDS {
        assert!(seen.contains(*kind), "no {kind} among {seen:?}");
    }
    kinds_of(&Workplace::render_site("everything", &[]));
}

/// Every kind that a render's payloads hold; each of its objects is what its type says.
fn kinds_of(workplace: &Workplace) -> BTreeSet<String> {
    let kubetypes = go_folder(&["kubetypes"]).join("kubetypes");
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for node in workplace.apply_all() {
        let folders = ["/etc/kubernetes", "/etc/kfimg", "/var/lib/kubelet"];
        let kinds = ["yaml", "json", "conf"];
        let files = folders.iter().flat_map(|folder| kinds.iter().flat_map(|kind| node.files(folder, kind)));
        let files = files.filter(|file| node.text(file).contains("apiVersion")).map(|file| node.path(&file));
        let answers = succeed(Command::new(&kubetypes).args(files).arg(workplace.output().join("admin.kubeconfig")));
        let answers: Vec<Value> = serde_json::from_str(&answers).unwrap();
        for answer in &answers {
            let kind = answer["kind"].as_str().unwrap();
            if answer["error"] != "" && kind != UNPUBLISHED {
                wrong.push(answer.to_string());
            }
            seen.insert(kind.to_owned());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    seen
}
