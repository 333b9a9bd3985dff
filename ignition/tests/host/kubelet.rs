//! The kubelet's configuration, kubeconfig and unit.

use crate::site::{Site, file, object, text};
use kfimg_profiles::cluster::{Cluster, NodeAddress};
use kfimg_profiles::description::{Argument, CloudProvider, Effect, Role, Taint};
use serde_json::{Value, json};

const CONFIG: &str = "/etc/kubernetes/kubelet-config.yaml";
const KUBECONFIG: &str = "/etc/kubernetes/kubelet.conf";
const UNIT: &str = "/etc/systemd/system/kubelet.service";

fn config(change: impl FnOnce(&mut Cluster), node: &str) -> Value {
    object(&Site::with(change).tree(node), CONFIG)
}

#[test]
fn a_worker_passes_the_checks_of_cis() {
    let config = config(|_| {}, "worker1");
    let expected = [
        ("/authentication/anonymous/enabled", json!(false)),
        ("/authentication/webhook/enabled", json!(true)),
        ("/authentication/x509/clientCAFile", json!("/etc/kubernetes/pki/ca.crt")),
        ("/authorization/mode", json!("Webhook")),
        ("/readOnlyPort", json!(0)),
        ("/streamingConnectionIdleTimeout", json!("4h")),
        ("/makeIPTablesUtilChains", json!(true)),
        ("/rotateCertificates", json!(true)),
        ("/seccompDefault", json!(true)),
        ("/protectKernelDefaults", json!(true)),
        ("/tlsMinVersion", json!("VersionTLS12")),
        ("/podPidsLimit", json!(4096)),
        ("/eventRecordQPS", json!(50)),
    ];
    for (pointer, value) in expected {
        assert_eq!(config.pointer(pointer), Some(&value), "{pointer}");
    }
    assert!(config["tlsCertFile"].is_string() && config["tlsPrivateKeyFile"].is_string());
}

#[test]
fn a_worker_has_the_clusters_settings() {
    let config = config(
        |cluster| {
            cluster.kubelet.eviction_hard = [("memory.available".to_owned(), "200Mi".to_owned())].into();
            cluster.kubelet.system_reserved = [("cpu".to_owned(), "100m".to_owned())].into();
            cluster.nodes[3].taints =
                vec![Taint { key: "a".to_owned(), value: String::new(), effect: Effect::NoExecute }];
        },
        "worker1",
    );
    let expected = [
        ("clusterDNS", json!(["10.96.0.10"])),
        ("clusterDomain", json!("cluster.local")),
        ("cgroupDriver", json!("systemd")),
        ("maxPods", json!(110)),
        ("evictionHard", json!({ "memory.available": "200Mi" })),
        ("systemReserved", json!({ "cpu": "100m" })),
        ("registerWithTaints", json!([{ "key": "a", "value": "", "effect": "NoExecute" }])),
        ("resolvConf", json!("/run/systemd/resolve/resolv.conf")),
        ("shutdownGracePeriod", json!("60s")),
        ("shutdownGracePeriodCriticalPods", json!("20s")),
        ("staticPodPath", json!("/etc/kubernetes/manifests")),
    ];
    for (key, value) in expected {
        assert_eq!(config[key], value, "{key}");
    }
}

#[test]
fn pods_ask_the_nodes_own_cache_first_and_the_cluster_while_it_is_away() {
    let asked = |change: fn(&mut Cluster)| config(change, "worker1")["clusterDNS"].clone();
    let cache = |cluster: &mut Cluster| cluster.dns.node_local_cache = Some("169.254.20.10".parse().unwrap());
    assert_eq!(asked(cache), json!(["169.254.20.10", "10.96.0.10"]));
    // A resolver file holds three servers.
    let both = |cluster: &mut Cluster| {
        crate::site::ipv6(cluster, true);
        cluster.dns.node_local_cache = Some("169.254.20.10".parse().unwrap());
    };
    assert_eq!(asked(both), json!(["169.254.20.10", "10.96.0.10"]));
    let alone = |cluster: &mut Cluster| {
        crate::site::ipv6(cluster, false);
        cluster.dns.node_local_cache = Some("fd6b:6669:6d67::10".parse().unwrap());
    };
    assert_eq!(asked(alone), json!(["fd6b:6669:6d67::10", "fd00:10:96::a"]));
}

