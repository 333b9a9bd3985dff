//! The names of what a catalog holds: components that run as images, and host programs.
//!
//! Versions stand in the catalogs, not here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a closed set of names once: the enum, its list and its text.
macro_rules! names {
    ($(#[$meta:meta])* $type:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant),+
        }

        impl $type {
            /// All of them, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name in catalogs and output.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

names! {
    /// Something that a cluster runs as a container and that kfimg itself asks for.
    Component {
        /// The API server. Its tag is the Kubernetes version.
        KubeApiserver = "kube-apiserver",
        /// The controller-manager. Its tag is the Kubernetes version.
        KubeControllerManager = "kube-controller-manager",
        /// The scheduler. Its tag is the Kubernetes version.
        KubeScheduler = "kube-scheduler",
        /// The service proxy of each node. Its tag is the Kubernetes version.
        KubeProxy = "kube-proxy",
        /// The store behind the API server.
        Etcd = "etcd",
        /// The sandbox image, which containerd starts for every pod.
        Pause = "pause",
        /// The cluster's DNS.
        Coredns = "coredns",
        /// The DNS cache of each node.
        NodeLocalDns = "node-local-dns",
        /// The resource metrics API.
        MetricsServer = "metrics-server",
        /// The flannel daemon.
        Flannel = "flannel",
        /// The image from which flannel's init container copies its CNI plugin.
        FlannelCniPlugin = "flannel-cni-plugin",
        /// The load balancer on each node in front of the API servers.
        Haproxy = "haproxy",
        /// The holder of the virtual address.
        Keepalived = "keepalived",
        /// The optional web console.
        Headlamp = "headlamp",
    }
}

names! {
    /// A program that an operating system image needs on its disk.
    HostPart {
        /// The node agent of Kubernetes. Its version is the Kubernetes version.
        Kubelet = "kubelet",
        /// The command line of Kubernetes. Its version is the Kubernetes version.
        Kubectl = "kubectl",
        /// The container runtime, 2.x.
        Containerd = "containerd",
        /// The program that containerd starts containers with.
        Runc = "runc",
        /// The reference CNI plugins: bridge, host-local, loopback, portmap and others.
        CniPlugins = "cni-plugins",
        /// The command line of the container runtime interface.
        Crictl = "crictl",
    }
}

names! {
    /// A processor architecture, in the words of OCI and Go.
    Architecture {
        /// x86-64.
        Amd64 = "amd64",
        /// AArch64.
        Arm64 = "arm64",
    }
}

impl Component {
    /// Whether the image's tag is `v` and the Kubernetes version, so that any patch release may be asked for.
    #[must_use]
    pub fn follows_kubernetes(self) -> bool {
        matches!(self, Self::KubeApiserver | Self::KubeControllerManager | Self::KubeScheduler | Self::KubeProxy)
    }
}

impl HostPart {
    /// Whether the version is the Kubernetes version, so that any patch release may be asked for.
    #[must_use]
    pub fn follows_kubernetes(self) -> bool {
        matches!(self, Self::Kubelet | Self::Kubectl)
    }
}

impl Architecture {
    /// That of the machine that this runs on; `None` on one that kfimg has no word for.
    #[must_use]
    pub fn of_this_machine() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::Amd64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}
