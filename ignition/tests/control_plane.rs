//! What a control plane and a worker get: static pods that hang together, their arguments, certificates by role.

#![allow(clippy::unwrap_used, reason = "tests")]

#[allow(dead_code, reason = "each test takes a part of it")]
mod site;

use jiff::Timestamp;
use kfimg_ignition::tree::{Entry, NodeTree};
use kfimg_pki::{BroughtCa, Ca, Secret, inventory};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::{Argument, CloudProvider, EncryptionProvider, ExtraVolume, PathType, Role};
use kfimg_profiles::load::Inputs;
use kfimg_profiles::problem::Appearance;
use serde_json::{Value, json};
use site::Site;
use std::collections::BTreeMap;
use std::process::Command;

const API_SERVER: &str = "/etc/kfimg/manifests/kube-apiserver.yaml";
const CONTROLLER_MANAGER: &str = "/etc/kubernetes/manifests/kube-controller-manager.yaml";
const SCHEDULER: &str = "/etc/kubernetes/manifests/kube-scheduler.yaml";
const ETCD: &str = "/etc/kfimg/manifests/etcd.json";
const HAPROXY: &str = "/etc/kubernetes/manifests/haproxy.yaml";
const KEEPALIVED: &str = "/etc/kfimg/manifests/keepalived.yaml";
const PODS: [&str; 6] = [API_SERVER, CONTROLLER_MANAGER, SCHEDULER, ETCD, HAPROXY, KEEPALIVED];

#[test]
fn settings_reach_the_arguments_of_their_component() {
    let argument = |name: &str, value: &str| Argument { name: name.to_owned(), value: value.to_owned() };
    let changed = Site::with(|cluster| {
        cluster.scheduler.extra_args = vec![argument("v", "4"), argument("tls-min-version", "VersionTLS13")];
        cluster.etcd.extra_args = vec![argument("tls-min-version", "TLS1.3"), argument("heartbeat-interval", "200")];
        cluster.api_server.feature_gates = BTreeMap::from([("B".to_owned(), false), ("A".to_owned(), true)]);
        cluster.api_server.runtime_config = BTreeMap::from([("batch/v1".to_owned(), "true".to_owned())]);
        cluster.cloud_provider = Some(CloudProvider::External);
        cluster.pki.ca_key_on_nodes = false;
    });
    let external = Site::with(|cluster| {
        cluster.nodes.iter_mut().filter(|node| node.role == Role::Worker).for_each(|node| node.role = Role::Etcd);
    });
    let v4 = Site::new(Cluster::fake());
    let v6 = Site::with(|cluster| site::ipv6(cluster, false));
    let both = Site::with(|cluster| site::ipv6(cluster, true));
    let table: [(&Site, &str, &str, &[&str]); 26] = [
        (&v4, API_SERVER, "bind-address", &["192.168.49.151"]),
        (&v4, API_SERVER, "etcd-servers", &["https://127.0.0.1:2379"]),
        (&v6, API_SERVER, "advertise-address", &["fd00:49::151"]),
        (&v6, ETCD, "listen-client-urls", &["https://127.0.0.1:2379,https://[fd00:49::151]:2379"]),
        (&v6, ETCD, "listen-peer-urls", &["https://[fd00:49::151]:2380"]),
        (&external, API_SERVER, "etcd-servers", &["https://192.168.49.161:2379,https://192.168.49.162:2379"]),
        (&v4, CONTROLLER_MANAGER, "node-cidr-mask-size", &["24"]),
        (&v6, CONTROLLER_MANAGER, "node-cidr-mask-size", &["64"]),
        (&both, CONTROLLER_MANAGER, "node-cidr-mask-size", &[]),
        (&both, CONTROLLER_MANAGER, "node-cidr-mask-size-ipv4", &["24"]),
        (&both, CONTROLLER_MANAGER, "node-cidr-mask-size-ipv6", &["64"]),
        (&both, CONTROLLER_MANAGER, "cluster-cidr", &["10.244.0.0/16,fd00:10:244::/56"]),
        (&both, API_SERVER, "service-cluster-ip-range", &["10.96.0.0/16,fd00:10:96::/112"]),
        (&v4, CONTROLLER_MANAGER, "cluster-signing-key-file", &["/etc/kubernetes/pki/ca.key"]),
        (&changed, CONTROLLER_MANAGER, "cluster-signing-key-file", &[]),
        (&changed, CONTROLLER_MANAGER, "cluster-signing-cert-file", &[]),
        (&changed, CONTROLLER_MANAGER, "cloud-provider", &["external"]),
        // Gone since Kubernetes 1.33: with it the API server does not start.
        (&changed, API_SERVER, "cloud-provider", &[]),
        (&v4, CONTROLLER_MANAGER, "cloud-provider", &[]),
        (&changed, SCHEDULER, "v", &["4"]),
        (&changed, SCHEDULER, "tls-min-version", &["VersionTLS13"]),
        (&changed, ETCD, "tls-min-version", &["TLS1.3"]),
        // etcd does not start with suites and TLS 1.3 alone.
        (&changed, ETCD, "cipher-suites", &[]),
        (&changed, ETCD, "heartbeat-interval", &["200"]),
        (&changed, API_SERVER, "feature-gates", &["A=true,B=false"]),
        (&changed, API_SERVER, "runtime-config", &["batch/v1=true"]),
    ];
    for (site, manifest, flag, expected) in table {
        assert_eq!(site::flags(&site.tree("master1"), manifest, flag), expected, "{manifest}: {flag}");
    }
    assert!(changed.tree("master1").get("/etc/kubernetes/pki/ca.key").is_none());
}

