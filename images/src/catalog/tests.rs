use super::*;

/// What the Kubernetes sources name for one tested release.
struct Release {
    minor: (u32, u32),
    patch: u32,
    /// The last day of support, as kubernetes.io/releases has it.
    support: &'static str,
    /// etcd, CoreDNS, pause, node-local DNS, metrics-server.
    tags: [&'static str; 5],
    cni_plugins: &'static str,
}

const RELEASES: [Release; 3] = [
    Release {
        minor: (1, 34),
        patch: 4,
        support: "2026-10-27T23:59:59Z",
        tags: ["3.6.5-0", "v1.12.1", "3.10.1", "1.26.4", "v0.7.2"],
        cni_plugins: "1.7.1",
    },
    Release {
        minor: (1, 35),
        patch: 4,
        support: "2027-02-28T23:59:59Z",
        tags: ["3.6.6-0", "v1.13.1", "3.10.1", "1.26.4", "v0.8.0"],
        cni_plugins: "1.8.0",
    },
    Release {
        minor: (1, 36),
        patch: 3,
        support: "2027-06-28T23:59:59Z",
        tags: ["3.6.8-0", "v1.14.2", "3.10.2", "1.26.7", "v0.8.0"],
        cni_plugins: "1.9.1",
    },
];

const REPOSITORIES: [(Component, &str); 5] = [
    (Component::Etcd, "registry.k8s.io/etcd"),
    (Component::Coredns, "registry.k8s.io/coredns/coredns"),
    (Component::Pause, "registry.k8s.io/pause"),
    (Component::NodeLocalDns, "registry.k8s.io/dns/k8s-dns-node-cache"),
    (Component::MetricsServer, "registry.k8s.io/metrics-server/metrics-server"),
];

#[test]
fn every_embedded_catalog_parses_and_is_named_after_its_minor() {
    for (name, text) in FILES {
        let catalog = Catalog::parse(name, text).unwrap();
        assert_eq!(name, format!("v{}.{}.yaml", catalog.minor.0, catalog.minor.1));
    }
    assert_eq!(Catalog::supported(), [(1, 34), (1, 35), (1, 36)]);
    assert_eq!(Catalog::newest().minor(), (1, 36));
    assert!(Catalog::for_version((1, 33)).is_none());
}

#[test]
fn versions_are_those_of_the_kubernetes_sources() {
    for release in RELEASES {
        let catalog = Catalog::for_version(release.minor).unwrap();
        assert_eq!(catalog.tested_patch(), release.patch);
        assert_eq!(catalog.support().end.to_string(), release.support);
        assert!(catalog.support().source.ends_with(&format!("/{}.{}/", release.minor.0, release.minor.1)));
        for ((component, repository), tag) in REPOSITORIES.into_iter().zip(release.tags) {
            assert_eq!(catalog.image(component, 0).to_string(), format!("{repository}:{tag}"));
        }
        let plugins = catalog.artifact(HostPart::CniPlugins, 0, Architecture::Amd64).unwrap();
        assert_eq!(plugins.version, release.cni_plugins);
    }
}

#[test]
fn what_follows_kubernetes_takes_any_patch_release() {
    let catalog = Catalog::for_version((1, 36)).unwrap();
    for component in Component::ALL {
        let (first, other) = (catalog.image(*component, 3), catalog.image(*component, 11));
        assert_eq!(first != other, component.follows_kubernetes(), "{component}");
    }
    assert_eq!(catalog.image(Component::KubeApiserver, 11).to_string(), "registry.k8s.io/kube-apiserver:v1.36.11");
    assert_eq!(catalog.image(Component::KubeProxy, 3).to_string(), "registry.k8s.io/kube-proxy:v1.36.3");
    assert_eq!(catalog.tested_version(), "1.36.3");
}

#[test]
fn every_image_is_pinned_for_both_architectures_with_its_source() {
    for catalog in CATALOGS.iter() {
        for component in Component::ALL {
            let entry = catalog.entry(*component);
            assert_eq!(entry.architectures(), Architecture::ALL, "{component}");
            assert!(entry.source().starts_with("https://"), "{component}");
            assert!(!catalog.image(*component, 0).is_floating(), "{component}");
        }
    }
}

#[test]
fn every_host_part_has_an_address_for_each_architecture() {
    for catalog in CATALOGS.iter() {
        for (part, architecture) in
            HostPart::ALL.iter().flat_map(|part| Architecture::ALL.iter().map(move |a| (part, a)))
        {
            let artifact = catalog.artifact(*part, 7, *architecture).unwrap();
            assert!(artifact.url.contains(&artifact.version) && artifact.url.contains(architecture.as_str()));
            assert!(artifact.checksum_url.contains(artifact.checksum_algorithm));
            assert!(!artifact.url.contains('{') && !artifact.checksum_url.contains('{'), "{artifact:?}");
            assert!(catalog.artifact_source(*part).starts_with("https://"));
        }
    }
}

#[test]
fn containerd_is_of_the_second_line() {
    for catalog in CATALOGS.iter() {
        let containerd = catalog.artifact(HostPart::Containerd, 0, Architecture::Arm64).unwrap();
        assert!(containerd.version.starts_with("2."), "kubelet 1.36 needs containerd 2.x");
        let url =
            "https://github.com/containerd/containerd/releases/download/v2.4.2/containerd-2.4.2-linux-arm64.tar.gz";
        assert_eq!((containerd.url.as_str(), containerd.checksum_url), (url, format!("{url}.sha256sum")));
    }
}

#[test]
fn kubelet_comes_from_the_release_of_its_patch() {
    let kubelet = Catalog::newest().artifact(HostPart::Kubelet, 9, Architecture::Amd64).unwrap();
    assert_eq!(kubelet.url, "https://dl.k8s.io/release/v1.36.9/bin/linux/amd64/kubelet");
    assert_eq!(kubelet.checksum_url, format!("{}.sha256", kubelet.url));
}

/// Each row replaces one text of the newest catalog and names what the error must say.
#[test]
fn a_damaged_catalog_is_refused() {
    let table = [
        ("kind: Catalog", "kind: Lock", "kfimg/v1alpha1 Lock; this kfimg reads"),
        ("kubernetesMinor: \"1.36\"", "kubernetesMinor: \"v1.36\"", "kubernetesMinor is `v1.36`"),
        ("testedPatch: 3", "testedPatch: 3\nextra: 1", "extra"),
        ("end: \"2027-06-28\"", "end: \"2027-06-31\"", "31"),
        ("source: \"https://kubernetes.io/releases/1.36", "source: \"http://kubernetes.io", "support: the source"),
        ("component: etcd", "component: etcdd", "etcdd"),
        ("component: etcd", "component: pause", "`pause` stands there twice"),
        ("part: kubectl", "part: kubelet", "`kubelet` stands there twice"),
        ("repository: registry.k8s.io/etcd", "repository: registry.k8s.io/Etcd", "write `etcd`"),
        ("tag: \"3.6.8-0\"", "tag: \"3.6.8{version}\"", "write the version itself"),
        ("tag: \"v{kubernetesVersion}\"", "tag: \"v1.36.3\"", "in tags v{kubernetesVersion}"),
        ("architectures: [amd64, arm64]", "architectures: []", "has no architecture"),
        ("architectures: [amd64, arm64]", "architectures: [mips]", "mips"),
        ("linux/{architecture}/kubelet\"\n", "linux/amd64/kubelet\"\n", "lacks {architecture}"),
        ("url: \"https://dl.k8s.io", "url: \"http://dl.k8s.io", "is no https:// address"),
        ("runc.sha256sum", "runc.sha256sum\", mode: \"x", "mode"),
    ];
    let (name, text) = FILES[2];
    for (former, damaged, wanted) in table {
        assert!(text.contains(former), "the table is out of date: {former}");
        let error = Catalog::parse(name, &text.replacen(former, damaged, 1)).unwrap_err().to_string();
        assert!(error.starts_with("catalog v1.36.yaml: ") && error.contains(wanted), "{damaged}: {error}");
    }
}

#[test]
fn a_catalog_without_an_entry_is_refused() {
    let (name, text) = FILES[2];
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| line.contains("component: headlamp")).unwrap();
    let without: Vec<&str> = [&lines[..start], &lines[start + 5..]].concat();
    let error = Catalog::parse(name, &without.join("\n")).unwrap_err();
    assert_eq!(error.kind, CatalogErrorKind::Missing("headlamp"));
}
