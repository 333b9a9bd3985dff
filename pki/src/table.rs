//! Which authorities and certificates a cluster has: kubeadm's set, as data.
//!
//! Names and usages follow kubeadm (`cmd/kubeadm/app/phases/certs/certlist.go` and
//! `cmd/kubeadm/app/phases/kubeconfig/kubeconfig.go`). Differences, each on purpose:
//! `kube-apiserver-kubelet-client` has no group, because RBAC binds that user to `system:kubelet-api-admin`;
//! `kfimg-addons:<node>` and `kubelet-serving` are ours.
//!
//! Which addresses a certificate names is decided in [`crate::request`].

use serde::{Deserialize, Serialize};

/// A certificate authority of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ca {
    /// Signs API server, kubelet and user certificates.
    Kubernetes,
    /// Signs etcd's servers and clients.
    Etcd,
    /// Signs the one client that may speak for others to extension API servers.
    FrontProxy,
}

impl Ca {
    /// All authorities in the order in which they are listed.
    pub const ALL: [Self; 3] = [Self::Kubernetes, Self::Etcd, Self::FrontProxy];

    /// The subject's common name, as kubeadm writes it.
    pub const fn common_name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd-ca",
            Self::FrontProxy => "front-proxy-ca",
        }
    }

    /// File name without extension below `pki/` of the state folder.
    pub const fn file_stem(self) -> &'static str {
        match self {
            Self::Kubernetes => "ca",
            Self::Etcd => "etcd-ca",
            Self::FrontProxy => "front-proxy-ca",
        }
    }

    /// What people call it in messages and settings.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd",
            Self::FrontProxy => "front-proxy",
        }
    }
}

/// A certificate that an authority signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leaf {
    /// Serves the Kubernetes API.
    Apiserver,
    /// API server to kubelets.
    ApiserverKubeletClient,
    /// API server to etcd.
    ApiserverEtcdClient,
    /// API server to extension API servers.
    FrontProxyClient,
    /// etcd to its clients.
    EtcdServer,
    /// etcd to its peers, both ways; also the guard on port 2382.
    EtcdPeer,
    /// Probes and snapshots of etcd.
    EtcdHealthcheckClient,
    /// kube-controller-manager to the API server.
    ControllerManager,
    /// kube-scheduler to the API server.
    Scheduler,
    /// The agent of one control plane, which applies addons.
    Addons,
    /// A kubelet to the API server.
    KubeletClient,
    /// A kubelet's own server on port 10250.
    KubeletServing,
    /// The administrator. Never part of a payload.
    Admin,
}

/// Who holds a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The person at the keyboard; no node.
    Administrator,
    /// Every control plane, each its own.
    ControlPlane,
    /// Every node that runs an etcd member.
    EtcdMember,
    /// Every node with a kubelet that joins the cluster.
    Kubelet,
}

/// How a subject's common name is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonName {
    /// The same on every holder.
    Fixed(&'static str),
    /// A prefix (which may be empty) and the node's name.
    NodeWithPrefix(&'static str),
}

/// Which names and addresses a certificate carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// None: a client.
    None,
    /// Node, its addresses, the services' first addresses, the endpoint, the extras.
    ApiServer,
    /// Node, its addresses, loopback.
    EtcdMember,
    /// Node and its addresses.
    Kubelet,
}

/// What a certificate may be used for (`extendedKeyUsage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// `serverAuth`.
    pub server: bool,
    /// `clientAuth`.
    pub client: bool,
}

const SERVER: Usage = Usage { server: true, client: false };
const CLIENT: Usage = Usage { server: false, client: true };
const BOTH: Usage = Usage { server: true, client: true };

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeafProfile {
    /// Which certificate.
    pub leaf: Leaf,
    /// File name without extension in the state folder.
    pub file_stem: &'static str,
    /// Who signs it.
    pub ca: Ca,
    /// The subject's common name.
    pub common_name: CommonName,
    /// The subject's organization: the group that Kubernetes sees.
    pub organization: Option<&'static str>,
    /// Extended key usages.
    pub usage: Usage,
    /// Subject alternative names.
    pub names: Names,
    /// Who holds it.
    pub holder: Holder,
}

