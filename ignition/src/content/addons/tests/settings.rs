//! What single settings of the description do to the addons.

use super::{Change, all_there_is, dual, dual_ipv6_first, ipv6, object, objects, objects_of, site};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{Argument, FlannelBackend, ProxyMode, Role};
use serde_json::{Value, json};

#[test]
fn the_dns_service_has_an_address_of_each_family() {
    let cases: [(Change, Value); 4] = [
        (|_| (), json!([["10.96.0.10"], ["IPv4"], "SingleStack"])),
        (ipv6, json!([["fd00:20::a"], ["IPv6"], "SingleStack"])),
        (dual, json!([["10.96.0.10", "fd00:20::a"], ["IPv4", "IPv6"], "RequireDualStack"])),
        (dual_ipv6_first, json!([["fd00:20::a", "10.96.0.10"], ["IPv6", "IPv4"], "RequireDualStack"])),
    ];
    for (change, expected) in cases {
        let objects = objects(change);
        let spec = &object(&objects, "Service", "kube-dns")["spec"];
        assert_eq!(json!([spec["clusterIPs"], spec["ipFamilies"], spec["ipFamilyPolicy"]]), expected);
        assert_eq!(spec["clusterIP"], spec["clusterIPs"][0]);
    }
}

#[test]
fn kube_proxy_is_configured_as_described() {
    let base = [
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1",
        "kind: KubeProxyConfiguration",
        "bindAddress: \"0.0.0.0\"",
        "clusterCIDR: 10.244.0.0/16",
        "metricsBindAddress: 127.0.0.1:10249",
        "mode: nftables",
    ];
    let cases: [(Change, &[&str]); 6] = [
        (|_| (), &base),
        (|cluster| cluster.kube_proxy.mode = ProxyMode::Ipvs, &["mode: ipvs"]),
        (ipv6, &["bindAddress: \"::\"", "clusterCIDR: fd00:10::/56", "metricsBindAddress: 127.0.0.1:10249"]),
        (dual, &["bindAddress: \"0.0.0.0\"", "clusterCIDR: 10.244.0.0/16,fd00:10::/56"]),
        (|cluster| cluster.kube_proxy.mode = ProxyMode::Iptables, &["mode: iptables"]),
        (all_there_is, &["conntrack:\n  min: 0\n", "featureGates:\n  ContextualLogging: true\n"]),
    ];
    for (change, lines) in cases {
        let objects = objects(change);
        let data = &object(&objects, "ConfigMap", "kube-proxy")["data"];
        let config = data["config.conf"].as_str().unwrap();
        for line in lines {
            assert!(config.contains(line), "no `{line}` in\n{config}");
        }
        assert!(data["kubeconfig.conf"].as_str().unwrap().contains("server: https://127.0.0.1:6443\n"));
    }
}

