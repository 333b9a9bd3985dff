//! One member: its folder with a payload, its agent, its kubelet.

use super::certificates::Authority;
use super::kubelet::Kubelet;
use serde_json::{Value, json};
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Where a payload has copies of etcd's keys.
const KEYS: &str = "/run/kfimg/etcd/pki/etcd";

/// A member.
pub struct Node {
    pub name: String,
    pub root: PathBuf,
    pub address: IpAddr,
    agent: Option<Child>,
    kubelet: Option<Kubelet>,
}

/// What a render decides.
#[derive(Clone)]
pub struct Render {
    pub uid: String,
    pub incarnation: u32,
    pub generation: u64,
    /// Numbers of the members.
    pub members: Vec<u8>,
    pub recover_from: Option<u8>,
    pub without: Vec<u8>,
    pub discard: Vec<u8>,
    pub bootstrap_not_after: i64,
}

pub fn name(number: u8) -> String {
    format!("master{number}")
}

impl Node {
    /// A blank machine, switched off. `network`: third byte of its address, so that tests run side by side.
    pub fn new(folder: &Path, network: u8, number: u8, authority: &Authority) -> Self {
        let root = folder.join(name(number));
        let address = IpAddr::V4(Ipv4Addr::new(127, 42, network, number));
        authority.write(&root.join("etc/kubernetes/pki/etcd"), &name(number), address);
        for folder in ["var/lib/etcd", "var/lib/kfimg", "etc/kfimg/manifests", "etc/kubernetes/manifests", "run", "tmp"]
        {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        Self { name: name(number), root, address, agent: None, kubelet: None }
    }

    /// Delivers a payload.
    pub fn payload(&self, render: &Render, address: impl Fn(u8) -> IpAddr) {
        let names = |numbers: &[u8]| numbers.iter().map(|number| name(*number)).collect::<Vec<_>>();
        let member = |number: &u8| {
            let at = |port| format!("https://{}:{port}", address(*number));
            json!({ "name": name(*number), "peerURL": at(2380), "clientURL": at(2379), "guardURL": at(2382) })
        };
        let mut etcd = json!({
            "members": render.members.iter().map(member).collect::<Vec<_>>(),
            "manifest": { "source": "/etc/kfimg/manifests/etcd.json", "destination": "/etc/kubernetes/manifests/etcd.yaml" },
            "dataDir": "/var/lib/etcd", "markerDir": "/var/lib/kfimg/etcd",
            "bootstrapNotAfter": render.bootstrap_not_after,
            "without": names(&render.without), "discard": names(&render.discard),
            "snapshot": { "dir": "/var/lib/kfimg/snapshots", "intervalSeconds": 3600, "retain": 3 },
        });
        if let Some(source) = render.recover_from {
            etcd["recoverFrom"] = Value::from(name(source));
        }
        let copy = |file: &str| {
            json!({ "source": format!("/etc/kubernetes/pki/etcd/{file}"), "destination": format!("{KEYS}/{file}"),
                "uid": rustix::process::geteuid().as_raw() })
        };
        let copies = ["ca.crt", "peer.crt", "peer.key"].map(copy);
        let is_member = render.members.iter().any(|number| name(*number) == self.name);
        let mut plan = json!({
            "version": 1, "generation": render.generation, "renderTime": 0,
            "cluster": { "name": "test", "uid": render.uid, "incarnation": render.incarnation,
                "kubernetesVersion": "v1.36.0" },
            "node": { "name": self.name, "role": "control-plane", "addresses": [self.address], "macs": [],
                "machineId": "0" },
            "certificates": { "notBefore": 0, "notAfter": i64::MAX }, "timeServers": [],
            "preflight": { "freePorts": [], "kernelModules": [], "sysctls": {}, "memoryBytes": 0, "dataBytes": 0,
                "containerd": "", "requireCgroupV2": false },
            "images": [], "copies": copies,
            "apiServerManifest": { "source": "/etc/kfimg/manifests/kube-apiserver.yaml",
                "destination": "/etc/kubernetes/manifests/kube-apiserver.yaml" },
        });
        if is_member {
            plan["etcd"] = etcd;
        } else {
            plan["remoteEtcd"] = etcd["members"].take();
            self.become_client();
        }
        let write = |file: &str, text: &Value| std::fs::write(self.root.join(file), text.to_string()).unwrap();
        write("etc/kfimg/plan.json", &plan);
        write("etc/kfimg/manifests/etcd.json", &self.manifest());
        write("etc/kfimg/manifests/kube-apiserver.yaml", &json!({}));
    }

    /// A control plane without a member has a certificate towards etcd, and no member's.
    fn become_client(&self) {
        let pki = self.root.join("etc/kubernetes/pki");
        for kind in ["crt", "key"] {
            let _ = std::fs::rename(
                pki.join(format!("etcd/peer.{kind}")),
                pki.join(format!("apiserver-etcd-client.{kind}")),
            );
        }
    }

    /// As a payload has it, but for the loopback address, which all members of a test share.
    fn manifest(&self) -> Value {
        let at = |port| format!("https://{}:{port}", self.address);
        let mut command = vec!["/bin/etcd".to_owned()];
        let flags = [
            ("advertise-client-urls", at(2379)),
            ("listen-client-urls", at(2379)),
            ("listen-peer-urls", at(2380)),
            ("name", self.name.clone()),
            ("data-dir", "/var/lib/etcd".to_owned()),
            ("cert-file", "/etc/kubernetes/pki/etcd/peer.crt".to_owned()),
            ("key-file", "/etc/kubernetes/pki/etcd/peer.key".to_owned()),
            ("trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt".to_owned()),
            ("client-cert-auth", "true".to_owned()),
            ("peer-cert-file", "/etc/kubernetes/pki/etcd/peer.crt".to_owned()),
            ("peer-key-file", "/etc/kubernetes/pki/etcd/peer.key".to_owned()),
            ("peer-trusted-ca-file", "/etc/kubernetes/pki/etcd/ca.crt".to_owned()),
            ("peer-client-cert-auth", "true".to_owned()),
            ("feature-gates", "InitialCorruptCheck=true,CompactHashCheck=true".to_owned()),
        ];
        command.extend(flags.iter().map(|(flag, value)| format!("--{flag}={value}")));
        json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "etcd", "namespace": "kube-system" },
            "spec": {
                "containers": [{ "name": "etcd", "command": command,
                    "volumeMounts": [{ "name": "pki", "mountPath": "/etc/kubernetes/pki/etcd" }] }],
                "volumes": [{ "name": "pki", "hostPath": { "path": KEYS, "type": "Directory" } }],
            },
        })
    }

    /// Power on. What an earlier boot wrote to the kubelet's folder and to `/run` is gone.
    pub fn boot(&mut self) {
        self.boot_with_late_kubelet(Duration::ZERO);
    }

    /// The same; the kubelet takes so long to start the first etcd.
    pub fn boot_with_late_kubelet(&mut self, late: Duration) {
        assert!(self.agent.is_none(), "{} is on", self.name);
        for manifest in ["etcd.yaml", "kube-apiserver.yaml"] {
            let _ = std::fs::remove_file(self.root.join("etc/kubernetes/manifests").join(manifest));
        }
        let _ = std::fs::remove_dir_all(self.root.join("run"));
        self.kubelet = Some(Kubelet::start(&self.root, late));
        self.start_agent();
    }

    /// As systemd does after it died.
    pub fn start_agent(&mut self) {
        let log = File::options().create(true).append(true).open(self.root.join("agent.log")).unwrap();
        // The static program of `make agent` instead, to see what it needs on a node.
        let program = std::env::var_os("KFIMG_AGENT").unwrap_or_else(|| env!("CARGO_BIN_EXE_kfimg-agent").into());
        let mut agent = Command::new(program);
        agent.arg("--root").arg(&self.root).arg("etcd");
        agent.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.agent = Some(agent.spawn().unwrap());
    }

    /// The agent alone dies.
    pub fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            agent.kill().unwrap();
            agent.wait().unwrap();
        }
    }

    /// Power off, without warning.
    pub fn cut(&mut self) {
        self.kill_agent();
        if let Some(mut kubelet) = self.kubelet.take() {
            kubelet.cut();
        }
    }

    /// A new disk.
    pub fn wipe(&self) {
        assert!(self.agent.is_none(), "{} is on", self.name);
        for folder in ["var/lib/etcd", "var/lib/kfimg"] {
            std::fs::remove_dir_all(self.root.join(folder)).unwrap();
            std::fs::create_dir_all(self.root.join(folder)).unwrap();
        }
    }

    /// As systemd does, when it is on.
    pub fn restart_agent(&mut self) {
        if self.is_on() {
            self.kill_agent();
            self.start_agent();
        }
    }

    pub fn is_on(&self) -> bool {
        self.agent.is_some()
    }

    /// Process of its etcd.
    pub fn etcd_id(&self) -> Option<u32> {
        self.kubelet.as_ref().and_then(Kubelet::etcd_id)
    }

    /// The most memory that its agent ever had.
    pub fn memory(&self) -> String {
        let agent = self.agent.as_ref().unwrap().id();
        let status = std::fs::read_to_string(format!("/proc/{agent}/status")).unwrap();
        status.lines().filter(|line| line.starts_with("VmHWM") || line.starts_with("VmRSS")).collect()
    }

    /// `/run/kfimg/steps/etcd.json`, if it is there.
    pub fn status(&self) -> Value {
        let text = std::fs::read(self.root.join("run/kfimg/steps/etcd.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub fn message(&self) -> String {
        self.status()["message"].as_str().unwrap_or_default().to_owned()
    }

    pub fn is_done(&self) -> bool {
        self.status()["state"] == "done"
    }

    pub fn manifest_path(&self) -> PathBuf {
        self.root.join("etc/kubernetes/manifests/etcd.yaml")
    }

    pub fn has_manifest(&self) -> bool {
        self.manifest_path().exists()
    }

    pub fn has_api_server(&self) -> bool {
        self.root.join("etc/kubernetes/manifests/kube-apiserver.yaml").exists()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.cut();
    }
}
