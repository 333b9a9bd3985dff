//! Who may have what: the view of the keys that each role gets.
//!
//! The types keep the promise that a worker never carries a CA, etcd or service-account key and that no node carries
//! another's: [`KubeletCredentials`] has no place for them. It does not know where files lie on a node.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;

use crate::error::Error;
use crate::request::{Node, Role};
use crate::secret::Secret;
use crate::state::Keys;
use crate::table::{Ca, Leaf};
use crate::x509::Certificate;

/// Bytes of a node's token for reports.
const REPORT_TOKEN: usize = 20;

/// A certificate with its key.
#[derive(Clone)]
pub struct Credential {
    pub(crate) certificate: Certificate,
    certificate_pem: String,
    key_pem: Secret,
}

impl Credential {
    pub(crate) const fn new(certificate: Certificate, certificate_pem: String, key_pem: Secret) -> Self {
        Self { certificate, certificate_pem, key_pem }
    }

    /// The certificate, followed by the intermediate authorities that a peer needs (none for an own CA). PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key, PKCS#8 in PEM.
    pub const fn key_pem(&self) -> &Secret {
        &self.key_pem
    }

    /// First and last moment.
    pub const fn window(&self) -> (Timestamp, Timestamp) {
        (self.certificate.not_before, self.certificate.not_after)
    }
}

/// By what a node gets of it: the texts.
impl Hash for Credential {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.certificate_pem.hash(state);
        self.key_pem.hash(state);
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Credential")
            .field("subject", &self.certificate.subject)
            .field("not_after", &self.certificate.not_after)
            .finish_non_exhaustive()
    }
}

/// The certificates of an authority; the same text twice unless somebody brought an intermediate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CaCertificates {
    /// The issuing certificate alone. For whoever checks **clients** (`--client-ca-file`, `clientCAFile`,
    /// `--requestheader-client-ca-file`, etcd's `trusted-ca-file`): with the root in such a file, every certificate of
    /// every other authority below that root would be let in. Go takes an intermediate as trust anchor. Also for
    /// `--cluster-signing-cert-file`, which takes exactly one certificate.
    pub issuing_pem: String,
    /// The issuing certificate, its issuers, the root last. For whoever checks **servers** (`ca.crt`, kubeconfigs,
    /// haproxy): OpenSSL wants the root, Go takes either.
    pub bundle_pem: String,
}

/// What a kubelet needs; all that a worker may have.
#[derive(Clone, Debug, Hash)]
pub struct KubeletCredentials<'a> {
    /// The cluster's authority.
    pub cluster_ca: CaCertificates,
    /// `system:node:<node>`.
    pub client: &'a Credential,
    /// The kubelet's own server.
    pub serving: &'a Credential,
}

/// What an etcd member needs.
#[derive(Clone, Debug, Hash)]
pub struct EtcdCredentials<'a> {
    /// etcd's authority.
    pub ca: CaCertificates,
    /// Towards clients.
    pub server: &'a Credential,
    /// Between members, also for the guard.
    pub peer: &'a Credential,
    /// For probes and snapshots.
    pub healthcheck_client: &'a Credential,
}

/// What a machine for etcd alone needs.
#[derive(Clone, Debug, Hash)]
pub struct EtcdNodeCredentials<'a> {
    /// The cluster's authority, certificates only: `kfimg serve` may show one of its certificates.
    pub cluster_ca: CaCertificates,
    /// Its etcd member's.
    pub member: EtcdCredentials<'a>,
}

/// What a control plane needs. The keys of the etcd and front-proxy authorities stay in the state folder.
#[derive(Clone, Debug, Hash)]
pub struct ControlPlaneCredentials<'a> {
    /// Its kubelet's.
    pub kubelet: KubeletCredentials<'a>,
    /// Its etcd member's, where it has one.
    pub etcd: Option<EtcdCredentials<'a>>,
    /// etcd's authority, for the API server as a client.
    pub etcd_ca: CaCertificates,
    /// The front proxy's authority.
    pub front_proxy_ca: CaCertificates,
    /// The key of the cluster's authority, for signing kubelet certificates; none with `caKeyOnNodes: false`.
    pub cluster_ca_key: Option<&'a Secret>,
    /// The API server's own server.
    pub apiserver: &'a Credential,
    /// API server to kubelets.
    pub apiserver_kubelet_client: &'a Credential,
    /// API server to etcd.
    pub apiserver_etcd_client: &'a Credential,
    /// API server to extension API servers.
    pub front_proxy_client: &'a Credential,
    /// `system:kube-controller-manager`.
    pub controller_manager: &'a Credential,
    /// `system:kube-scheduler`.
    pub scheduler: &'a Credential,
    /// `kfimg-addons:<node>`, for `/etc/kubernetes/admin.conf`.
    pub addons: &'a Credential,
    /// Keys for service-account tokens.
    pub service_account: ServiceAccountKeys<'a>,
    /// Keys for encryption at rest: the first encrypts, all decrypt.
    pub encryption: Vec<EncryptionKey<'a>>,
}