#[test]
fn arguments_of_the_user_end_kube_proxys_command() {
    let objects = objects(|cluster| {
        let argument = Argument { name: "v".to_owned(), value: "2".to_owned() };
        cluster.kube_proxy.extra_args.push(argument);
    });
    let container = &object(&objects, "DaemonSet", "kube-proxy")["spec"]["template"]["spec"]["containers"][0];
    let command: Vec<&str> = container["command"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let expected = ["--config=/var/lib/kube-proxy/config.conf", "--hostname-override=$(NODE_NAME)", "--v=2"];
    assert_eq!(command[1..], expected);
}

#[test]
fn flannel_knows_the_families_and_finds_its_interface_without_a_default_route() {
    let first = "--iface=$(NODE_IP)";
    let cases: [(Change, Value, &[&str]); 5] = [
        (|_| (), json!([true, false, "10.244.0.0/16", null, "vxlan"]), &[first]),
        (ipv6, json!([false, true, null, "fd00:10::/56", "vxlan"]), &[first]),
        (dual, json!([true, true, "10.244.0.0/16", "fd00:10::/56", "vxlan"]), &[first]),
        (
            dual_ipv6_first,
            json!([true, true, "10.244.0.0/16", "fd00:10::/56", "vxlan"]),
            &[first, "--public-ipv6=$(NODE_IP)"],
        ),
        (
            |cluster| cluster.networking.flannel.backend = FlannelBackend::HostGw,
            json!([true, false, "10.244.0.0/16", null, "host-gw"]),
            &[first],
        ),
    ];
    for (change, expected, arguments) in cases {
        let objects = objects(change);
        let data = &object(&objects, "ConfigMap", "kube-flannel-cfg")["data"];
        let conf: Value = serde_json::from_str(data["net-conf.json"].as_str().unwrap()).unwrap();
        let found = [
            &conf["EnableIPv4"],
            &conf["EnableIPv6"],
            &conf["Network"],
            &conf["IPv6Network"],
            &conf["Backend"]["Type"],
        ];
        assert_eq!(json!(found), expected);
        let pod = &object(&objects, "DaemonSet", "kube-flannel-ds")["spec"]["template"]["spec"];
        let given = pod["containers"][0]["args"].as_array().unwrap();
        assert_eq!(json!(given[2..]), json!(arguments));
    }
}

#[test]
fn a_given_mtu_is_that_of_the_pods_interfaces() {
    for (mtu, expected) in [(None, Value::Null), (Some(1400), json!(1400))] {
        let mut cluster = Cluster::fake();
        cluster.networking.flannel.mtu = mtu;
        let objects = objects_of(&cluster);
        let data = &object(&objects, "ConfigMap", "kube-flannel-cfg")["data"];
        let cni: Value = serde_json::from_str(data["cni-conf.json"].as_str().unwrap()).unwrap();
        assert_eq!(cni["plugins"][0]["delegate"]["mtu"], expected);
    }
}

#[test]
fn changed_configuration_makes_new_pods() {
    let digest = |change: Change, name: &str| {
        let objects = objects(change);
        let template = &object(&objects, "DaemonSet", name)["spec"]["template"];
        template["metadata"]["annotations"]["kfimg/config-sha256"].as_str().unwrap().to_owned()
    };
    for name in ["kube-proxy", "kube-flannel-ds"] {
        assert_ne!(digest(|_| (), name), digest(dual, name), "{name}");
    }
}

#[test]
fn replicas_stand_on_nodes_of_their_own_where_there_are_enough() {
    let cases: [(u32, &str, bool); 4] = [
        (1, "", false),
        (2, "requiredDuringSchedulingIgnoredDuringExecution", true),
        (5, "requiredDuringSchedulingIgnoredDuringExecution", true),
        (6, "preferredDuringSchedulingIgnoredDuringExecution", true),
    ];
    for (replicas, rule, budget) in cases {
        let mut cluster = Cluster::fake();
        cluster.dns.replicas = replicas;
        cluster.metrics_server.as_mut().unwrap().replicas = replicas;
        let objects = objects_of(&cluster);
        for name in ["coredns", "metrics-server"] {
            let spec = &object(&objects, "Deployment", name)["spec"];
            assert_eq!(spec["replicas"], replicas);
            let affinity = spec["template"]["spec"]["affinity"]["podAntiAffinity"].as_object();
            let rules: Vec<&str> = affinity.into_iter().flat_map(|rules| rules.keys()).map(String::as_str).collect();
            assert_eq!(rules.concat(), rule, "{name} {replicas}");
            let budgets =
                objects.iter().filter(|o| o["kind"] == "PodDisruptionBudget" && o["metadata"]["name"] == name);
            assert_eq!(budgets.count(), usize::from(budget), "{name} {replicas}");
        }
    }
}

#[test]
fn coredns_resources_are_ours_or_the_users_but_never_mixed() {
    type Entries<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Entries<'_>, Entries<'_>, Value); 3] = [
        (&[], &[], json!({"requests": {"cpu": "100m", "memory": "70Mi"}, "limits": {"memory": "170Mi"}})),
        (&[("memory", "1Gi")], &[], json!({"requests": {"memory": "1Gi"}})),
        (&[], &[("memory", "50Mi")], json!({"limits": {"memory": "50Mi"}})),
    ];
    let texts = |entries: Entries<'_>| entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for (requests, limits, expected) in cases {
        let mut cluster = Cluster::fake();
        cluster.dns.resources.requests = texts(requests);
        cluster.dns.resources.limits = texts(limits);
        let objects = objects_of(&cluster);
        let pod = &object(&objects, "Deployment", "coredns")["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["resources"], expected);
    }
}

