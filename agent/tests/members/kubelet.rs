//! A stand-in for the kubelet: runs etcd as its manifest says, in the node's folder as its root.
//!
//! It does for one pod what the real one does: starts what is written, ends what is gone, starts again what died, unless
//! the manifest says `restartPolicy: Never`.

use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

const LOOK: Duration = Duration::from_millis(50);
/// A container that is started too late runs for so long before it is ended.
const LATE: Duration = Duration::from_secs(3);
/// A container that does not end is killed after so long.
const GRACE: Duration = Duration::from_secs(5);
/// A container that died is started again after so long.
const RESTART: Duration = Duration::from_secs(1);

/// The thread that plays the kubelet.
pub struct Kubelet {
    power: Arc<AtomicBool>,
    /// Process of etcd; 0: none runs.
    etcd: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

struct Pod {
    text: Vec<u8>,
    child: Child,
    restarts: bool,
}

impl Kubelet {
    /// Watches the manifest of etcd below a node's folder. `late`: how long it takes to start the first one, whatever
    /// becomes of it meanwhile; one that has begun does not look at manifests.
    pub fn start(root: &Path, late: Duration) -> Self {
        let power = Arc::new(AtomicBool::new(true));
        let etcd = Arc::new(AtomicU32::new(0));
        let (root, on, id) = (root.to_owned(), Arc::clone(&power), Arc::clone(&etcd));
        let thread = std::thread::spawn(move || watch(&root, &on, &id, late));
        Self { power, etcd, thread: Some(thread) }
    }

    /// Process of etcd.
    pub fn etcd_id(&self) -> Option<u32> {
        Some(self.etcd.load(Ordering::SeqCst)).filter(|id| *id > 0)
    }

    /// Power is cut: etcd dies at once.
    pub fn cut(&mut self) {
        self.power.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.cut();
    }
}

fn watch(root: &Path, power: &AtomicBool, id: &AtomicU32, late: Duration) {
    let manifest = root.join("etc/kubernetes/manifests/etcd.yaml");
    if !late.is_zero() {
        start_late(root, &manifest, power, late);
    }
    let mut pod: Option<Pod> = None;
    while power.load(Ordering::SeqCst) {
        let text = std::fs::read(&manifest).ok();
        if pod.as_ref().map(|pod| &pod.text) != text.as_ref() {
            end(pod.take(), "-TERM");
            pod = text.map(|text| start(root, text));
        }
        let dead = pod.as_mut().is_some_and(|pod| has_died(&mut pod.child));
        let alive = pod.as_ref().filter(|_| !dead);
        id.store(alive.map_or(0, |pod| pod.child.id()), Ordering::SeqCst);
        if let Some(died) = pod.as_mut().filter(|pod| dead && pod.restarts) {
            sleep(RESTART);
            *died = start(root, std::mem::take(&mut died.text));
        }
        sleep(LOOK);
    }
    end(pod.take(), "-KILL");
}

/// The log of its container is there at once, as if it had been started.
fn start_late(root: &Path, manifest: &Path, power: &AtomicBool, late: Duration) {
    let text = loop {
        match std::fs::read(manifest) {
            Ok(text) => break text,
            Err(_) if !power.load(Ordering::SeqCst) => return,
            Err(_) => sleep(LOOK),
        }
    };
    let logs = root.join("var/log/pods/kube-system_etcd-node_0/etcd");
    std::fs::create_dir_all(&logs).unwrap();
    std::fs::write(logs.join("0.log"), "").unwrap();
    sleep(late);
    let pod = start(root, text);
    sleep(LATE);
    end(Some(pod), "-TERM");
}

fn has_died(child: &mut Child) -> bool {
    child.try_wait().unwrap().is_some()
}

fn start(root: &Path, text: Vec<u8>) -> Pod {
    let pod: Value = serde_json::from_slice(&text).unwrap();
    let command = pod["spec"]["containers"][0]["command"].as_array().unwrap();
    let words = command.iter().map(|word| mounted(&pod, word.as_str().unwrap()));
    let log = File::options().create(true).append(true).open(root.join("etcd.log")).unwrap();
    let program = root.join("bin/etcd");
    if !program.exists() {
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        // What the script prints leads to links.
        let built = std::fs::canonicalize(etcd()).unwrap();
        std::fs::hard_link(&built, &program).or_else(|_| std::fs::copy(&built, &program).map(drop)).unwrap();
    }
    let mut unshare = Command::new("unshare");
    if !rustix::process::geteuid().is_root() {
        unshare.arg("--map-root-user");
    }
    let root_flag = format!("--root={}", root.display());
    unshare.arg(root_flag).args(words);
    unshare.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    let restarts = pod["spec"]["restartPolicy"] != "Never";
    Pod { text, child: unshare.spawn().unwrap(), restarts }
}

/// A word of the command with paths as they are outside the container.
fn mounted(pod: &Value, word: &str) -> String {
    let mounts = pod["spec"]["containers"][0]["volumeMounts"].as_array().into_iter().flatten();
    mounts.fold(word.to_owned(), |word, mount| {
        let volumes = pod["spec"]["volumes"].as_array().unwrap();
        let volume = volumes.iter().find(|volume| volume["name"] == mount["name"]).unwrap();
        let (inside, outside) = (mount["mountPath"].as_str().unwrap(), volume["hostPath"]["path"].as_str().unwrap());
        word.replace(&format!("={inside}/"), &format!("={outside}/"))
    })
}

fn end(pod: Option<Pod>, signal: &str) {
    let Some(mut pod) = pod else { return };
    send(signal, &pod.child);
    let end = Instant::now() + GRACE;
    while pod.child.try_wait().unwrap().is_none() && Instant::now() < end {
        sleep(LOOK);
    }
    send("-KILL", &pod.child);
    pod.child.wait().unwrap();
}

fn send(signal: &str, child: &Child) {
    let _ = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
}

/// The etcd that `make interop` builds, or the one that `KFIMG_ETCD` names.
pub fn etcd() -> PathBuf {
    if let Some(path) = std::env::var_os("KFIMG_ETCD") {
        return path.into();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../qemu-tests/go/build.sh");
    let said = Command::new(script).arg("etcd").stderr(Stdio::inherit()).output().unwrap();
    assert!(said.status.success(), "building etcd");
    PathBuf::from(String::from_utf8(said.stdout).unwrap().trim_end()).join("etcd")
}