#[test]
fn an_etcd_node_stands_alone_and_answers_nobody() {
    let site = Site::with(|cluster| cluster.nodes[0].role = Role::Etcd);
    let tree = site.tree("master1");
    let config = object(&tree, CONFIG);
    assert_eq!(config["enableServer"], false);
    for key in ["tlsCertFile", "tlsPrivateKeyFile", "clusterDNS", "clusterDomain", "registerWithTaints"] {
        assert!(config.get(key).is_none(), "{key}");
    }
    assert!(tree.get(KUBECONFIG).is_none());
    let unit = text(&tree, UNIT);
    assert!(!unit.contains("--kubeconfig") && !unit.contains("--node-ip"), "{unit}");
}

#[test]
fn certificates_rotate_only_where_somebody_can_sign() {
    assert_eq!(config(|cluster| cluster.pki.ca_key_on_nodes = false, "worker1")["rotateCertificates"], false);
}

#[test]
fn each_role_reaches_the_api_without_the_vip() {
    let ipv6 = |cluster: &mut Cluster| {
        for (node, last) in cluster.nodes.iter_mut().zip(1..) {
            node.addresses =
                vec![NodeAddress { ip: std::net::Ipv6Addr::from_bits(0xfd << 120 | last).into(), prefix: 64 }];
        }
    };
    let cases = [
        (Site::with(|_| {}), "master2", "https://192.168.49.152:6443"),
        (Site::with(|_| {}), "worker1", "https://127.0.0.1:6443"),
        (Site::with(ipv6), "master2", "https://[fd00::2]:6443"),
        (Site::with(ipv6), "worker1", "https://[::1]:6443"),
    ];
    for (site, node, server) in cases {
        let tree = site.tree(node);
        let kubeconfig = object(&tree, KUBECONFIG);
        assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], server, "{node}");
        assert_eq!(kubeconfig["users"][0]["name"], format!("system:node:{node}"));
        assert_eq!(file(&tree, KUBECONFIG).mode, 0o600);
    }
}

#[test]
fn the_client_certificate_is_a_file_of_the_payload() {
    let tree = Site::with(|_| {}).tree("worker1");
    let user = &object(&tree, KUBECONFIG)["users"][0]["user"];
    let pair = user["client-certificate"].as_str().unwrap();
    assert_eq!(user["client-key"], pair);
    let pem = text(&tree, pair);
    assert!(pem.contains("BEGIN CERTIFICATE") && pem.contains("PRIVATE KEY"));
}

#[test]
fn the_unit_says_what_the_configuration_cannot() {
    let site = Site::with(|cluster| {
        let labels = [("zone", "a"), ("example.com/disk", "ssd")];
        cluster.nodes[3].labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        cluster.cloud_provider = Some(CloudProvider::External);
        let argument = |name: &str, value: &str| Argument { name: name.to_owned(), value: value.to_owned() };
        cluster.kubelet.extra_args = vec![argument("v", "2"), argument("x", "50% $HOME")];
    });
    let expected = r#"[Unit]
Description=kubelet
Documentation=https://kubernetes.io/docs/
Requires=kfimg-preflight.service
Wants=network-online.target containerd.service kfimg-images.service
After=network-online.target containerd.service kfimg-preflight.service kfimg-images.service
After=opt-cni-bin.mount
RequiresMountsFor=/var/lib/kubelet
StartLimitIntervalSec=0

[Service]
ExecStartPre=/usr/bin/install \
    -D \
    -m \
    0600 \
    /etc/kubernetes/kubelet-config.yaml \
    /var/lib/kubelet/config.yaml
ExecStart=/usr/bin/kubelet \
    --config=/var/lib/kubelet/config.yaml \
    --hostname-override=worker1 \
    --kubeconfig=/etc/kubernetes/kubelet.conf \
    --node-ip=192.168.49.161 \
    --node-labels=example.com/disk=ssd,zone=a \
    --cloud-provider=external \
    --v=2 \
    "--x=50%% $$HOME"
Restart=always
RestartSec=2
"#;
    let tree = site.tree("worker1");
    assert_eq!(text(&tree, UNIT), expected);
    assert_eq!(file(&tree, UNIT).mode, 0o600);
}

#[test]
fn logind_waits_as_long_as_the_kubelet() {
    let logind = text(&Site::with(|_| {}).tree("worker1"), "/etc/systemd/logind.conf.d/10-kfimg.conf").to_owned();
    assert_eq!(logind, "[Login]\nInhibitDelayMaxSec=61\n");
}
