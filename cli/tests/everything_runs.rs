//! `everything.yaml`, a site with every setting, in real servers: etcd, API server, controller-manager and scheduler run with what it
//! gives them; its tokens and its directory are believed, its objects encrypted, its addons taken, its names answered.
//!
//! The charts are left out, for which `charts.rs` asks the real helm. `make interop` runs this.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use support::cluster::{Cluster, ok};
use support::issuer::Issuer;
use support::name_server;
use support::nginx;
use support::node::{NodeRoot, Workplace};
use support::pod::Container;
use support::program::{as_root, both, built, find, folder_emptied_by_root, go_folder, run, succeed};

/// Who answers for the directory, on the node's own address of the loopback network.
const DIRECTORY: &str = "127.0.0.1:8899";
/// The only one that it knows.
const USER: &str = "jane@directory";
/// Where every name outside the cluster leads that the site's name server is asked for; the company's issuer of tokens is there.
const OUTSIDE: &str = "203.0.113.53";
/// Where every name of the site's stub domain leads.
const STUB: &str = "203.0.113.50";

/// The Service of cluster DNS, and the address of the cache on each node.
const SERVICE: &str = "10.96.0.10";
const CACHE: &str = "169.254.20.53";

static CLUSTER: LazyLock<Cluster> = LazyLock::new(started);
static ISSUER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

/// Renders the site; its webhook is one that this test can be.
fn rendered() -> Workplace {
    let folder = folder_emptied_by_root("everything-runs");
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/tests/good");
    succeed(Command::new("cp").arg("-r").arg(good.join("everything.yaml")).arg(good.join("files")).arg(&folder));
    let webhook = folder.join("files/webhook.kubeconfig");
    let text = fs::read_to_string(&webhook).unwrap();
    let server = text.split("server: ").nth(1).unwrap().split('}').next().unwrap().to_owned();
    fs::write(&webhook, text.replace(&server, &format!("\"http://{DIRECTORY}/\""))).unwrap();
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    // Control groups v1 are let pass because the kubelet looks at this machine's.
    let line = "render --site everything.yaml --set charts=[] --set kubelet.failCgroupV1=false --channel ignition";
    succeed(kfimg.args(line.split(' ')).current_dir(&folder));
    Workplace::of(folder)
}

/// The servers of `master1`, with all members of etcd; whom they ask are servers on the machine, and name servers on `master2`.
fn started() -> Cluster {
    let mut cluster = Cluster::of(rendered(), NodeRoot::is_control_plane);
    let members: Vec<String> = cluster.nodes().map(|node| node.name.clone()).collect();
    members.iter().for_each(|member| cluster.start(member, "etcd"));
    start_name_servers(&mut cluster);
    start_whom_it_asks(&mut cluster);
    cluster.start("master1", "kube-apiserver");
    cluster.wait_for_api("master1");
    for name in ["kube-controller-manager", "kube-scheduler"] {
        cluster.start("master1", name);
    }
    cluster.apply_addons("master1");
    start_dns(&mut cluster);
    cluster
}

/// The site's, for its stub domain and for all other names.
fn start_name_servers(cluster: &mut Cluster) {
    cluster.machine("master1").ip(&["address", "add", &format!("{OUTSIDE}/32"), "dev", "lo"]);
    for (server, answer) in [("192.168.49.53", OUTSIDE), ("192.168.50.53", STUB)] {
        cluster.machine("master2").ip(&["address", "add", &format!("{server}/32"), "dev", "eth0"]);
        cluster.machine("master1").ip(&["route", "add", &format!("{server}/32"), "dev", "eth0"]);
        let (machine, folder) = (cluster.machine("master2"), cluster.workplace.folder());
        let mut names = name_server::command(machine, folder, server, &name_server::file(server, answer));
        cluster.keep("master2", &format!("names-{server}"), &mut names);
    }
}