#[test]
fn no_payload_says_that_an_etcd_cluster_may_be_founded() {
    let tree = Site::new(Cluster::fake()).tree("master1");
    for (path, entry) in tree.entries() {
        let Entry::File(file) = entry else { continue };
        assert!(!String::from_utf8_lossy(&file.content).contains("initial-cluster"), "{}", path.as_str());
    }
}

/// A root and an authority below it, both of openssl: certificate of the second, certificate of the first, key.
fn intermediate() -> [String; 3] {
    let folder = tempfile::tempdir().unwrap();
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    let authority =
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
    std::fs::write(folder.path().join("extensions"), authority).unwrap();
    let commands = [
        format!("req -x509 {new_key} -keyout root.key -out root.crt -subj /CN=root -days 8000"),
        format!("req {new_key} -keyout own.key -out own.csr -subj /CN=own"),
        "x509 -req -in own.csr -CA root.crt -CAkey root.key -set_serial 2 -days 7000 -extfile extensions -out own.crt"
            .to_owned(),
    ];
    for command in commands {
        let output = Command::new("openssl").current_dir(&folder).args(command.split(' ')).output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    }
    ["own.crt", "root.crt", "own.key"].map(|name| std::fs::read_to_string(folder.path().join(name)).unwrap())
}

/// With the root among the authorities for clients, every certificate below that root would be let in; and the
/// controller-manager signs with one certificate only.
#[test]
fn a_brought_authority_alone_vouches_for_clients() {
    let [own, root, key] = intermediate();
    let cluster = Cluster::fake();
    let mut request = inventory::request(&cluster);
    let brought = BroughtCa {
        source: "openssl".to_owned(),
        chain_pem: format!("{own}{root}").into_bytes(),
        key_pem: Secret::new(key),
    };
    request.brought.insert(Ca::Kubernetes, brought);
    let tree = Site::asking(&request, cluster, Timestamp::now()).tree("master1");
    let count = |path: &str| site::text(&tree, path).matches("BEGIN CERTIFICATE").count();
    let table = [
        (API_SERVER, "client-ca-file", 1),
        (API_SERVER, "kubelet-certificate-authority", 2),
        (CONTROLLER_MANAGER, "client-ca-file", 1),
        (CONTROLLER_MANAGER, "cluster-signing-cert-file", 1),
        (CONTROLLER_MANAGER, "root-ca-file", 2),
    ];
    for (manifest, flag, certificates) in table {
        assert_eq!(count(&site::flags(&tree, manifest, flag)[0]), certificates, "{manifest}: {flag}");
    }
    assert_eq!(count("/etc/kubernetes/pki/apiserver.crt"), 2);
}