const fn row(
    leaf: Leaf,
    file_stem: &'static str,
    ca: Ca,
    subject: (CommonName, Option<&'static str>),
    usage: Usage,
    names: Names,
    holder: Holder,
) -> LeafProfile {
    LeafProfile { leaf, file_stem, ca, common_name: subject.0, organization: subject.1, usage, names, holder }
}

/// Every certificate that the three authorities sign, in the order of [`Leaf`].
#[rustfmt::skip]
pub const LEAVES: [LeafProfile; 13] = {
    use CommonName::{Fixed, NodeWithPrefix};
    use Leaf as L;
    const MASTERS: Option<&str> = Some("system:masters");
    [
        row(L::Apiserver, "apiserver", Ca::Kubernetes, (Fixed("kube-apiserver"), None), SERVER, Names::ApiServer, Holder::ControlPlane),
        row(L::ApiserverKubeletClient, "apiserver-kubelet-client", Ca::Kubernetes, (Fixed("kube-apiserver-kubelet-client"), None), CLIENT, Names::None, Holder::ControlPlane),
        row(L::ApiserverEtcdClient, "apiserver-etcd-client", Ca::Etcd, (Fixed("kube-apiserver-etcd-client"), None), CLIENT, Names::None, Holder::ControlPlane),
        row(L::FrontProxyClient, "front-proxy-client", Ca::FrontProxy, (Fixed("front-proxy-client"), None), CLIENT, Names::None, Holder::ControlPlane),
        row(L::EtcdServer, "etcd-server", Ca::Etcd, (NodeWithPrefix(""), None), BOTH, Names::EtcdMember, Holder::EtcdMember),
        row(L::EtcdPeer, "etcd-peer", Ca::Etcd, (NodeWithPrefix(""), None), BOTH, Names::EtcdMember, Holder::EtcdMember),
        row(L::EtcdHealthcheckClient, "etcd-healthcheck-client", Ca::Etcd, (Fixed("kube-etcd-healthcheck-client"), None), CLIENT, Names::None, Holder::EtcdMember),
        row(L::ControllerManager, "controller-manager", Ca::Kubernetes, (Fixed("system:kube-controller-manager"), None), CLIENT, Names::None, Holder::ControlPlane),
        row(L::Scheduler, "scheduler", Ca::Kubernetes, (Fixed("system:kube-scheduler"), None), CLIENT, Names::None, Holder::ControlPlane),
        // At the first boot there is no RBAC rule yet that could let anybody apply the first one.
        row(L::Addons, "addons", Ca::Kubernetes, (NodeWithPrefix("kfimg-addons:"), MASTERS), CLIENT, Names::None, Holder::ControlPlane),
        row(L::KubeletClient, "kubelet-client", Ca::Kubernetes, (NodeWithPrefix("system:node:"), Some("system:nodes")), CLIENT, Names::None, Holder::Kubelet),
        row(L::KubeletServing, "kubelet-serving", Ca::Kubernetes, (NodeWithPrefix("system:node:"), Some("system:nodes")), SERVER, Names::Kubelet, Holder::Kubelet),
        row(L::Admin, "admin", Ca::Kubernetes, (Fixed("kubernetes-admin"), MASTERS), CLIENT, Names::None, Holder::Administrator),
    ]
};

impl Leaf {
    /// The row that describes this certificate.
    pub const fn profile(self) -> &'static LeafProfile {
        &LEAVES[self as usize]
    }

    /// File name without extension, also what messages call it.
    pub const fn file_stem(self) -> &'static str {
        self.profile().file_stem
    }
}

impl CommonName {
    /// The common name on one node; the node's name is ignored where it plays no part.
    pub fn on_node(self, node: &str) -> String {
        match self {
            Self::Fixed(name) => name.to_owned(),
            Self::NodeWithPrefix(prefix) => format!("{prefix}{node}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAVES, Leaf};

    #[test]
    fn every_leaf_finds_its_own_row() {
        for (index, row) in LEAVES.iter().enumerate() {
            assert_eq!(row.leaf as usize, index, "{}", row.file_stem);
            assert_eq!(row.leaf.profile(), row);
        }
        assert_eq!(Leaf::Admin as usize + 1, LEAVES.len());
    }
}
