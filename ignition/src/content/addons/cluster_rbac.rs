//! Rights that a cluster needs and that the API server does not make by itself. Rights of people are not given here.
//!
//! The API server makes the roles (`plugin/pkg/auth/authorizer/rbac/bootstrappolicy`); kubeadm binds them at `init`, and
//! here this addon does.

use super::Site;
use super::object::{Owner, certificate_subject};
use crate::content::ContentError;
use serde_json::Value;

const OWNER: Owner = Owner::in_kube_system("cluster-rbac");

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    // Logs, exec and port-forward: without this the kubelets refuse the API server's own certificate.
    let kubelet_client = certificate_subject("User", "kube-apiserver-kubelet-client");
    let mut objects =
        vec![OWNER.cluster_role_binding("kfimg:kubelet-api-admin", "system:kubelet-api-admin", kubelet_client)];
    // A kubelet that asks for its own next client certificate gets it. Without the authority's key nobody could sign it.
    if site.cluster.pki.ca_key_on_nodes {
        objects.push(OWNER.cluster_role_binding(
            "kfimg:node-autoapprove-certificate-rotation",
            "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
            certificate_subject("Group", "system:nodes"),
        ));
    }
    Ok(objects)
}
