//! A real API server over a real etcd, on a loopback address of its own, and kubectl to judge what it holds.

use super::authority::Authority;
use serde_json::Value;
use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// See above.
pub struct ApiServer {
    pub folder: PathBuf,
    pub address: IpAddr,
    pub authority: Authority,
    running: Vec<Child>,
}

impl ApiServer {
    /// Starts one, with nothing but what it makes itself. `network`: third byte of its address.
    pub fn start(test: &str, network: u8) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("addons").join(test);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let address = IpAddr::V4(Ipv4Addr::new(127, 43, network, 1));
        let authority = Authority::new();
        authority.write(&folder, address);
        let mut server = Self { folder, address, authority, running: Vec::new() };
        std::fs::write(server.folder.join("kubeconfig"), server.authority.kubeconfig("test", &server.url())).unwrap();
        server.start_etcd();
        server.start_api_server();
        server.wait("the API server", 120, |server| server.kubectl(&["get", "--raw", "/readyz"]).status.success());
        server.wait("kube-system", 30, |server| server.kubectl(&["get", "namespace", "kube-system"]).status.success());
        server
    }

    pub fn url(&self) -> String {
        format!("https://{}:6443", self.address)
    }

    fn start_etcd(&mut self) {
        let [client, peer] = [2379, 2380].map(|port| format!("http://{}:{port}", self.address));
        let mut etcd = Command::new(built("etcd"));
        etcd.arg(format!("--data-dir={}", self.folder.join("etcd").display())).arg("--unsafe-no-fsync");
        etcd.args(["listen-client-urls", "advertise-client-urls"].map(|flag| format!("--{flag}={client}")));
        etcd.args(["listen-peer-urls", "initial-advertise-peer-urls"].map(|flag| format!("--{flag}={peer}")));
        etcd.arg(format!("--initial-cluster=default={peer}"));
        self.spawn("etcd", &etcd);
    }

    fn start_api_server(&mut self) {
        let mut server = Command::new(built("kube-apiserver"));
        let file = |flag: &str, name: &str| format!("--{flag}={}", self.folder.join(name).display());
        server.args([
            file("tls-cert-file", "apiserver.crt"),
            file("tls-private-key-file", "apiserver.key"),
            file("client-ca-file", "ca.crt"),
            file("service-account-key-file", "sa.pub"),
            file("service-account-signing-key-file", "sa.key"),
            format!("--bind-address={}", self.address),
            format!("--etcd-servers=http://{}:2379", self.address),
        ]);
        server.args([
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.96.0.0/12",
            "--authorization-mode=Node,RBAC",
            "--allow-privileged=true",
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
        ]);
        self.spawn("kube-apiserver", &server);
    }

    /// Starts a program that ends with this process, and with this value.
    fn spawn(&mut self, name: &str, command: &Command) {
        let log = File::create(self.folder.join(format!("{name}.log"))).unwrap();
        let mut wrapped = Command::new("setpriv");
        wrapped.args(["--pdeathsig", "KILL"]).arg(command.get_program()).args(command.get_args());
        wrapped.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push(wrapped.spawn().unwrap());
    }

    pub fn kubectl(&self, words: &[&str]) -> Output {
        self.kubectl_command().args(words).stdin(Stdio::null()).output().unwrap()
    }

    fn kubectl_command(&self) -> Command {
        let mut kubectl = Command::new(built("kubectl"));
        kubectl.arg(format!("--kubeconfig={}", self.folder.join("kubeconfig").display())).arg("--request-timeout=20s");
        kubectl.env("KUBECACHEDIR", self.folder.join("cache"));
        kubectl
    }

    /// Runs kubectl, which must succeed.
    pub fn ok(&self, words: &[&str]) -> String {
        let output = self.kubectl(words);
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `kubectl create` of an object, or of a `List`.
    pub fn create(&self, object: &Value) {
        let mut create = self.kubectl_command();
        create.args(["create", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = create.spawn().unwrap();
        child.stdin.take().unwrap().write_all(object.to_string().as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Whether there is such an object, as in `kubectl get KIND NAME [--namespace=…]`.
    pub fn has(&self, words: &[&str]) -> bool {
        let output = self.kubectl(&[&["get", "--ignore-not-found", "-o", "name"], words].concat());
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        !output.stdout.is_empty()
    }

    /// An object.
    pub fn object(&self, words: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[&["get", "-o", "json"], words].concat())).unwrap()
    }

    /// `data` of `kube-system/kfimg-cluster`.
    pub fn record(&self) -> Value {
        self.object(&["--namespace=kube-system", "configmap", "kfimg-cluster"])["data"].clone()
    }

    /// Makes a Node as its kubelet would, at the API server's own address.
    pub fn join(&self, name: &str) {
        self.create(&serde_json::json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}));
        let status = serde_json::json!({"status": {"addresses": [{"type": "InternalIP", "address": self.address}]}});
        self.ok(&["patch", "node", name, "--subresource=status", "-p", &status.to_string()]);
    }

    /// Waits until it holds.
    ///
    /// # Panics
    /// After so many seconds.
    pub fn wait(&self, what: &str, seconds: u64, mut holds: impl FnMut(&Self) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed().as_secs() < seconds, "{what}: not within {seconds} s; {}", self.folder.display());
            std::thread::sleep(Duration::from_millis(50));
        }
        start.elapsed()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        for child in self.running.iter_mut().rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        // etcd's files alone take hundreds of megabytes; only a failure needs them.
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// A program that `make interop` builds; `KFIMG_INTEROP_BIN` names another folder.
fn built(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("KFIMG_INTEROP_BIN") {
        return Path::new(&folder).join(name);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let said = Command::new(script).args(["etcd", "kubernetes"]).stderr(Stdio::inherit()).output().unwrap();
    assert!(said.status.success(), "building etcd and kubernetes");
    PathBuf::from(String::from_utf8(said.stdout).unwrap().trim_end()).join(name)
}
