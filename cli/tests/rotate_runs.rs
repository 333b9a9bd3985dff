//! Keys that all control planes share are rotated in a cluster that runs: the chapter of docs/state.md, word by word, with real API
//! servers on two of three control planes, real etcd and the real kubectl. After each render one control plane boots with it, then the
//! other one; whatever the one writes and signs, the other one reads and accepts.
//!
//! `make interop` runs it. A boot is the payload laid out anew and its servers started anew: no machine boots here.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Output;
use support::cluster::{Cluster, ok};
use support::document::{read, shell};
use support::node::Workplace;
use support::program::{both, built, empty_folder, folder_emptied_by_root, run};
use support::steps::{chapter, walk};

const CHAPTER: &str = "Rotating the keys that all control planes share";
/// What the page's site encrypts.
const RESOURCES: [&str; 2] = ["secrets", "configmaps"];
/// Those with an API server, in the order of their boots.
const SERVERS: [&str; 2] = ["master1", "master2"];

/// What holds after a render.
struct Stage {
    label: &'static str,
    /// The key that each server writes with when one has booted, and the other one has not.
    between: [&'static str; 2],
    /// The key that both write with in the end.
    after: &'static str,
    /// Whether tokens of the old key are accepted when one has booted; the other one accepts them.
    old_tokens: bool,
}

const STAGES: [Stage; 3] = [
    Stage { label: "added", between: ["encryption-1", "encryption-1"], after: "encryption-1", old_tokens: true },
    Stage { label: "used", between: ["encryption-2", "encryption-1"], after: "encryption-2", old_tokens: true },
    Stage { label: "dropped", between: ["encryption-2", "encryption-2"], after: "encryption-2", old_tokens: false },
];

/// The cluster, and what was made in it.
struct Rotation {
    cluster: Cluster,
    /// Renders that were booted.
    booted: usize,
    /// Objects that were written at any time, and the key that they were written with.
    written: BTreeMap<String, &'static str>,
    /// A token of the first key.
    old_token: String,
}

/// The cluster before the rotation, from the page's own site.
fn start(folder: &Path, page: &str) -> Rotation {
    let site = support::fenced::that(page, "yaml", "# file: site.yaml");
    fs::write(folder.join("site.yaml"), site.text()).unwrap();
    let rendered = shell("kfimg render --profile ha3 --site site.yaml", folder);
    assert!(rendered.status.success(), "{}", both(&rendered));
    let mut cluster = Cluster::of(Workplace::of(folder.to_owned()), |node| node.is_control_plane());
    for node in ["master1", "master2", "master3"] {
        cluster.start(node, "etcd");
    }
    for node in SERVERS {
        cluster.start(node, "kube-apiserver");
        cluster.wait_for_api(node);
    }
    cluster.start("master1", "kube-controller-manager");
    kubeconfig(&cluster);
    Rotation { cluster, booted: 0, written: BTreeMap::new(), old_token: String::new() }
}

/// The administrator's, whose server is the one that never boots last: no load balancer runs here.
fn kubeconfig(cluster: &Cluster) {
    let text = fs::read_to_string(cluster.workplace.output().join("admin.kubeconfig")).unwrap();
    let server = text.split("server: ").nth(1).unwrap().lines().next().unwrap();
    let own = format!("https://{}:6443", cluster.node("master1").address());
    fs::write(cluster.workplace.folder().join("kubeconfig"), text.replace(server, &own)).unwrap();
}

impl Rotation {
    /// A Secret and a `ConfigMap` of that name, written through that server with this key.
    fn write(&mut self, server: &str, name: &str, key: &'static str) {
        for kind in [&["secret", "generic"][..], &["configmap"]] {
            let words = [&["create"], kind, &[name, "--from-literal=word=nightingale"]].concat();
            ok(&self.cluster.kubectl(server, &words));
        }
        self.written.insert(name.to_owned(), key);
        self.assert_stored(name, key);
    }

    /// In etcd, both carry the key's name and not what was written.
    fn assert_stored(&self, name: &str, key: &str) {
        for resource in RESOURCES {
            let stored = self.cluster.stored("master3", &format!("/registry/{resource}/default/{name}"));
            let expected = format!("k8s:enc:secretbox:v1:{key}:");
            assert!(stored.starts_with(&expected), "{resource} {name}: no {expected} in {stored:.60}");
            assert!(!stored.contains("nightingale"), "{resource} {name}");
        }
    }

