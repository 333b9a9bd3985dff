//! 4.1: files of the kubelet.

use crate::cis::check::On::{EveryNode, JoiningKubelets, OpenKubelets};
use crate::cis::check::{Check, automated, manual};
use crate::cis::files::Files::{self, At, KubeletClientAuthority, KubeletConfig, KubeletUnit, ProxyKubeconfig};
use crate::cis::rule::Rule::{Mode, Owner};

const KUBECONFIG: Files = At("/etc/kubernetes/kubelet.conf");

pub(super) const CHECKS: &[Check] = &[
    automated("4.1.1", "unit of the kubelet: mode 0600", EveryNode, Mode(KubeletUnit, 0o600)),
    automated("4.1.2", "unit of the kubelet: root's", EveryNode, Owner(KubeletUnit, "root")),
    manual("4.1.3", "kubeconfig of kube-proxy: mode 0600", JoiningKubelets, Mode(ProxyKubeconfig, 0o600)),
    manual("4.1.4", "kubeconfig of kube-proxy: root's", JoiningKubelets, Owner(ProxyKubeconfig, "root")),
    automated("4.1.5", "kubeconfig of the kubelet: mode 0600", JoiningKubelets, Mode(KUBECONFIG, 0o600)),
    automated("4.1.6", "kubeconfig of the kubelet: root's", JoiningKubelets, Owner(KUBECONFIG, "root")),
    manual("4.1.7", "authority of the kubelet's clients: mode 0644", OpenKubelets, Mode(KubeletClientAuthority, 0o644)),
    manual("4.1.8", "authority of the kubelet's clients: root's", OpenKubelets, Owner(KubeletClientAuthority, "root")),
    automated("4.1.9", "configuration of the kubelet: mode 0600", EveryNode, Mode(KubeletConfig, 0o600))
        .note("the unit copies it to /var/lib/kubelet at each start; file and copy are judged"),
    automated("4.1.10", "configuration of the kubelet: root's", EveryNode, Owner(KubeletConfig, "root")),
];