/// Keys for service-account tokens.
#[derive(Clone, Debug, Hash)]
pub struct ServiceAccountKeys<'a> {
    /// The private key that signs (`sa.key`). PEM.
    pub signing_pem: &'a Secret,
    /// All public keys (`sa.pub`), which verify; that of the key that signs is the first. PEM.
    pub public_pem: String,
}

/// A key for encryption at rest.
#[derive(Clone, Copy, Debug, Hash)]
pub struct EncryptionKey<'a> {
    /// Its name in `EncryptionConfiguration`.
    pub name: &'a str,
    /// 32 bytes in base64, for the `secretbox` provider.
    pub base64: &'a Secret,
}

/// What one node may have.
#[derive(Clone, Debug, Hash)]
pub enum NodeCredentials<'a> {
    /// A control plane.
    ControlPlane(Box<ControlPlaneCredentials<'a>>),
    /// An etcd member without Kubernetes.
    Etcd(EtcdNodeCredentials<'a>),
    /// A worker.
    Worker(KubeletCredentials<'a>),
}

impl<'a> NodeCredentials<'a> {
    /// The kubelet's part, where the node joins the cluster.
    pub fn kubelet(&self) -> Option<&KubeletCredentials<'a>> {
        match self {
            Self::ControlPlane(node) => Some(&node.kubelet),
            Self::Worker(kubelet) => Some(kubelet),
            Self::Etcd(_) => None,
        }
    }

    /// The etcd member's part, where the node runs one.
    pub fn etcd(&self) -> Option<&EtcdCredentials<'a>> {
        match self {
            Self::ControlPlane(node) => node.etcd.as_ref(),
            Self::Etcd(node) => Some(&node.member),
            Self::Worker(_) => None,
        }
    }

    /// The cluster's authority, which every node may know.
    pub fn cluster_ca(&self) -> &CaCertificates {
        match self {
            Self::ControlPlane(node) => &node.kubelet.cluster_ca,
            Self::Etcd(node) => &node.cluster_ca,
            Self::Worker(kubelet) => &kubelet.cluster_ca,
        }
    }

    /// The control plane's part.
    pub fn control_plane(&self) -> Option<&ControlPlaneCredentials<'a>> {
        match self {
            Self::ControlPlane(node) => Some(node),
            Self::Etcd(_) | Self::Worker(_) => None,
        }
    }
}

/// Everything that the nodes of one cluster may have. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Credentials {
    uid: String,
    keys: Arc<Keys>,
    nodes: Arc<BTreeMap<String, Node>>,
    ca_key_on_nodes: bool,
}

impl Credentials {
    pub(crate) const fn new(
        uid: String,
        keys: Arc<Keys>,
        nodes: Arc<BTreeMap<String, Node>>,
        ca_key_on_nodes: bool,
    ) -> Self {
        Self { uid, keys, nodes, ca_key_on_nodes }
    }

    /// The cluster's random identity (a UUID).
    pub fn cluster_uid(&self) -> &str {
        &self.uid
    }