/// Path in the container and path on the node of each volume.
fn mounts(pod: &Value) -> Vec<(String, String)> {
    let volumes = pod["spec"]["volumes"].as_array().unwrap();
    let source = |name: &Value| {
        let volume = volumes.iter().find(|volume| volume["name"] == *name).unwrap();
        volume["hostPath"]["path"].as_str().map(str::to_owned)
    };
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().unwrap();
    mounts.iter().filter_map(|mount| Some((mount["mountPath"].as_str()?.to_owned(), source(&mount["name"])?))).collect()
}

/// Where a path in the container lies on the node, when a volume brings it.
fn on_node(path: &str, mounts: &[(String, String)]) -> Option<String> {
    mounts.iter().find_map(|(inside, outside)| {
        let rest = path.strip_prefix(inside.as_str())?;
        (rest.is_empty() || rest.starts_with('/')).then(|| format!("{outside}{rest}"))
    })
}

/// Each file that a static pod's arguments name is brought by a volume, is a file of the payload or a copy of one, and
/// the pod's user may read the copy.
#[test]
fn every_file_that_a_static_pod_names_is_there_and_readable() {
    let site = Site::with(|cluster| {
        cluster.api_server.admission_config = Some(json!({"kind": "AdmissionConfiguration"}));
    });
    let tree = site.tree("master1");
    let plan = site::object(&tree, "/etc/kfimg/plan.json");
    let copies = plan["copies"].as_array().unwrap();
    let mut seen = 0;
    for manifest in PODS {
        let pod = site::object(&tree, manifest);
        let container = &pod["spec"]["containers"][0];
        let mounts = mounts(&pod);
        let words = container["command"].as_array().unwrap().iter().filter_map(Value::as_str);
        let values = words.map(|word| word.split_once('=').map_or(word, |(_, value)| value));
        for path in values.filter(|value| value.starts_with("/etc/kubernetes/")) {
            let place = on_node(path, &mounts).unwrap_or_else(|| panic!("{manifest}: no volume for {path}"));
            let source = match copies.iter().find(|copy| copy["destination"] == place.as_str()) {
                Some(copy) => {
                    assert_eq!(copy["uid"], container["securityContext"]["runAsUser"], "{manifest}: {path}");
                    copy["source"].as_str().unwrap()
                }
                None => place.as_str(),
            };
            assert_eq!(source, path, "{manifest}");
            let file = site::file(&tree, source);
            assert!(source != place || file.mode & 0o004 != 0, "{manifest}: {path} is not readable");
            seen += 1;
        }
    }
    assert!(seen > 30, "only {seen} paths were found");
    for copy in copies {
        site::file(&tree, copy["source"].as_str().unwrap());
    }
}

#[test]
fn static_pods_are_hardened() {
    let tree = Site::new(Cluster::fake()).tree("master1");
    for manifest in PODS {
        let pod = site::object(&tree, manifest);
        let context = &pod["spec"]["containers"][0]["securityContext"];
        assert_eq!(pod["spec"]["securityContext"]["seccompProfile"]["type"], "RuntimeDefault", "{manifest}");
        assert_eq!(pod["spec"]["priorityClassName"], "system-node-critical", "{manifest}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{manifest}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{manifest}");
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{manifest}");
        let root = manifest == KEEPALIVED;
        assert_eq!(context["runAsNonRoot"], !root, "{manifest}");
        assert_eq!(context["capabilities"].get("add").is_some(), root, "{manifest}");
        assert_eq!(context["runAsUser"] == 0, root, "{manifest}");
        assert_eq!(site::file(&tree, manifest).mode, 0o600, "{manifest}");
    }
}

