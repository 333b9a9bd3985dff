//! Kubeconfigs of a control plane's own clients, with kubeadm's names. The kubelet's is in [`super::kubelet`].
//!
//! They reach the API server of their own node, so that an upgrade never puts an older server under a newer client.

use super::{Content, ContentError, Context, certificates};
use kfimg_pki::{Credential, Kubeconfig};
use kfimg_profiles::cluster::{API_PORT, https_url};

/// The agent's, which applies addons; its certificate is the node's own, never the administrator's.
pub(super) const ADMIN_PATH: &str = "/etc/kubernetes/admin.conf";
/// The folder of all of them.
pub(super) const FOLDER: &str = "/etc/kubernetes";
/// The controller-manager's.
pub(super) const CONTROLLER_MANAGER: &str = "controller-manager.conf";
/// The scheduler's.
pub(super) const SCHEDULER: &str = "scheduler.conf";

/// Writes all three, 0600.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let credentials = certificates::control_plane(context)?;
    let addons = format!("kfimg-addons:{}", context.node.name);
    let files = [
        (ADMIN_PATH.to_owned(), addons.as_str(), credentials.addons),
        (path(CONTROLLER_MANAGER), "system:kube-controller-manager", credentials.controller_manager),
        (path(SCHEDULER), "system:kube-scheduler", credentials.scheduler),
    ];
    let ca = &credentials.kubelet.cluster_ca.bundle_pem;
    for (path, user, credential) in files {
        let text = kubeconfig(context, user, ca, credential, &path)?;
        content.tree.secret(&path, text)?;
    }
    Ok(())
}

/// Path of a kubeconfig.
pub(super) fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

fn kubeconfig(
    context: &Context<'_>,
    user: &str,
    ca: &str,
    credential: &Credential,
    path: &str,
) -> Result<String, ContentError> {
    let server = https_url(context.node.ip(), API_PORT);
    let text = Kubeconfig::embedded(&context.cluster.name, &server, user, ca, credential).to_yaml();
    match text {
        Ok(text) => Ok(text.expose().to_owned()),
        Err(error) => Err(ContentError::Format { path: path.to_owned(), reason: error.to_string() }),
    }
}
