//! Certificates and keys of a node, under kubeadm's paths and each with the mode that CIS 1.1.20 and 1.1.21 want.
//!
//! Which role may have which key is decided by crate `pki`: a worker's credentials have no place for more. Copies for
//! components that are not root are their own files' matter.

use super::{Content, ContentError, Context};
use kfimg_pki::credentials::{ControlPlaneCredentials, EtcdCredentials, KubeletCredentials};
use kfimg_pki::{Credential, NodeCredentials};

/// kubeadm's folder.
pub(super) const PKI_DIR: &str = "/etc/kubernetes/pki";
/// The cluster's authority with its issuers: for whoever checks servers.
pub(super) const CA: &str = "/etc/kubernetes/pki/ca.crt";
/// The cluster's issuing certificate alone, where somebody brought an intermediate authority.
const ISSUING_CA: &str = "/etc/kubernetes/pki/ca-issuing.crt";
/// The kubelet's client certificate and key in one file, as the kubelet itself keeps them.
pub(super) const KUBELET_CLIENT: &str = "/etc/kubernetes/pki/kubelet-client.pem";
/// The kubelet's serving certificate. Not below `/var`, which may be mounted after the payload was applied.
pub(super) const KUBELET_SERVING_CERTIFICATE: &str = "/etc/kubernetes/pki/kubelet.crt";
/// The kubelet's serving key.
pub(super) const KUBELET_SERVING_KEY: &str = "/etc/kubernetes/pki/kubelet.key";

/// Permission bits of certificates.
const CERTIFICATE_MODE: u32 = 0o644;

/// Writes what the role has.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let credentials = context.credentials;
    if let Some(kubelet) = credentials.kubelet() {
        write_kubelet(content, kubelet)?;
    }
    if let Some(etcd) = credentials.etcd() {
        write_etcd(content, etcd)?;
    }
    match credentials.control_plane() {
        Some(control_plane) => write_control_plane(content, control_plane),
        None => Ok(()),
    }
}

/// Writes the cluster's authority where nothing else does: a machine for etcd alone checks nobody's certificate by it but the
/// registry's.
pub(super) fn write_cluster_ca(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    if context.credentials.kubelet().is_none() {
        content.tree.file(CA, CERTIFICATE_MODE, context.credentials.cluster_ca().bundle_pem.as_str())?;
    }
    Ok(())
}

/// The file with the authority that clients are checked against, and that signs: one certificate, not its issuers. With
/// a company's root in it, every certificate of every other authority below that root would be let in.
pub(super) fn client_ca(credentials: &NodeCredentials<'_>) -> &'static str {
    let brought = credentials.kubelet().is_some_and(|kubelet| has_issuers(kubelet));
    if brought { ISSUING_CA } else { CA }
}

/// Names below [`PKI_DIR`] of the files with the cluster's authority.
pub(super) fn cluster_ca_files(credentials: &NodeCredentials<'_>) -> Vec<&'static str> {
    let files = [CA, client_ca(credentials)];
    let distinct = if files[0] == files[1] { &files[..1] } else { &files[..] };
    distinct.iter().filter_map(|path| path.strip_prefix(PKI_DIR)?.strip_prefix('/')).collect()
}

/// The part of a control plane; that it is one follows from the node's role.
pub(super) fn control_plane<'a>(context: &Context<'a>) -> Result<&'a ControlPlaneCredentials<'a>, ContentError> {
    context.credentials.control_plane().ok_or_else(|| ContentError::Credential {
        node: context.node.name.clone(),
        credential: "control plane credential".to_owned(),
    })
}

/// The time in which all certificates of the node hold, in seconds since 1970.
pub(super) fn window(credentials: &NodeCredentials<'_>) -> (i64, i64) {
    let windows = || leaves(credentials).into_iter().map(Credential::window);
    let not_before = windows().map(|(not_before, _)| not_before.as_second()).max();
    let not_after = windows().map(|(_, not_after)| not_after.as_second()).min();
    (not_before.unwrap_or(i64::MIN), not_after.unwrap_or(i64::MAX))
}

fn leaves<'a>(credentials: &NodeCredentials<'a>) -> Vec<&'a Credential> {
    let kubelet = credentials.kubelet().into_iter().flat_map(|kubelet| [kubelet.client, kubelet.serving]);
    let etcd = credentials.etcd().into_iter().flat_map(|etcd| [etcd.server, etcd.peer, etcd.healthcheck_client]);
    let control_plane = credentials.control_plane().into_iter().flat_map(|node| {
        [
            node.apiserver,
            node.apiserver_kubelet_client,
            node.apiserver_etcd_client,
            node.front_proxy_client,
            node.controller_manager,
            node.scheduler,
            node.addons,
        ]
    });
    kubelet.chain(etcd).chain(control_plane).collect()
}