    /// Every object that was ever written is read through every server, and lies in etcd as it was written last.
    fn assert_readable(&self) {
        for (name, key) in &self.written {
            self.assert_stored(name, key);
            for (server, resource) in SERVERS.iter().flat_map(|server| RESOURCES.map(|resource| (server, resource))) {
                let word = self.cluster.kubectl(server, &["get", resource, name, "-o", "jsonpath={.data.word}"]);
                let expected = if resource == "secrets" { "bmlnaHRpbmdhbGU=" } else { "nightingale" };
                assert_eq!(ok(&word), expected, "{resource} {name} through {server}");
            }
        }
    }

    fn token(&self, server: &str) -> String {
        ok(&self.cluster.kubectl(server, &["create", "token", "robot"])).trim().to_owned()
    }

    fn is_accepted(&self, server: &str, token: &str) -> bool {
        let who = self.cluster.kubectl_with_token(server, token, &["auth", "whoami"]);
        assert!(who.status.success() || both(&who).contains("Unauthorized"), "{server}: {}", both(&who));
        both(&who).contains("system:serviceaccount:default:robot")
    }

    /// What each server writes with these keys and signs, all read and accept; `old` says who accepts a token of the old key.
    fn assert_agreement(&mut self, when: &str, keys: [&'static str; 2], old: [bool; 2]) {
        for (server, key) in SERVERS.into_iter().zip(keys) {
            self.write(server, &format!("{when}-by-{server}"), key);
            let token = self.token(server);
            for other in SERVERS {
                assert!(self.is_accepted(other, &token), "{when}: {other} refuses a token of {server}");
            }
        }
        self.assert_readable();
        for (server, expected) in SERVERS.into_iter().zip(old) {
            assert_eq!(self.is_accepted(server, &self.old_token), expected, "{when}: an old token at {server}");
        }
    }

    /// The control planes boot with the newest render, one after the other.
    fn boot(&mut self) {
        let stage = &STAGES[self.booted];
        self.boot_one("master1", stage.label);
        self.assert_agreement(&format!("while-{}", stage.label), stage.between, [stage.old_tokens, true]);
        self.boot_one("master2", stage.label);
        self.assert_agreement(&format!("after-{}", stage.label), [stage.after; 2], [stage.old_tokens; 2]);
        self.booted += 1;
    }

    fn boot_one(&mut self, node: &str, label: &str) {
        let components: &[&str] =
            if node == "master1" { &["kube-apiserver", "kube-controller-manager"] } else { &["kube-apiserver"] };
        components.iter().for_each(|component| self.cluster.stop(node, component));
        self.cluster.deliver(node, label);
        for component in components {
            self.cluster.start(node, component);
        }
        self.cluster.wait_for_api(node);
    }

    /// A command of the administrator, typed on a control plane.
    fn administrator(&self, command: &str) -> Output {
        let (path, folder) = (std::env::var("PATH").unwrap(), self.cluster.workplace.folder());
        let mut kubectl = self.cluster.machine("master1").command("sh");
        kubectl.args(["-euc", &format!("cd '{}'\n{command}", folder.display())]);
        kubectl.env("PATH", format!("{}:{path}", built("kubectl").parent().unwrap().display()));
        run(kubectl.env("KUBECONFIG", folder.join("kubeconfig")))
    }

    /// A command of the page. Those for the cluster are typed on a control plane; when a render is what the machines run, they have
    /// booted with it.
    fn follow(&mut self, command: &str, folder: &Path) -> Output {
        if !command.contains("kubectl ") {
            let said = shell(command, folder);
            if command.contains("mv new out") && said.status.success() {
                self.boot();
            }
            return said;
        }
        let said = self.administrator(command);
        if command.contains("kubectl replace") {
            self.written.values_mut().for_each(|key| *key = "encryption-2");
        }
        said
    }
}

/// Whole groups of resources, what `kfimg` says to write anew for them, and how many objects that is at least.
const GROUPS: [(&str, &str, usize); 3] = [
    ("'*.rbac.authorization.k8s.io'", "--api-group='rbac.authorization.k8s.io'", 60),
    ("'*.'", "--api-group=''", 40),
    ("'*.*'", "kubectl api-resources --verbs", 150),
];

/// The commands for whole groups, as `kfimg` prints them for another description, are understood by kubectl and the API server.
fn assert_groups_are_written_anew(rotation: &Rotation) {
    for (number, (resources, option, least)) in GROUPS.into_iter().enumerate() {
        let folder = empty_folder(&format!("rotate-runs-groups/{number}"));
        let set = format!("--profile single --set apiServer.encryption.resources=\"[{resources}]\"");
        let render = format!("kfimg render {set} --channel ignition");
        let renew = format!("kfimg pki renew {set} --what encryption");
        let script = format!("{render}; {renew}; {render}; {renew}");
        let said = shell(&script, &folder);
        assert!(said.status.success(), "{resources}: {}", both(&said));
        let said = both(&said);
        let command = said.lines().map(str::trim).find(|line| line.starts_with("kubectl ")).unwrap();
        assert!(command.contains(option), "{resources}: {command}");
        let done = rotation.administrator(command);
        let replaced = String::from_utf8_lossy(&done.stdout).lines().filter(|line| line.ends_with("replaced")).count();
        assert!(replaced >= least, "{resources}: {replaced} of {least}\n{}", both(&done));
        // As kfimg says, others may write at the same time; and some kinds are old.
        let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
        let is_harmless =
            |line: &str| ["has been modified", "not found", "Warning: "].iter().any(|word| line.contains(word));
        assert!(wrong.lines().all(is_harmless), "{resources}: {wrong}");
    }
}

/// A Secret in which a controller puts a token without an end.
const LASTING: &str = r#"{"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
    "metadata": {"name": "robot-token", "annotations": {"kubernetes.io/service-account.name": "robot"}}}"#;

/// The token that a controller put there, when it is another one than `former`.
fn lasting_token(rotation: &Rotation, former: &str) -> String {
    let mut token = String::new();
    rotation.cluster.wait("a token in a Secret", || {
        let command = ["get", "secret", "robot-token", "-o", "go-template={{.data.token | base64decode}}"];
        let said = rotation.cluster.kubectl("master1", &command);
        token = String::from_utf8_lossy(&said.stdout).into_owned();
        said.status.success() && token.starts_with("ey") && token != former
    });
    token
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_chapter_is_walked_and_nothing_is_unreadable_or_refused_before_its_time() {
    let folder = folder_emptied_by_root("rotate-runs");
    let page = format!("\n## {}", chapter(&read("state.md"), CHAPTER));
    let mut rotation = start(&folder, &page);
    ok(&rotation.cluster.kubectl("master1", &["create", "serviceaccount", "robot"]));
    fs::write(folder.join("lasting.json"), LASTING).unwrap();
    let lasting = folder.join("lasting.json");
    ok(&rotation.cluster.kubectl("master1", &["create", "-f", lasting.to_str().unwrap()]));
    let former = lasting_token(&rotation, "");
    rotation.old_token = rotation.token("master2");
    rotation.assert_agreement("before", ["encryption-1"; 2], [true; 2]);
    let commands = walk("state.md", &page, &folder, |command, folder| rotation.follow(command, folder));
    assert!(commands >= 12, "{commands}");
    assert_eq!(rotation.booted, STAGES.len());
    // Everything in etcd, whoever wrote it, has the new key.
    for resource in RESOURCES {
        let all = ["get", "--prefix", &format!("/registry/{resource}/"), "--write-out=json"];
        let all: serde_json::Value = serde_json::from_str(&ok(&rotation.cluster.etcdctl("master3", &all))).unwrap();
        let values = all["kvs"].as_array().unwrap();
        let new = data_encoding::BASE64.encode(b"k8s:enc:secretbox:v1:encryption-2:");
        let new = new.trim_end_matches('=');
        assert!(values.len() > 9, "{resource}: {}", values.len());
        assert!(values.iter().all(|kv| kv["value"].as_str().unwrap().starts_with(&new[..new.len() - 1])), "{resource}");
    }
    // A token without an end was made anew as the page says; the former one is void.
    let token = lasting_token(&rotation, &former);
    assert!(rotation.is_accepted("master2", &token) && !rotation.is_accepted("master1", &former));
    assert_groups_are_written_anew(&rotation);
}
