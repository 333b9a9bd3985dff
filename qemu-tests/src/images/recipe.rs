//! What is in each image: a table, by the repository's name. The tag chooses between versions of Kubernetes only.

use crate::programs::{Programs, kubernetes_folder};
use crate::{Error, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What an image is made of.
#[derive(Debug)]
pub(super) struct Recipe {
    repository: &'static str,
    /// Whether it has a shell and the tools of Debian below its own program.
    pub(super) userland: bool,
    /// Its own programs: the name, and where it lies in the image.
    programs: &'static [(&'static str, &'static str)],
    /// Scripts of the lab, in `src/images/`: the name, and where it lies in the image.
    scripts: &'static [(&'static str, &'static str)],
    /// What a container without a command runs.
    entrypoint: &'static str,
    /// Whom it runs as unless the pod says otherwise, as in the upstream's image.
    user: &'static str,
    /// Whether its tag is the version of Kubernetes.
    kubernetes: bool,
}

const PLAIN: Recipe = Recipe {
    repository: "",
    userland: false,
    programs: &[],
    scripts: &[],
    entrypoint: "/bin/sh",
    user: "",
    kubernetes: false,
};
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/images");

const RECIPES: [Recipe; 15] = [
    Recipe {
        repository: "registry.k8s.io/kube-apiserver",
        programs: &[("kube-apiserver", "usr/local/bin/kube-apiserver")],
        entrypoint: "/usr/local/bin/kube-apiserver",
        kubernetes: true,
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/kube-controller-manager",
        programs: &[("kube-controller-manager", "usr/local/bin/kube-controller-manager")],
        entrypoint: "/usr/local/bin/kube-controller-manager",
        kubernetes: true,
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/kube-scheduler",
        programs: &[("kube-scheduler", "usr/local/bin/kube-scheduler")],
        entrypoint: "/usr/local/bin/kube-scheduler",
        kubernetes: true,
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/kube-proxy",
        userland: true,
        programs: &[("kube-proxy", "usr/local/bin/kube-proxy")],
        entrypoint: "/usr/local/bin/kube-proxy",
        kubernetes: true,
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/etcd",
        programs: &[
            ("etcd", "usr/local/bin/etcd"),
            ("etcdctl", "usr/local/bin/etcdctl"),
            ("etcdutl", "usr/local/bin/etcdutl"),
        ],
        entrypoint: "/usr/local/bin/etcd",
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/pause",
        programs: &[("pause", "pause")],
        entrypoint: "/pause",
        user: "65535:65535",
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/coredns/coredns",
        programs: &[("coredns", "coredns")],
        entrypoint: "/coredns",
        user: "65532:65532",
        ..PLAIN
    },
    Recipe {
        repository: "registry.k8s.io/metrics-server/metrics-server",
        programs: &[("metrics-server", "metrics-server")],
        entrypoint: "/metrics-server",
        user: "65534:65534",
        ..PLAIN
    },
    Recipe {
        repository: "ghcr.io/flannel-io/flannel",
        userland: true,
        programs: &[("flanneld", "opt/bin/flanneld")],
        entrypoint: "/opt/bin/flanneld",
        ..PLAIN
    },
    Recipe {
        repository: "ghcr.io/flannel-io/flannel-cni-plugin",
        userland: true,
        programs: &[("flannel", "flannel")],
        ..PLAIN
    },
    Recipe {
        repository: "docker.io/library/haproxy",
        userland: true,
        entrypoint: "/usr/sbin/haproxy",
        user: "99:99",
        ..PLAIN
    },
    // The real CoreDNS; what is around it upstream can't be had as a Go module, and its interface not on this kernel.
    Recipe {
        repository: "registry.k8s.io/dns/k8s-dns-node-cache",
        userland: true,
        programs: &[("coredns", "coredns")],
        scripts: &[("node-cache.sh", "node-cache")],
        entrypoint: "/node-cache",
        ..PLAIN
    },
    // Of a cloud that exists for tests; the name is the one in docs/topologies.md.
    Recipe {
        repository: "registry.example.com/cloud-controller-manager",
        programs: &[("cloud-controller-manager", "cloud-controller-manager")],
        entrypoint: "/cloud-controller-manager",
        user: "65532:65532",
        ..PLAIN
    },
    // For workloads of the scenarios.
    Recipe { repository: "docker.io/library/busybox", userland: true, ..PLAIN },
    Recipe { repository: "registry.k8s.io/e2e-test-images/busybox", userland: true, ..PLAIN },
];

/// The recipe of a repository.
pub(super) fn of(repository: &str) -> Result<&'static Recipe> {
    RECIPES.iter().find(|recipe| recipe.repository == repository).ok_or_else(|| {
        Error::unusable(repository, "the lab has no recipe for this image; add one to qemu-tests/src/images/recipe.rs")
    })
}

impl Recipe {
    /// Its own programs and scripts: where they are, and where they go.
    pub(super) fn files(&self, programs: &Programs, tag: &str) -> Result<Vec<(PathBuf, String)>> {
        let folder = if self.kubernetes { kubernetes_folder(tag)? } else { "" };
        let built = self.programs.iter();
        let built = built.map(|(name, place)| Ok((programs.path(&format!("{folder}{name}"))?, (*place).to_owned())));
        let scripts = self.scripts.iter();
        let scripts = scripts.map(|(name, place)| Ok((Path::new(SCRIPTS).join(name), (*place).to_owned())));
        built.chain(scripts).collect()
    }

    /// `config` of the image's configuration.
    pub(super) fn config(&self) -> Value {
        json!({
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Entrypoint": [self.entrypoint],
            "User": self.user,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RECIPES, of};
    use std::collections::BTreeSet;

    #[test]
    fn every_repository_is_there_once() {
        let names: BTreeSet<&str> = RECIPES.iter().map(|recipe| recipe.repository).collect();
        assert_eq!(names.len(), RECIPES.len());
        assert!(names.iter().all(|name| of(name).is_ok()));
    }

    #[test]
    fn an_unknown_image_names_the_table() {
        assert!(of("quay.io/x/y").unwrap_err().to_string().contains("recipe.rs"));
    }
}
