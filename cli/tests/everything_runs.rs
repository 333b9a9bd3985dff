//! The settings of the API server that a site can make, all of them, in a real API server: the section `apiServer` of `everything.yaml`.
//! Its token webhook is asked, and its encryption encrypts.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::machine::Machine;
use support::node::{NodeRoot, Workplace};
use support::pod::Container;
use support::program::{as_root, both, built, find, run, succeed};

/// Who answers for the directory, on the node's own address of the loopback network.
const DIRECTORY: &str = "127.0.0.1:8899";
/// The only one that it knows.
const USER: &str = "jane@directory";

/// The node `master1` of `single`, and what runs on it.
struct Node {
    workplace: Workplace,
    node: NodeRoot,
    machine: Machine,
    /// They end with the machine.
    running: Vec<Child>,
}

/// The section of a file, as a site of its own.
fn section(text: &str, name: &str) -> String {
    let start = text.find(&format!("\n{name}:\n")).unwrap() + 1;
    let is_inside = |line: &&str| line.starts_with([' ', '#']) || line.is_empty();
    let inside: Vec<&str> = text[start..].lines().skip(1).take_while(is_inside).collect();
    format!("{name}:\n{}\n", inside.join("\n"))
}

/// Renders `single` with that section, whose webhook is one that this test can be.
fn rendered() -> Workplace {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("everything-runs");
    succeed(as_root("rm").arg("-rf").arg(&folder));
    fs::create_dir_all(&folder).unwrap();
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../profiles/tests/good");
    let everything = fs::read_to_string(good.join("everything.yaml")).unwrap();
    fs::write(folder.join("site.yaml"), section(&everything, "apiServer")).unwrap();
    succeed(Command::new("cp").arg("-r").arg(good.join("files")).arg(&folder));
    let webhook = folder.join("files/webhook.kubeconfig");
    let text = fs::read_to_string(&webhook).unwrap();
    let server = text.split("server: ").nth(1).unwrap().split('}').next().unwrap().to_owned();
    fs::write(&webhook, text.replace(&server, &format!("\"http://{DIRECTORY}/\""))).unwrap();
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let line = "render --profile single --registry reg.local --site site.yaml --channel ignition";
    succeed(kfimg.args(line.split(' ')).current_dir(&folder));
    Workplace::of(folder)
}

impl Node {
    fn start() -> Self {
        let workplace = rendered();
        let node = workplace.apply(&find("ignition"), "nodes", "master1");
        let machine = Machine::of(&node);
        let mut all = Self { workplace, node, machine, running: Vec::new() };
        all.start_directory();
        let plan = all.node.plan();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let member = &plan["etcd"]["members"][0];
        let founding = [
            "--initial-cluster-state=new".to_owned(),
            format!("--initial-cluster={}={}", text(&member["name"]), text(&member["peerURL"])),
            format!("--initial-advertise-peer-urls={}", text(&member["peerURL"])),
        ];
        all.start_pod("etcd", &text(&plan["etcd"]["manifest"]["source"]), &founding);
        all.start_pod("kube-apiserver", &text(&plan["apiServerManifest"]["source"]), &[]);
        all.wait("the API server", || all.kubectl(&["get", "--raw", "/readyz"]).status.success());
        all
    }

