//! The components whose arguments a description may set.

use std::fmt;

/// A component of Kubernetes whose command line kfimg renders.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Component {
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The kubelet.
    Kubelet,
    /// etcd, of the version in the image catalog.
    Etcd,
    /// kube-proxy.
    KubeProxy,
}

impl Component {
    /// All components, in the order of the description.
    pub const ALL: [Self; 6] =
        [Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kubelet, Self::Etcd, Self::KubeProxy];

    /// Name of the binary, such as `kube-apiserver`.
    pub fn binary(self) -> &'static str {
        match self {
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kubelet => "kubelet",
            Self::Etcd => "etcd",
            Self::KubeProxy => "kube-proxy",
        }
    }

    /// Key of the component in a cluster description, such as `apiServer`.
    pub fn setting(self) -> &'static str {
        match self {
            Self::ApiServer => "apiServer",
            Self::ControllerManager => "controllerManager",
            Self::Scheduler => "scheduler",
            Self::Kubelet => "kubelet",
            Self::Etcd => "etcd",
            Self::KubeProxy => "kubeProxy",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.binary())
    }
}
