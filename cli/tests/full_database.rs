//! `docs/recovery.md`, "A full database": etcd and API server of a single control plane run with a small quota until nothing can be written any
//! more, and the commands of the page make room, as its reader types them.
//!
//! `crictl exec` is the pod's view of etcd here, with the real etcdctl in it.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use support::cluster::Cluster;
use support::document::{read, script};
use support::node::{NodeRoot, Workplace};
use support::program::{both, built, put_script, run};

/// Bytes that the database may have; and of one of the objects that fill it.
const QUOTA: usize = 16 << 20;
const OBJECT: usize = 900 << 10;
/// The only control plane.
const NODE: &str = "master1";

/// The machine, and what an operator has in the `PATH` there.
struct Plane {
    cluster: Cluster,
}

impl Plane {
    fn start() -> Self {
        let workplace = Workplace::render_profile("single", &[]);
        let mut cluster = Cluster::of(workplace, NodeRoot::is_control_plane);
        // A quota that a test can reach.
        cluster.start_with(NODE, "etcd", &[format!("--quota-backend-bytes={QUOTA}")]);
        cluster.start(NODE, "kube-apiserver");
        let plane = Self { cluster };
        plane.put_programs();
        plane.cluster.wait("the API server", || plane.types("kubectl get namespace default").status.success());
        plane
    }

    /// `crictl`, which knows one container, and `kubectl`, as the administrator.
    fn put_programs(&self) {
        let (node, machine) = (self.cluster.node(NODE), self.cluster.machine(NODE));
        let etcdctl = self.cluster.pod(NODE, "etcd").view(machine, node, built("etcdctl"));
        let first = "[ \"$1\" != ps ] || { echo 0123abcd; exit; }\n[ \"$1 $2 $3\" = 'exec 0123abcd etcdctl' ]\nshift 3";
        self.put("crictl", first, &etcdctl);
        self.put("kubectl", "", &self.cluster.kubectl_command(NODE));
    }

    /// A program that does this first, and then is `command` with the arguments that are left.
    fn put(&self, name: &str, first: &str, command: &Command) {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words = words.map(|word| format!("'{}'", word.to_str().unwrap().replace('\'', r"'\''")));
        let words = words.collect::<Vec<_>>().join(" ");
        put_script(&self.bin().join(name), &format!("set -e\n{first}\nexec {words} \"$@\"\n"));
    }

    fn bin(&self) -> PathBuf {
        self.cluster.workplace.folder().join("bin")
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

    /// Makes objects until etcd takes no more.
    fn fill(&self) {
        let large = self.cluster.workplace.folder().join("large");
        fs::write(&large, "x".repeat(OBJECT)).unwrap();
        let most = 2 * QUOTA / OBJECT;
        let refused = (0..most).map(|number| {
            self.types(&format!("kubectl create configmap large-{number} --from-file=text={}", large.display()))
        });
        let said = refused.into_iter().find(|said| !said.status.success()).expect("the quota is reached");
        assert!(both(&said).contains("database space exceeded"), "{}", both(&said));
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
    plane.cluster.wait("the count", || says(count).lines().any(|line| line.contains("resource=\"configmaps\"")));
    plane.told("kubectl get configmaps -o name | grep large | xargs kubectl delete");
    let compact = r#"etcd compact "$(etcd endpoint status -w fields | sed -n 's/^"Revision" : //p')""#;
    assert!(says(compact).contains("compacted revision"));
    assert!(says("etcd defrag").contains("Finished defragmenting"));
    says("etcd alarm disarm");
    let table = plane.told(&status);
    assert!(!table.contains("NOSPACE"), "{table}");
    plane
        .cluster
        .wait("a write", || plane.types("kubectl create configmap small --from-literal=word=x").status.success());
}