#[test]
fn only_control_planes_get_a_role_and_untainted_ones_stay_behind_load_balancers() {
    let objects = objects(|cluster| cluster.nodes[1].taints.clear());
    let nodes: Vec<&Value> = objects.iter().filter(|object| object["kind"] == "Node").collect();
    assert_eq!(nodes.len(), 3);
    let excluded = json!({
        "node-role.kubernetes.io/control-plane": "", "node.kubernetes.io/exclude-from-external-load-balancers": "",
    });
    let expected = [
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "master1", "labels": excluded}}),
        json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "master2", "labels": {
            "node-role.kubernetes.io/control-plane": "",
        }}}),
    ];
    assert_eq!(json!(nodes[..2]), json!(expected));
}

#[test]
fn kubelets_renew_certificates_only_where_somebody_can_sign_them() {
    let binds = |change: Change| {
        let objects = objects(change);
        objects.iter().any(|object| object["metadata"]["name"] == "kfimg:node-autoapprove-certificate-rotation")
    };
    assert!(binds(|_| ()));
    assert!(!binds(|cluster| cluster.pki.ca_key_on_nodes = false));
}

#[test]
fn nodes_that_run_etcd_alone_do_not_count() {
    let mut cluster = Cluster::fake();
    assert_eq!(site(&cluster).kubernetes_nodes(), 5);
    cluster.nodes[4].role = Role::Etcd;
    assert_eq!(site(&cluster).kubernetes_nodes(), 4);
}

/// Before a cloud controller manager has initialised the first Node, nothing else runs.
#[test]
fn what_nodes_and_names_need_does_not_wait_for_a_cloud() {
    let tolerates = |change: Change, kind: &str, name: &str| {
        let objects = objects(change);
        let pod = &object(&objects, kind, name)["spec"]["template"]["spec"];
        let tolerations = pod["tolerations"].as_array().unwrap();
        tolerations.iter().any(|toleration| {
            let key = &toleration["key"];
            toleration["operator"] == "Exists"
                && (key.is_null() || key == "node.cloudprovider.kubernetes.io/uninitialized")
        })
    };
    for (kind, name) in [
        ("DaemonSet", "kube-proxy"),
        ("DaemonSet", "kube-flannel-ds"),
        ("DaemonSet", "node-local-dns"),
        ("Deployment", "coredns"),
    ] {
        assert!(tolerates(all_there_is, kind, name), "{name}");
    }
    assert!(!tolerates(all_there_is, "Deployment", "metrics-server"));
    assert!(!tolerates(|_| (), "Deployment", "coredns"));
}

#[test]
fn the_cache_asks_at_its_own_address_and_shows_its_health_there() {
    let objects = objects(|cluster| cluster.dns.node_local_cache = Some("169.254.20.53".parse().unwrap()));
    let pod = &object(&objects, "DaemonSet", "node-local-dns")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let args = ["-localip", "169.254.20.53", "-conf", "/etc/Corefile", "-health-port", "9254"];
    assert_eq!(container["args"], json!(args));
    let probe = &container["livenessProbe"]["httpGet"];
    assert_eq!(json!([probe["host"], probe["port"], probe["path"]]), json!(["169.254.20.53", 9254, "/health"]));
    assert_eq!(json!([pod["hostNetwork"], pod["dnsPolicy"]]), json!([true, "Default"]));
    let file = &pod["volumes"][1]["configMap"]["items"][0];
    assert_eq!(json!([file["key"], file["path"]]), json!(["Corefile", "Corefile.base"]));
    let text = object(&objects, "ConfigMap", "node-local-dns")["data"]["Corefile"].as_str().unwrap();
    assert!(text.contains("    health 169.254.20.53:9254\n") && !text.contains("__PILLAR__"), "{text}");
}