/// A directory that knows everybody as the same person, and the company's issuer of tokens.
fn start_whom_it_asks(cluster: &mut Cluster) {
    let folder = cluster.workplace.folder();
    let review = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "status": {"authenticated": true, "user": {"username": USER, "groups": ["company:admins"]}},
    });
    let issuer = ISSUER.nginx(&folder.join("files"), folder, OUTSIDE);
    let servers = format!(
        "access_log {}/asked.log; default_type application/json;\n\
         server {{ listen {DIRECTORY}; location / {{ return 200 '{review}'; }} }}\n{issuer}",
        folder.display()
    );
    let file = folder.join("asked.conf");
    fs::write(&file, nginx::configuration(folder, &servers)).unwrap();
    let mut nginx = cluster.machine("master1").command(find("nginx"));
    cluster.keep("master1", "asked", nginx.args(["-e", "stderr", "-c"]).arg(file));
}

/// CoreDNS by its Deployment in the cluster: its arguments, its file, its service account.
fn start_dns(cluster: &mut Cluster) {
    let of_system = |words: &[&str]| ok(&cluster.kubectl("master1", &[&["-n", "kube-system"], words].concat()));
    let deployment: Value = serde_json::from_str(&of_system(&["get", "deployment", "coredns", "-o", "json"])).unwrap();
    let arguments = Container::read(&deployment["spec"]["template"].to_string(), "coredns").command;
    let cache = of_system(&["get", "configmap", "node-local-dns", "-o", "jsonpath={.data.Corefile}"]);
    let node = cluster.node("master1");
    let account = "/var/run/secrets/kubernetes.io/serviceaccount";
    let files = [
        (
            "/etc/coredns/Corefile".to_owned(),
            of_system(&["get", "configmap", "coredns", "-o", "jsonpath={.data.Corefile}"]),
        ),
        (format!("{account}/token"), of_system(&["create", "token", "coredns"]).trim().to_owned()),
        (format!("{account}/ca.crt"), node.text("/etc/kubernetes/pki/ca.crt")),
        (format!("{account}/namespace"), "kube-system".to_owned()),
    ];
    for (path, content) in files {
        let path = node.path(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let command = [vec!["coredns".to_owned()], arguments].concat();
    let pod = Container::of_host(command, &["/etc/coredns", account]);
    let mut start = pod.start(cluster.machine("master1"), node, go_folder(&["coredns"]).join("coredns"));
    start.env("KUBERNETES_SERVICE_HOST", node.address()).env("KUBERNETES_SERVICE_PORT", "6443");
    cluster.keep("master1", "coredns", &mut start);
    // In the place of kube-proxy, and of the cache's own program, which adds its address.
    for address in [SERVICE, CACHE] {
        cluster.machine("master1").ip(&["address", "add", &format!("{address}/32"), "dev", "lo"]);
    }
    let (machine, folder) = (cluster.machine("master1"), cluster.workplace.folder());
    let mut names = name_server::command(machine, folder, "cache", &cache);
    cluster.keep("master1", "cache", &mut names);
}

fn kubectl(arguments: &[&str]) -> String {
    ok(&CLUSTER.kubectl("master1", arguments))
}

/// Whom the API server takes somebody with this token for: name and groups.
fn who(token: &str) -> Option<Value> {
    let said = CLUSTER.kubectl_with_token("master1", token, &["auth", "whoami", "-o", "json"]);
    assert!(said.status.success() || both(&said).contains("Unauthorized"), "{}", both(&said));
    let who: Option<Value> = said.status.success().then(|| serde_json::from_slice(&said.stdout).unwrap());
    who.map(|who| json!([who["status"]["userInfo"]["username"], who["status"]["userInfo"]["groups"]]))
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn whoever_has_a_token_that_nothing_else_knows_is_who_the_directory_says() {
    assert_eq!(who("of-the-directory"), Some(json!([USER, ["company:admins", "system:authenticated"]])));
    let asked = fs::read_to_string(CLUSTER.workplace.folder().join("asked.log")).unwrap();
    assert!(asked.contains("POST /"), "{asked}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn a_token_of_the_companys_issuer_counts_with_the_claims_that_the_site_requires() {
    let expected = json!(["company:jane@example.com", ["company:builders", "system:authenticated"]]);
    let good = ISSUER.token(&json!({"department": "infrastructure"}));
    // Once the API server has found the issuer by its name, and got its keys over TLS.
    CLUSTER.wait("the issuer", || who(&good).is_some_and(|who| who == expected));
    // What is not the issuer's goes to the directory, which takes everybody for the same.
    let wrong = [
        ISSUER.token(&json!({"department": "sales"})),
        ISSUER.token(&json!({"department": "infrastructure", "aud": "somebody-else"})),
        Issuer::new().token(&json!({"department": "infrastructure"})),
    ];
    for token in wrong {
        assert!(who(&token).is_none_or(|who| who[0] == USER), "{token}");
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn both_kinds_of_objects_are_encrypted_by_the_providers_cipher_and_others_are_json() {
    kubectl(&["create", "secret", "generic", "canary", "--from-literal=word=nightingale"]);
    kubectl(&["create", "configmap", "canary", "--from-literal=word=nightingale"]);
    for resource in ["secrets", "configmaps"] {
        let stored = CLUSTER.stored("master1", &format!("/registry/{resource}/default/canary"));
        assert!(stored.starts_with("k8s:enc:aescbc:v1:") && !stored.contains("nightingale"), "{resource}: {stored}");
    }
    assert!(CLUSTER.stored("master1", "/registry/namespaces/default").starts_with('{'));
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn admission_and_ports_are_the_sites() {
    CLUSTER.wait("a service account", || {
        CLUSTER.kubectl("master1", &["get", "serviceaccount", "default"]).status.success()
    });
    kubectl(&["run", "pod", "--image=reg.local/pause", "--image-pull-policy=Never"]);
    let policy = kubectl(&["get", "pod", "pod", "-o", "jsonpath={.spec.containers[0].imagePullPolicy}"]);
    assert_eq!(policy, "Always");
    let port = ["create", "service", "nodeport", "late", "--tcp=80", "--node-port=32500"];
    let refused = CLUSTER.kubectl("master1", &port);
    assert!(!refused.status.success() && both(&refused).contains("30000-32000"), "{}", both(&refused));
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_audit_log_follows_the_sites_policy() {
    kubectl(&["create", "configmap", "audited", "--from-literal=word=nightingale"]);
    let node = CLUSTER.node("master1");
    let pod = CLUSTER.pod("master1", "kube-apiserver");
    let log = pod.on_node(pod.flag("--audit-log-path").unwrap()).unwrap();
    let text = || succeed(as_root("cat").arg(node.path(&log)));
    CLUSTER.wait("the audit log", || text().contains("\"name\":\"audited\""));
    let events = text();
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let levels: Vec<Value> = events.map(|event| event["level"].clone()).collect();
    // kfimg's own policy has other levels, and no event of reading by the cluster's own parts.
    assert!(levels.len() > 50 && levels.iter().all(|level| level == "Metadata"), "{levels:?}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn names_of_the_certificate_and_origins_of_pages_are_the_sites() {
    for name in ["console.example.com", "203.0.113.10", "api.example.com"] {
        let said = CLUSTER.kubectl("master1", &[&format!("--tls-server-name={name}"), "get", "--raw", "/readyz"]);
        assert_eq!(ok(&said), "ok", "{name}");
    }
    let other = CLUSTER.kubectl("master1", &["--tls-server-name=console.example.net", "get", "--raw", "/readyz"]);
    assert!(!other.status.success(), "{}", both(&other));
    for (origin, allowed) in [("https://console.example.com", true), ("https://console.example.net", false)] {
        let said = CLUSTER.answer("master1", &format!("GET /readyz HTTP/1.0\r\nOrigin: {origin}\r\n\r\n"));
        assert_eq!(said.to_lowercase().contains("access-control-allow-origin"), allowed, "{origin}: {said}");
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn controller_manager_and_scheduler_work_with_their_arguments() {
    for lease in ["kube-controller-manager", "kube-scheduler"] {
        CLUSTER
            .wait(lease, || CLUSTER.kubectl("master1", &["-n", "kube-system", "get", "lease", lease]).status.success());
    }
}

/// What the addons have of the site, as the API server holds it: kind, name, where, value.
const OF_ADDONS: [(&str, &str, &str, &str); 6] = [
    (
        "deployment",
        "coredns",
        "{.spec.replicas} {.spec.template.spec.containers[0].resources.requests.memory}",
        "3 70Mi",
    ),
    ("deployment", "metrics-server", "{.spec.replicas}", "2"),
    ("deployment", "headlamp", "{.spec.template.spec.containers[0].name}", "headlamp"),
    ("service", "headlamp", "{.spec.type}", "ClusterIP"),
    ("daemonset", "node-local-dns", "{.spec.template.spec.hostNetwork}", "true"),
    ("daemonset", "example-controllers", "{.metadata.name}", "example-controllers"),
];

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_api_server_has_every_addon_as_the_site_wants_it() {
    for (kind, name, place, expected) in OF_ADDONS {
        let found = kubectl(&["-n", "kube-system", "get", kind, name, "-o", &format!("jsonpath={place}")]);
        assert_eq!(found, expected, "{kind} {name}");
    }
    assert_eq!(kubectl(&["-n", "shop", "get", "configmap", "greeting", "-o", "jsonpath={.data.mode}"]), "0644");
}

/// Names, and where they lead.
const NAMES: [(&str, &str); 4] = [
    ("kubernetes.default.svc.example.internal", "10.96.0.1"),
    ("files.corp.example.com", STUB),
    ("corp.example.com", STUB),
    ("www.example.org", OUTSIDE),
];

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn coredns_asks_the_api_the_stub_domains_servers_and_the_upstream_ones_each_for_its_names() {
    let (machine, folder) = (CLUSTER.machine("master1"), CLUSTER.workplace.folder());
    // What does not ask the cache asks the Service; the cache asks it, too, for names of the cluster.
    for (server, (name, expected)) in [SERVICE, CACHE].iter().flat_map(|server| NAMES.map(|row| (server, row))) {
        let mut last = None;
        CLUSTER.wait(name, || {
            last = name_server::ask(machine, folder, server, name);
            last.is_some()
        });
        assert_eq!(last.as_deref(), Some(expected), "{name} of {server}");
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn kubelet_kube_proxy_and_containerd_take_their_settings() {
    let (node, machine) = (CLUSTER.node("master1"), CLUSTER.machine("master1"));
    let paths = ["/etc/kubernetes", "/etc/kfimg", "/var/lib/kubelet"];
    for command in node.commands("kubelet.service", |key| key == "ExecStartPre") {
        succeed(&mut Container::of_host(command.clone(), &paths).start(machine, node, &command[0]));
    }
    let command = node.commands("kubelet.service", |key| key == "ExecStart").remove(0);
    let said = both(&run(&mut Container::of_host(command, &paths).start(machine, node, built("kubelet"))));
    // All is well but for the runtime, which does not run here.
    assert!(said.contains("validate CRI v1 runtime API for endpoint") && !said.contains("unknown field"), "{said}");
    let proxy =
        kubectl(&["-n", "kube-system", "get", "configmap", "kube-proxy", "-o", "jsonpath={.data.config\\.conf}"]);
    assert!(proxy.contains("mode: iptables") && proxy.contains("131072"), "{proxy}");
    let place = CLUSTER.workplace.folder();
    fs::write(place.join("config.conf"), proxy).unwrap();
    let words = ["--config", "config.conf", "--write-config-to", "complete.conf"];
    succeed(Command::new(built("kube-proxy")).args(words).current_dir(place));
    let host = Container::of_host(vec!["containerd".to_owned()], &["/etc/containerd"]);
    let said = both(&run(host.view(machine, node, built("containerd")).args(["config", "dump"])));
    assert!(said.contains("disable_apparmor = true") && !said.contains("unknown key"), "{said}");
}
