//! The render that is judged, and its nodes as folders: what the disk holds after the real Ignition's `files` stage.

use super::program::{as_root, find, folder_emptied_by_root, put_script, succeed};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where one test binary works.
pub(crate) struct Workplace {
    folder: PathBuf,
}

impl Workplace {
    /// Empties the folder, then renders the profile `ha3` into it with the built `kfimg`, as its user would.
    pub(crate) fn render(name: &str) -> Self {
        Self::render_with(name, &[])
    }

    /// The same with more options.
    pub(crate) fn render_with(name: &str, options: &[&str]) -> Self {
        let workplace = Self::rendered(name, &[&["--profile", "ha3"], options].concat());
        let names = workplace.node_names();
        assert_eq!(names.len(), 5, "ha3 has three control planes and two workers: {names:?}");
        workplace
    }

    /// Renders a site of the good inputs of crate `profiles`, on top of `ha3` or by itself; without its charts, because helm is not
    /// among the packages of these tests.
    pub(crate) fn render_site(site: &str, profile: &[&str]) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../profiles/tests/good/{site}.yaml"));
        Self::rendered(
            &format!("site-{site}"),
            &[profile, &["--site", file.to_str().unwrap(), "--set", "charts=[]"]].concat(),
        )
    }

    /// Renders another built-in profile, with more options.
    pub(crate) fn render_profile(profile: &str, options: &[&str]) -> Self {
        Self::rendered(&format!("profile-{profile}"), &[&["--profile", profile], options].concat())
    }

    fn rendered(name: &str, options: &[&str]) -> Self {
        let folder = folder_emptied_by_root(name);
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--registry", "reg.local", "-o", "out"]).args(options).current_dir(&folder);
        succeed(&mut kfimg);
        Self { folder }
    }

    /// A folder in which somebody else renders into `out`.
    pub(crate) fn of(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What `kfimg render` wrote.
    pub(crate) fn output(&self) -> PathBuf {
        self.folder.join("out")
    }

    /// Every node's name, sorted.
    pub(crate) fn node_names(&self) -> Vec<String> {
        let nodes = fs::read_dir(self.output().join("nodes")).unwrap();
        let mut names: Vec<_> = nodes.map(|node| node.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert!(names.iter().any(|name| name.starts_with("master")), "{names:?}");
        names
    }

    /// The node's Ignition configuration.
    pub(crate) fn payload(&self, node: &str) -> PathBuf {
        self.output().join("nodes").join(node).join("ignition.json")
    }

    /// Lets Ignition apply the node's payload to an empty root below `label`; gives the node as it lies on its disk.
    pub(crate) fn apply(&self, ignition: &Path, label: &str, node: &str) -> NodeRoot {
        let place = self.folder.join(label).join(node);
        let root = place.join("root");
        base_system(&root);
        let helpers = place.join("helpers");
        executable(&helpers.join("setfiles"));
        for stage in ["fetch", "files"] {
            let mut command = as_root(ignition);
            command.arg(format!("--root={}", root.display())).arg(format!("--stage={stage}"));
            command.args(["--platform=file", "--log-to-stdout"]);
            for (option, file) in [("config-cache", "config"), ("state-file", "state"), ("neednet", "neednet")] {
                command.arg(format!("--{option}={}", place.join(file).display()));
            }
            let path = std::env::join_paths(
                [helpers.clone(), find("useradd").parent().unwrap().to_owned()]
                    .into_iter()
                    .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
            );
            command.env("PATH", path.unwrap()).env("IGNITION_CONFIG_FILE", self.payload(node));
            succeed(&mut command);
        }
        let node = NodeRoot { name: node.to_owned(), root };
        node.boot();
        node
    }

    /// Applies every node's payload by Debian's Ignition.
    pub(crate) fn apply_all(&self) -> Vec<NodeRoot> {
        let ignition = find("ignition");
        self.node_names().iter().map(|node| self.apply(&ignition, "nodes", node)).collect()
    }
}

/// A node's disk as a folder.
pub(crate) struct NodeRoot {
    /// The node's name.
    pub(crate) name: String,
    root: PathBuf,
}

impl NodeRoot {
    /// The folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the node runs an API server.
    pub(crate) fn is_control_plane(&self) -> bool {
        self.plan()["node"]["role"] == "control-plane"
    }

    /// Whether the node is no Node of the cluster.
    pub(crate) fn is_etcd_alone(&self) -> bool {
        self.plan()["node"]["role"] == "etcd"
    }

    /// The node's main address.
    pub(crate) fn address(&self) -> String {
        self.plan()["node"]["addresses"][0].as_str().unwrap().to_owned()
    }

    /// The interface that carries the node's addresses, as keepalived is told; `eth0` where nobody is.
    pub(crate) fn interface(&self) -> String {
        let text = fs::read_to_string(self.path("/etc/kubernetes/keepalived/keepalived.conf")).unwrap_or_default();
        let named = text.lines().find_map(|line| line.trim().strip_prefix("interface "));
        named.unwrap_or("eth0").to_owned()
    }

    /// The place in the folder of a path on the node.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.strip_prefix('/').expect("paths on a node are absolute"))
    }

    /// The text of a file on the node.
    pub(crate) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{}: {path}: {error}", self.name))
    }

    /// The files below a folder of the node that have this extension, as paths on the node, sorted.
    pub(crate) fn files(&self, folder: &str, extension: &str) -> Vec<String> {
        let mut found = Vec::new();
        collect(&self.path(folder), &mut found);
        let on_node = |path: &PathBuf| format!("/{}", path.strip_prefix(&self.root).unwrap().display());
        found.retain(|path| path.extension().is_some_and(|found| found == extension));
        let mut paths: Vec<_> = found.iter().map(on_node).collect();
        paths.sort();
        paths
    }

    /// The command lines of a unit of the node, of the keys that are wanted.
    pub(crate) fn commands(&self, unit: &str, key: fn(&str) -> bool) -> Vec<Vec<String>> {
        let file = format!("/etc/systemd/system/{unit}");
        if !self.path(&file).exists() {
            return Vec::new();
        }
        let text = self.text(&file).replace("\\\n", " ");
        let values = text.lines().filter_map(|line| line.split_once('=').filter(|(name, _)| key(name)));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        values.map(|(_, line)| words(line.trim_start_matches(['-', '@', '+', '!', ':']))).collect()
    }

    /// What happens at every boot before a pod starts: systemd makes folders, and the agent hands components that are not root
    /// their secrets.
    fn boot(&self) {
        let mut folders = as_root(find("systemd-tmpfiles"));
        succeed(folders.arg(format!("--root={}", self.root.display())).args([
            "--create",
            "--prefix=/var",
            "--prefix=/etc",
        ]));
        for copy in self.plan()["copies"].as_array().unwrap() {
            let [source, destination] = ["source", "destination"].map(|key| self.path(copy[key].as_str().unwrap()));
            let owner = copy["uid"].to_string();
            succeed(
                as_root("install").args(["-D", "-m", "0400", "-o", &owner, "-g", &owner]).args([source, destination]),
            );
        }
    }

    /// The agent's plan.
    pub(crate) fn plan(&self) -> serde_json::Value {
        serde_json::from_str(&self.text("/etc/kfimg/plan.json")).unwrap()
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

/// What Ignition expects of any root: accounts that `useradd` can add to, and a policy because Debian and upstream both build it
/// to relabel files.
fn base_system(root: &Path) {
    const FILES: &[(&str, &str)] = &[
        ("etc/passwd", "root:x:0:0:root:/root:/bin/bash\n"),
        ("etc/group", "root:x:0:\nadm:x:4:\nsudo:x:27:\nwheel:x:998:\nsystemd-journal:x:999:\n"),
        ("etc/shadow", "root:*:19000:0:99999:7:::\n"),
        ("etc/gshadow", "root:*::\nadm:!::\nsudo:!::\nwheel:!::\nsystemd-journal:!::\n"),
        ("etc/selinux/config", "SELINUX=permissive\nSELINUXTYPE=targeted\n"),
        ("etc/selinux/targeted/contexts/files/file_contexts", ""),
    ];
    for (path, text) in FILES {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Writes a program that does nothing.
pub(crate) fn executable(path: &Path) {
    put_script(path, "");
}
