//! `docs/recovery.md`, "A full database": etcd and API server of a single control plane run with a small quota until nothing can be written any
//! more, and the commands of the page make room, as its reader types them.
//!
//! `crictl exec` is the pod's view of etcd here, with the real etcdctl in it.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::Value;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::document::{read, script};
use support::machine::Machine;
use support::node::{NodeRoot, Workplace, executable};
use support::pod::Container;
use support::program::{both, built, run};

/// Bytes that the database may have; and of one of the objects that fill it.
const QUOTA: usize = 16 << 20;
const OBJECT: usize = 900 << 10;
/// For what a slow machine needs.
const BOUND: Duration = Duration::from_secs(120);

/// The machine, and what an operator has in the `PATH` there.
struct Plane {
    workplace: Workplace,
    node: NodeRoot,
    machine: Machine,
    running: Vec<Child>,
}

impl Plane {
    fn start() -> Self {
        let workplace = Workplace::render_profile("single", &[]);
        let node = workplace.apply_all().remove(0);
        let machine = Machine::of(&node);
        let mut plane = Self { workplace, node, machine, running: Vec::new() };
        let plan = plane.node.plan();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let member = &plan["etcd"]["members"][0];
        let url = text(&member["peerURL"]);
        // The words that the guard of a node adds, and a quota that a test can reach.
        let founding = [
            "--initial-cluster-state=new".to_owned(),
            format!("--initial-cluster={}={url}", text(&member["name"])),
            format!("--initial-advertise-peer-urls={url}"),
            format!("--quota-backend-bytes={QUOTA}"),
        ];
        plane.start_pod("etcd", &text(&plan["etcd"]["manifest"]["source"]), &founding);
        plane.start_pod("kube-apiserver", &text(&plan["apiServerManifest"]["source"]), &[]);
        plane.put_programs();
        plane.wait("the API server", || plane.types("kubectl get namespace default").status.success());
        plane
    }

    fn start_pod(&mut self, name: &str, manifest: &str, more: &[String]) {
        let log = File::create(self.workplace.folder().join(format!("{name}.log"))).unwrap();
        let pod = Container::read(&self.node.text(manifest), name);
        let mut command = pod.start(&self.machine, &self.node, built(name));
        command.args(more).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.running.push(command.spawn().unwrap());
    }

    /// `crictl`, which knows one container, and `kubectl`, as the administrator.
    fn put_programs(&self) {
        let manifest = self.node.plan()["etcd"]["manifest"]["source"].as_str().unwrap().to_owned();
        let pod = Container::read(&self.node.text(&manifest), "etcd");
        let etcdctl = pod.view(&self.machine, &self.node, built("etcdctl"));
        let first = "[ \"$1\" != ps ] || { echo 0123abcd; exit; }\n[ \"$1 $2 $3\" = 'exec 0123abcd etcdctl' ]\nshift 3";
        self.put("crictl", first, &etcdctl);
        let mut kubectl = self.machine.command(built("kubectl"));
        let admin = self.workplace.output().join("admin.kubeconfig");
        kubectl.arg(format!("--kubeconfig={}", admin.display())).arg("--request-timeout=20s");
        self.put("kubectl", "", &kubectl);
    }

    /// A program that does this first, and then is `command` with the arguments that are left.
    fn put(&self, name: &str, first: &str, command: &Command) {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")));
        let words = words.collect::<Vec<_>>().join(" ");
        let path = self.bin().join(name);
        executable(&path);
        fs::write(path, format!("#!/bin/sh\nset -e\n{first}\nexec {words} \"$@\"\n")).unwrap();
    }

    fn bin(&self) -> PathBuf {
        self.workplace.folder().join("bin")
    }

    /// What an operator types.
    fn types(&self, text: &str) -> Output {
        let path = format!("{}:{}", self.bin().display(), std::env::var("PATH").unwrap());
        run(Command::new("sh").args(["-euc", text]).env("PATH", path))
    }

    /// The same, which has to succeed; gives all that it said.
    fn told(&self, text: &str) -> String {
        let said = self.types(text);
        assert!(said.status.success(), "{text}: {}", both(&said));
        both(&said)
    }

    fn wait(&self, what: &str, mut ready: impl FnMut() -> bool) {
        let end = Instant::now() + BOUND;
        while !ready() {
            let words = self.types(&format!("tail -n 5 {}/*.log", self.workplace.folder().display()));
            assert!(Instant::now() < end, "{what}\n{}", both(&words));
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Makes objects until etcd takes no more.
    fn fill(&self) {
        let large = self.workplace.folder().join("large");
        fs::write(&large, "x".repeat(OBJECT)).unwrap();
        let most = 2 * QUOTA / OBJECT;
        let refused = (0..most).map(|number| {
            self.types(&format!("kubectl create configmap large-{number} --from-file=text={}", large.display()))
        });
        let said = refused.into_iter().find(|said| !said.status.success()).expect("the quota is reached");
        assert!(both(&said).contains("database space exceeded"), "{}", both(&said));
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        for child in &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn a_full_database_takes_writes_again_after_what_the_page_says() {
    let page = read("recovery.md");
    let plane = Plane::start();
    plane.fill();
    let status = script("recovery.md", "etcd()");
    let table = plane.told(&status);
    assert!(["DB SIZE", "QUOTA", "NOSPACE"].iter().all(|part| table.contains(part)), "{table}");

    // What stands in the sentences below the text, in their order, with its function.
    let function = status.split_once("\netcd ").unwrap().0;
    let says = |command: &str| {
        assert!(page.contains(&format!("`{command}`")), "{command}");
        plane.told(&format!("{function}\n{command}"))
    };
    // The API server counts once a minute.
    let count = "kubectl get --raw /metrics | grep apiserver_resource_objects | sort -t' ' -k2 -n";
    plane.wait("the count", || says(count).lines().any(|line| line.contains("resource=\"configmaps\"")));
    plane.told("kubectl get configmaps -o name | grep large | xargs kubectl delete");
    let compact = r#"etcd compact "$(etcd endpoint status -w fields | sed -n 's/^"Revision" : //p')""#;
    assert!(says(compact).contains("compacted revision"));
    assert!(says("etcd defrag").contains("Finished defragmenting"));
    says("etcd alarm disarm");
    let table = plane.told(&status);
    assert!(!table.contains("NOSPACE"), "{table}");
    plane.wait("a write", || plane.types("kubectl create configmap small --from-literal=word=x").status.success());
}