fn has_issuers(kubelet: &KubeletCredentials<'_>) -> bool {
    kubelet.cluster_ca.issuing_pem != kubelet.cluster_ca.bundle_pem
}

fn write_kubelet(content: &mut Content, kubelet: &KubeletCredentials<'_>) -> Result<(), ContentError> {
    let KubeletCredentials { cluster_ca, client, serving } = kubelet;
    content.tree.file(CA, CERTIFICATE_MODE, cluster_ca.bundle_pem.as_str())?;
    if has_issuers(kubelet) {
        content.tree.file(ISSUING_CA, CERTIFICATE_MODE, cluster_ca.issuing_pem.as_str())?;
    }
    content.tree.secret(KUBELET_CLIENT, format!("{}{}", client.certificate_pem(), client.key_pem().expose()))?;
    content.tree.file(KUBELET_SERVING_CERTIFICATE, CERTIFICATE_MODE, serving.certificate_pem())?;
    content.tree.secret(KUBELET_SERVING_KEY, serving.key_pem().expose())?;
    Ok(())
}

fn write_etcd(content: &mut Content, etcd: &EtcdCredentials<'_>) -> Result<(), ContentError> {
    write_certificate(content, "etcd/ca.crt", &etcd.ca.issuing_pem)?;
    write_pair(content, "etcd/server", etcd.server)?;
    write_pair(content, "etcd/peer", etcd.peer)?;
    write_pair(content, "etcd/healthcheck-client", etcd.healthcheck_client)
}

fn write_control_plane(content: &mut Content, node: &ControlPlaneCredentials<'_>) -> Result<(), ContentError> {
    if node.etcd.is_none() {
        write_certificate(content, "etcd/ca.crt", &node.etcd_ca.issuing_pem)?;
    }
    write_certificate(content, "front-proxy-ca.crt", &node.front_proxy_ca.issuing_pem)?;
    let pairs = [
        ("apiserver", node.apiserver),
        ("apiserver-kubelet-client", node.apiserver_kubelet_client),
        ("apiserver-etcd-client", node.apiserver_etcd_client),
        ("front-proxy-client", node.front_proxy_client),
    ];
    for (name, credential) in pairs {
        write_pair(content, name, credential)?;
    }
    if let Some(key) = node.cluster_ca_key {
        content.tree.secret(&format!("{PKI_DIR}/ca.key"), key.expose())?;
    }
    content.tree.secret(&format!("{PKI_DIR}/sa.key"), node.service_account.signing_pem.expose())?;
    write_certificate(content, "sa.pub", &node.service_account.public_pem)
}

fn write_pair(content: &mut Content, name: &str, credential: &Credential) -> Result<(), ContentError> {
    write_certificate(content, &format!("{name}.crt"), credential.certificate_pem())?;
    Ok(content.tree.secret(&format!("{PKI_DIR}/{name}.key"), credential.key_pem().expose())?)
}

fn write_certificate(content: &mut Content, name: &str, pem: &str) -> Result<(), ContentError> {
    Ok(content.tree.file(&format!("{PKI_DIR}/{name}"), CERTIFICATE_MODE, pem)?)
}