#[test]
fn static_pods_have_as_long_to_start_as_the_description_gives() {
    for (written, failures) in [(None, 24), (Some("61s"), 7), (Some("40m"), 240)] {
        let site = written
            .map_or_else(String::new, |time| format!("timeouts: {{controlPlaneComponentHealthCheck: {time}}}\n"));
        let tree = Site::new(load(&site, "none", "")).tree("master1");
        for manifest in PODS.into_iter().filter(|manifest| *manifest != KEEPALIVED) {
            let probe = &site::object(&tree, manifest)["spec"]["containers"][0]["startupProbe"];
            assert_eq!(json!([probe["failureThreshold"], probe["periodSeconds"]]), json!([failures, 10]), "{manifest}");
        }
    }
}

fn secrets(tree: &NodeTree) -> Vec<&str> {
    let secret = |entry: &Entry| matches!(entry, Entry::File(file) if file.secret);
    tree.entries().filter(|(_, entry)| secret(entry)).map(|(path, _)| path.as_str()).collect()
}

#[test]
fn each_role_has_the_secrets_of_its_role_alone() {
    let site = Site::with(|cluster| {
        cluster.nodes.iter_mut().filter(|node| node.name == "worker2").for_each(|node| node.role = Role::Etcd);
    });
    let kubelet = ["/etc/kubernetes/pki/kubelet-client.pem", "/etc/kubernetes/pki/kubelet.key"];
    assert_eq!(secrets(&site.tree("worker1")), kubelet);
    let etcd = ["healthcheck-client", "peer", "server"].map(|name| format!("/etc/kubernetes/pki/etcd/{name}.key"));
    assert_eq!(secrets(&site.tree("worker2")), etcd);
    let control_plane = site.tree("master1");
    for path in secrets(&control_plane) {
        assert!(!path.starts_with("/etc/kubernetes/pki/etcd/"), "{path}");
    }
    let text = |path| site::text(&control_plane, path);
    assert_eq!(
        text("/etc/kubernetes/pki/etcd/ca.crt"),
        site::text(&site.tree("worker2"), "/etc/kubernetes/pki/etcd/ca.crt")
    );
    assert!(text("/etc/kubernetes/admin.conf").contains("user: kfimg-addons:master1"));
    for name in ["admin", "controller-manager", "scheduler"] {
        let path = format!("/etc/kubernetes/{name}.conf");
        assert!(site::text(&control_plane, &path).contains("server: https://192.168.49.151:6443"), "{path}");
    }
}

#[test]
fn the_first_provider_of_encryption_writes_and_all_read() {
    let table = [
        (EncryptionProvider::Secretbox, ["secretbox", "aescbc", "identity"]),
        (EncryptionProvider::Aescbc, ["aescbc", "secretbox", "identity"]),
        (EncryptionProvider::Identity, ["identity", "secretbox", "aescbc"]),
    ];
    for (provider, expected) in table {
        let tree = Site::with(|cluster| cluster.api_server.encryption.provider = provider).tree("master1");
        let configuration = site::object(&tree, "/etc/kubernetes/apiserver/encryption.yaml");
        let providers = configuration["resources"][0]["providers"].as_array().unwrap();
        let names: Vec<&String> = providers.iter().flat_map(|provider| provider.as_object().unwrap().keys()).collect();
        assert_eq!(names, expected);
        assert_eq!(configuration["resources"][0]["resources"], json!(["secrets"]));
    }
}

