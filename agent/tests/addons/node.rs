//! One control plane: a folder with its payload, and its agent.

use super::api_server::ApiServer;
use super::render::Render;
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// See above.
pub struct Node {
    pub name: String,
    root: PathBuf,
    agent: Option<Child>,
}

impl Node {
    /// A machine that is off, with a payload.
    pub fn new(server: &ApiServer, name: &str, render: &Render) -> Self {
        let root = server.folder.join(name);
        let node = Self { name: name.to_owned(), root, agent: None };
        let kubeconfig = server.authority.kubeconfig(name, &server.url());
        node.write("/etc/kubernetes/admin.conf", &kubeconfig);
        node.deliver(render);
        node
    }

    /// Delivers a payload.
    pub fn deliver(&self, render: &Render) {
        for (path, list) in &render.files {
            self.write(path, &format!("{list:#}\n"));
        }
        let plan = json!({
            "version": 1, "generation": render.generation, "renderTime": 0,
            "cluster": { "name": "ha3", "uid": render.uid, "incarnation": 1,
                "kubernetesVersion": render.kubernetes_version },
            "node": { "name": self.name, "role": "control-plane", "addresses": ["192.0.2.11"], "macs": [],
                "machineId": "0" },
            "certificates": { "notBefore": 0, "notAfter": i64::MAX }, "timeServers": [],
            "preflight": { "freePorts": [], "kernelModules": [], "sysctls": {}, "memoryBytes": 0, "dataBytes": 0,
                "containerd": "", "requireCgroupV2": false },
            "images": [{ "reference": "registry.k8s.io/pause:3.10" }], "copies": [],
            "addons": { "kubeconfig": "/etc/kubernetes/admin.conf", "files": render.files.keys().collect::<Vec<_>>() },
        });
        self.write("/etc/kfimg/plan.json", &plan.to_string());
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Starts the step.
    pub fn start(&mut self) {
        self.kill();
        let _ = std::fs::remove_file(self.status_file());
        let log = File::options().create(true).append(true).open(self.root.join("agent.log")).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_kfimg-agent"));
        agent.arg("--root").arg(&self.root).arg("addons").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.agent = Some(agent.spawn().unwrap());
    }

    /// Power is cut.
    pub fn kill(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            agent.wait().unwrap();
        }
    }

    /// Waits until the step says that it is done, or ends.
    pub fn wait_done(&mut self, seconds: u64) -> Duration {
        self.wait("done", seconds, |node| node.status()["state"] == "done" || node.exit_code().is_some())
    }

    /// Waits until the step ends; gives its exit code.
    pub fn wait_end(&mut self, seconds: u64) -> i32 {
        self.wait("an end", seconds, |node| node.exit_code().is_some());
        self.exit_code().unwrap()
    }

    /// Starts the step and waits until it ends.
    pub fn run(&mut self, seconds: u64) -> i32 {
        self.start();
        self.wait_end(seconds)
    }

    /// Waits until it holds.
    ///
    /// # Panics
    /// After so many seconds.
    pub fn wait(&mut self, what: &str, seconds: u64, mut holds: impl FnMut(&mut Self) -> bool) -> Duration {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed().as_secs() < seconds, "{}: no {what} in {seconds} s: {}", self.name, self.status());
            std::thread::sleep(Duration::from_millis(5));
        }
        start.elapsed()
    }

    /// Of the step, once it has ended by itself.
    pub fn exit_code(&mut self) -> Option<i32> {
        self.agent.as_mut()?.try_wait().unwrap()?.code()
    }

    /// What the step tells.
    pub fn status(&self) -> Value {
        let text = std::fs::read(self.status_file()).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// What it works on or waits for.
    pub fn message(&self) -> String {
        self.status()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Codes of its warnings.
    pub fn warnings(&self) -> Vec<String> {
        let warnings = self.status()["warnings"].as_array().cloned().unwrap_or_default();
        warnings.iter().map(|warning| warning["code"].as_str().unwrap().to_owned()).collect()
    }

    /// The most memory that the running agent ever had, in KiB.
    pub fn memory(&self) -> u64 {
        let id = self.agent.as_ref().unwrap().id();
        let text = std::fs::read_to_string(Path::new("/proc").join(id.to_string()).join("status")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn status_file(&self) -> PathBuf {
        self.root.join("run/kfimg/steps/addons.json")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