    /// What the node of that name may have.
    ///
    /// # Errors
    ///
    /// [`Error::NoCredentials`] for a node that was not in the request.
    pub fn node(&self, name: &str) -> Result<NodeCredentials<'_>, Error> {
        let node = self.nodes.get(name).ok_or_else(|| Error::NoCredentials(format!("node {name}")))?;
        match node.role {
            Role::Worker => self.kubelet(name).map(NodeCredentials::Worker),
            Role::Etcd => Ok(NodeCredentials::Etcd(EtcdNodeCredentials {
                cluster_ca: self.ca(Ca::Kubernetes)?,
                member: self.etcd(name)?,
            })),
            Role::ControlPlane => self.control_plane(node).map(Box::new).map(NodeCredentials::ControlPlane),
        }
    }

    /// The administrator's own certificate (group `system:masters`). It belongs into no payload.
    ///
    /// # Errors
    ///
    /// [`Error::NoCredentials`] before [`crate::State::ensure`].
    pub fn administrator(&self) -> Result<&Credential, Error> {
        self.keys.leaf(None, Leaf::Admin).ok_or_else(|| Error::NoCredentials("the administrator".to_owned()))
    }

    /// The secret by which a node's reports are known as its own: 160 bits in base32. It follows from a key that never leaves the
    /// state folder, so that it is the same in every render, until the front proxy's authority is another one.
    ///
    /// # Errors
    ///
    /// [`Error::NoCredentials`] before [`crate::State::ensure`].
    pub fn report_token(&self, node: &str) -> Result<Secret, Error> {
        let authority = self.keys.authorities.get(&Ca::FrontProxy);
        let authority = authority.ok_or_else(|| Error::NoCredentials("the front proxy CA".to_owned()))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, authority.key.expose().as_bytes());
        let tag = hmac::sign(&key, format!("kfimg report token\0{}\0{node}", self.uid).as_bytes());
        Ok(Secret::new(BASE32_NOPAD.encode(&tag.as_ref()[..REPORT_TOKEN]).to_ascii_lowercase()))
    }

    /// Names of the keys for encryption at rest, newest first.
    pub fn encryption_key_names(&self) -> impl Iterator<Item = &str> {
        self.keys.encryption.iter().map(|key| key.name.as_str())
    }

    /// An authority's certificates.
    ///
    /// # Errors
    ///
    /// [`Error::NoCredentials`] before [`crate::State::ensure`].
    pub fn ca(&self, ca: Ca) -> Result<CaCertificates, Error> {
        let authority = self.keys.authorities.get(&ca);
        let authority = authority.ok_or_else(|| Error::NoCredentials(format!("the {} CA", ca.label())))?;
        Ok(CaCertificates { issuing_pem: authority.issuing_pem(), bundle_pem: authority.bundle_pem() })
    }

    fn leaf(&self, node: &str, leaf: Leaf) -> Result<&Credential, Error> {
        let found = self.keys.leaf(Some(node), leaf);
        found.ok_or_else(|| Error::NoCredentials(format!("{} of {node}", leaf.file_stem())))
    }

    fn kubelet(&self, node: &str) -> Result<KubeletCredentials<'_>, Error> {
        Ok(KubeletCredentials {
            cluster_ca: self.ca(Ca::Kubernetes)?,
            client: self.leaf(node, Leaf::KubeletClient)?,
            serving: self.leaf(node, Leaf::KubeletServing)?,
        })
    }

    fn etcd(&self, node: &str) -> Result<EtcdCredentials<'_>, Error> {
        Ok(EtcdCredentials {
            ca: self.ca(Ca::Etcd)?,
            server: self.leaf(node, Leaf::EtcdServer)?,
            peer: self.leaf(node, Leaf::EtcdPeer)?,
            healthcheck_client: self.leaf(node, Leaf::EtcdHealthcheckClient)?,
        })
    }

    fn control_plane(&self, node: &Node) -> Result<ControlPlaneCredentials<'_>, Error> {
        let name = node.name.as_str();
        let cluster_ca_key = self.keys.authorities.get(&Ca::Kubernetes).map(|authority| &authority.key);
        Ok(ControlPlaneCredentials {
            kubelet: self.kubelet(name)?,
            etcd: node.etcd_member.then(|| self.etcd(name)).transpose()?,
            etcd_ca: self.ca(Ca::Etcd)?,
            front_proxy_ca: self.ca(Ca::FrontProxy)?,
            cluster_ca_key: cluster_ca_key.filter(|_| self.ca_key_on_nodes),
            apiserver: self.leaf(name, Leaf::Apiserver)?,
            apiserver_kubelet_client: self.leaf(name, Leaf::ApiserverKubeletClient)?,
            apiserver_etcd_client: self.leaf(name, Leaf::ApiserverEtcdClient)?,
            front_proxy_client: self.leaf(name, Leaf::FrontProxyClient)?,
            controller_manager: self.leaf(name, Leaf::ControllerManager)?,
            scheduler: self.leaf(name, Leaf::Scheduler)?,
            addons: self.leaf(name, Leaf::Addons)?,
            service_account: self.service_account()?,
            encryption: self
                .keys
                .encryption
                .iter()
                .map(|key| EncryptionKey { name: &key.name, base64: &key.base64 })
                .collect(),
        })
    }

    fn service_account(&self) -> Result<ServiceAccountKeys<'_>, Error> {
        let keys = &self.keys.service_account;
        let first = keys.first().ok_or_else(|| Error::NoCredentials("service accounts".to_owned()))?;
        let public_pem = keys.iter().map(|key| key.public_pem.as_str()).collect();
        Ok(ServiceAccountKeys { signing_pem: &first.private_pem, public_pem })
    }
}
