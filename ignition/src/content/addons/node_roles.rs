//! The role labels of control planes, as kubeadm sets them. Workers get none, as with kubeadm.
//!
//! A kubelet may not label itself `node-role.kubernetes.io/*` (NodeRestriction), so these are partial Nodes: a name and
//! labels. They are applied when the Node is there: a Node made by applying them would lack the taints that its kubelet
//! registers, and one removed with them would lose its pods. So the agent neither creates nor prunes Nodes.

use super::Site;
use super::object::{json, texts};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";
const NO_LOAD_BALANCER: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let partial = |node: &kfimg_profiles::cluster::Node| {
        let mut labels = texts([(CONTROL_PLANE, "")]);
        // Where pods run on control planes, external load balancers have to reach them.
        if node.taints.iter().any(|taint| taint.key == CONTROL_PLANE) {
            labels.extend(texts([(NO_LOAD_BALANCER, "")]));
        }
        let metadata = ObjectMeta { name: Some(node.name.clone()), labels: Some(labels), ..ObjectMeta::default() };
        json(&Node { metadata, ..Node::default() })
    };
    Ok(site.cluster.control_planes().map(partial).collect())
}