#[test]
fn issuers_are_rendered_and_nobody_but_probes_is_anonymous() {
    let written = json!({"issuer": {"url": "https://b", "audiences": ["c"]}, "claimMappings": {"username": {"expression": "claims.sub"}}});
    let tree = Site::with(|cluster| {
        cluster.api_server.authentication.user_jwt = vec![written.clone()];
    })
    .tree("master1");
    let configuration = site::object(&tree, "/etc/kubernetes/apiserver/authentication.yaml");
    assert_eq!(configuration["jwt"], json!([written]));
    assert_eq!(configuration["anonymous"]["enabled"], true);
    let paths = json!([{"path": "/livez"}, {"path": "/readyz"}, {"path": "/healthz"}]);
    assert_eq!(configuration["anonymous"]["conditions"], paths);
    assert!(site::flags(&tree, API_SERVER, "anonymous-auth").is_empty());
}

/// A cluster from a site file, in whose folder `name` has the other text.
fn load(site: &str, name: &str, text: &str) -> Cluster {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("site.yaml");
    std::fs::write(&path, format!("apiVersion: kfimg/v1alpha1\nkind: Cluster\n{site}")).unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let inputs = Inputs {
        profile: Some("ha3".to_owned()),
        sites: vec![path],
        inventory: None,
        sets: Vec::new(),
        registry: Some("reg.local".to_owned()),
        resolve: false,
        folder: folder.path().to_owned(),
    };
    match kfimg_profiles::load::load(&inputs) {
        Ok(loaded) => loaded.cluster,
        Err(failed) => panic!("{}", failed.report.render(&failed.sources, Appearance::default())),
    }
}

#[test]
fn described_issuers_and_webhooks_reach_the_api_server() {
    let site = "
apiServer:
  authentication:
    jwt:
      - name: company
        issuerURL: https://login.example.com
        clientID: kubernetes
        usernameClaim: email
        groupsClaim: groups
        requiredClaims: {department: research}
    webhook: {config: ldap.conf, cacheTTL: 90s}
";
    let webhook = "
apiVersion: v1
kind: Config
clusters: [{name: ldap, cluster: {server: 'https://ldap.example.com/token'}}]
users: [{name: api, user: {}}]
contexts: [{name: ldap, context: {cluster: ldap, user: api}}]
current-context: ldap
";
    let tree = Site::new(load(site, "ldap.conf", webhook)).tree("master1");
    let configuration = site::object(&tree, "/etc/kubernetes/apiserver/authentication.yaml");
    let expected = json!([{
        "issuer": {"url": "https://login.example.com", "audiences": ["kubernetes"]},
        "claimValidationRules": [{"claim": "department", "requiredValue": "research"}],
        "claimMappings": {
            "username": {"claim": "email", "prefix": "https://login.example.com#"},
            "groups": {"claim": "groups", "prefix": ""},
        },
    }]);
    assert_eq!(configuration["jwt"], expected);
    let table = [
        ("authentication-token-webhook-config-file", "/etc/kubernetes/apiserver/token-webhook.yaml"),
        ("authentication-token-webhook-cache-ttl", "90000ms"),
        ("authentication-token-webhook-version", "v1"),
    ];
    for (flag, value) in table {
        assert_eq!(site::flags(&tree, API_SERVER, flag), [value]);
    }
    assert!(site::file(&tree, "/etc/kubernetes/apiserver/token-webhook.yaml").secret);
}

#[test]
fn the_descriptions_volumes_stand_beside_our_own() {
    let volume = ExtraVolume {
        name: "company".to_owned(),
        host_path: "/etc/ssl/company".to_owned(),
        mount_path: "/etc/ssl/certs".to_owned(),
        read_only: None,
        path_type: PathType::DirectoryOrCreate,
    };
    let tree = Site::with(|cluster| cluster.api_server.extra_volumes = vec![volume]).tree("master1");
    let pod = site::object(&tree, API_SERVER);
    assert!(mounts(&pod).contains(&("/etc/ssl/certs".to_owned(), "/etc/ssl/company".to_owned())));
    assert_eq!(pod["spec"]["volumes"][3]["hostPath"]["type"], "DirectoryOrCreate");
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][3]["readOnly"], true);
}