    /// A server that knows everybody as the same person.
    fn start_directory(&mut self) {
        let here = self.workplace.folder().display().to_string();
        let review = serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
            "status": {"authenticated": true, "user": {"username": USER, "groups": ["company:admins"]}},
        });
        let text = format!(
            "master_process off; daemon off; pid {here}/pid; error_log {here}/error.log;\nevents {{}}\nhttp {{ access_log {here}/asked.log;\n\
             client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;\n\
             uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;\n\
             server {{ listen {DIRECTORY}; location / {{ default_type application/json; return 200 '{review}'; }} }} }}\n"
        );
        let file = self.workplace.folder().join("directory.conf");
        fs::write(&file, text).unwrap();
        let mut nginx = self.machine.command(find("nginx"));
        self.running.push(nginx.arg("-e").arg("stderr").arg("-c").arg(file).stdin(Stdio::null()).spawn().unwrap());
    }

    fn start_pod(&mut self, name: &str, manifest: &str, more: &[String]) {
        let log = File::create(self.log(name)).unwrap();
        let mut command =
            Container::read(&self.node.text(manifest), name).start(&self.machine, &self.node, built(name));
        command.args(more).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push(command.spawn().unwrap());
    }

    fn log(&self, name: &str) -> PathBuf {
        self.workplace.folder().join(format!("{name}.log"))
    }

    /// Waits for what must become true within two minutes on a slow machine.
    fn wait(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(120);
        while !ready() {
            let log = fs::read_to_string(self.log("kube-apiserver")).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(5).collect();
            assert!(Instant::now() < end, "{what} is not ready: {last:#?}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// `kubectl` against the API server, as whoever these arguments say.
    fn asked(&self, arguments: &[&str]) -> Output {
        let mut command = self.machine.command(built("kubectl"));
        command.arg(format!("--server=https://{}:6443", self.node.address())).arg("--request-timeout=20s");
        run(command.args(arguments))
    }

    fn kubectl(&self, arguments: &[&str]) -> Output {
        let admin = format!("--kubeconfig={}", self.workplace.output().join("admin.kubeconfig").display());
        self.asked(&[&[admin.as_str()], arguments].concat())
    }

    /// What etcd holds at a key.
    fn stored(&self, key: &str) -> String {
        ok(&self.machine.etcdctl(&self.node, &["get", key, "--print-value-only"]))
    }
}

fn ok(output: &Output) -> String {
    assert!(output.status.success(), "{}", both(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn a_real_api_server_does_what_every_setting_says() {
    let node = Node::start();
    // The token webhook: whoever has a token that nothing else knows is who the directory says.
    let authority = format!("--certificate-authority={}", node.node.path("/etc/kubernetes/pki/ca.crt").display());
    let who =
        node.asked(&["--kubeconfig=/dev/null", &authority, "--token=of-the-directory", "auth", "whoami", "-o", "json"]);
    let who: Value = serde_json::from_str(&ok(&who)).unwrap();
    assert_eq!(who["status"]["userInfo"]["username"], USER);
    let asked = fs::read_to_string(node.workplace.folder().join("asked.log")).unwrap();
    assert!(asked.contains("POST /"), "{asked}");
    // Encryption: the provider, and of both resources.
    ok(&node.kubectl(&["create", "secret", "generic", "canary", "--from-literal=word=nightingale"]));
    ok(&node.kubectl(&["create", "configmap", "canary", "--from-literal=word=nightingale"]));
    for resource in ["secrets", "configmaps"] {
        let stored = node.stored(&format!("/registry/{resource}/default/canary"));
        assert!(stored.starts_with("k8s:enc:aescbc:v1:") && !stored.contains("nightingale"), "{resource}: {stored}");
    }
    // Storage as JSON, of what is not encrypted.
    assert!(node.stored("/registry/namespaces/default").starts_with('{'));
    // Admission: an image is always pulled, whatever a pod says; ports of Services in the site's range.
    // What a controller does otherwise; none runs here.
    ok(&node.kubectl(&["create", "serviceaccount", "default"]));
    ok(&node.kubectl(&["run", "pod", "--image=reg.local/pause", "--image-pull-policy=Never"]));
    let policy = ok(&node.kubectl(&["get", "pod", "pod", "-o", "jsonpath={.spec.containers[0].imagePullPolicy}"]));
    assert_eq!(policy, "Always");
    let port = ["create", "service", "nodeport", "late", "--tcp=80", "--node-port=32500"];
    let refused = node.kubectl(&port);
    assert!(!refused.status.success() && both(&refused).contains("30000-32000"), "{}", both(&refused));
}
