//! Keys for one start of etcd: a container that the kubelet starts too late finds none, and ends before it touches data.
//!
//! Taking a manifest away does not stop a kubelet that has begun with it: it may be fetching the image, and start the
//! container minutes later, with the token of a cluster that was given up meanwhile. So each start has keys in a folder of
//! its own, its manifest names that folder, and whoever takes the manifest away takes the keys first. etcd reads them
//! before it opens its data (etcd, `server/embed/etcd.go`, `StartEtcd`).

use crate::copies;
use crate::plan::{Plan, SecretCopy};
use crate::root::Root;
use serde_json::Value;
use std::io;

/// Where etcd's copies lie, and where folders of starts are put beside them.
const FOLDER: &str = "/run/kfimg/etcd/";
/// What the name of a start's folder begins with; [`super::flags::InitialFlags::id`] follows.
const PREFIX: &str = "start-";

/// The keys of starts.
#[derive(Clone, Debug)]
pub(super) struct Fence {
    root: Root,
    /// All of the plan.
    copies: Vec<SecretCopy>,
}

impl Fence {
    /// Of the copies that the plan has for etcd.
    pub(super) fn of(root: &Root, plan: &Plan) -> Self {
        Self { root: root.clone(), copies: plan.copies.clone() }
    }

    /// Makes the keys of a start.
    pub(super) fn open(&self, start: &str) -> io::Result<()> {
        let own = |copy: &SecretCopy| {
            let destination = moved(&copy.destination, start)?;
            Some(SecretCopy { destination, ..copy.clone() })
        };
        copies::make(&self.root, &self.copies.iter().filter_map(own).collect::<Vec<_>>())
    }

    /// Takes the keys of all starts away.
    pub(super) fn close(&self) -> io::Result<()> {
        let entries = match fs_err::read_dir(self.root.at(FOLDER)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(())
    }
}

/// Lets a pod's volumes of keys lead to those of a start.
pub(super) fn fenced(pod: &mut Value, start: &str) {
    let volumes = pod.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
    for volume in volumes.into_iter().flatten() {
        let Some(path) = volume.pointer_mut("/hostPath/path") else { continue };
        if let Some(own) = path.as_str().and_then(|path| moved(path, start)) {
            *path = Value::from(own);
        }
    }
}

/// The path that a start has for one of etcd's copies.
fn moved(path: &str, start: &str) -> Option<String> {
    path.strip_prefix(FOLDER).map(|below| format!("{FOLDER}{PREFIX}{start}/{below}"))
}

#[cfg(test)]
mod tests {
    use super::{Fence, fenced};
    use crate::plan::{Plan, SecretCopy};
    use crate::root::Root;
    use serde_json::json;

    #[test]
    fn each_start_has_keys_of_its_own_and_without_them_none_begins() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        for path in ["/etc/kubernetes/pki/etcd", "/run/kfimg"] {
            std::fs::create_dir_all(root.at(path)).unwrap();
        }
        std::fs::write(root.at("/etc/kubernetes/pki/etcd/peer.key"), "key").unwrap();
        let copy = |destination: &str| SecretCopy {
            source: "/etc/kubernetes/pki/etcd/peer.key".to_owned(),
            destination: destination.to_owned(),
            uid: rustix::process::getuid().as_raw(),
        };
        let copies = vec![copy("/run/kfimg/etcd/pki/etcd/peer.key"), copy("/run/kfimg/kube-apiserver/pki/other.key")];
        let fence = Fence::of(&root, &Plan { copies, ..Plan::fake() });
        fence.close().unwrap();
        fence.open("a").unwrap();
        fence.open("a").unwrap();
        fence.open("b").unwrap();
        let has = |start: &str| root.at(format!("/run/kfimg/etcd/start-{start}/pki/etcd/peer.key")).exists();
        assert!(has("a") && has("b") && !root.at("/run/kfimg/kube-apiserver").exists());
        std::fs::create_dir_all(root.at("/run/kfimg/etcd/pki/etcd")).unwrap();
        fence.close().unwrap();
        assert!(!has("a") && !has("b") && root.at("/run/kfimg/etcd/pki/etcd").exists());
    }

    #[test]
    fn only_volumes_of_keys_lead_to_a_start() {
        let host = |path: &str| json!({"name": "v", "hostPath": {"path": path, "type": "Directory"}});
        let volumes = [host("/run/kfimg/etcd/pki/etcd"), host("/var/lib/etcd"), json!({"name": "e", "emptyDir": {}})];
        let mut pod = json!({"spec": {"volumes": volumes}});
        fenced(&mut pod, "a");
        let path = |at: usize| pod["spec"]["volumes"][at]["hostPath"]["path"].clone();
        assert_eq!([path(0), path(1)], ["/run/kfimg/etcd/start-a/pki/etcd", "/var/lib/etcd"]);
        fenced(&mut json!({}), "a");
    }
}
