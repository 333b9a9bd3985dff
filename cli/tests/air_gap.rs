//! `docs/air-gap.md`, every command of it: from an internet of real registries to a node's containerd. `make interop` runs this.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::content::Content;
use kfimg_images::layout::{DOCUMENT_LIMIT, Descriptor, Limits, Role, walk};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use support::bundle::unpackable;
use support::document::{Commands, read};
use support::node::Workplace;
use support::program::{as_root, both, folder_emptied_by_root, go_folder, put_script, run, succeed};
use support::registry::Served;
use support::runtime::Node;
use support::steps;
use support::upstream::Connected;

const DOCUMENT: &str = include_str!("../../docs/air-gap.md");
const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
/// The image that changes upstream between bundle and delta.
const CHANGED: &str = "docker.io/library/haproxy";

/// The walk, as far as it has come.
struct Walk {
    folder: PathBuf,
    connected: Connected,
    node: Option<(Node, Served, std::process::Child)>,
}

impl Walk {
    fn begin() -> Self {
        let folder = folder_emptied_by_root("air-gap");
        let connected = Connected::start(&folder.join("internet"));
        Self { folder, connected, node: None }
    }

    /// Publishes all that the cluster asks for, with `salt` in the images of which `changes` is true.
    fn publish(&self, salt: &str, changes: impl Fn(&str) -> bool) {
        let listed = succeed(Command::new(KFIMG).args(["images", "--profile", "ha3", "--registry", "reg.local"]));
        let references: Vec<String> = listed.lines().filter(|line| changes(line)).map(str::to_owned).collect();
        assert!(!references.is_empty(), "{listed}");
        let source = self.folder.join(format!("upstream-{salt}"));
        fs::create_dir_all(&source).unwrap();
        unpackable(&source, &references.iter().map(String::as_str).collect::<Vec<_>>(), salt);
        let mut serve = self.connected.machine.command(KFIMG);
        serve.args(["serve", "--listen", "127.0.0.1:0", "--bundle"]).arg(source.join("bundle"));
        let served = Served::start(&mut serve);
        self.connected.publish(served.authority(), &references);
    }

    /// Runs one command, as `sh` reads it, in the folder; servers go on, and a node asks by itself.
    fn step(&mut self, script: &str, folder: &Path) -> Output {
        let line = script.lines().last().unwrap();
        if line.contains("--since") {
            self.publish("second", |reference| reference.starts_with(CHANGED));
        }
        if line.starts_with("kfimg serve") {
            self.serve(line);
            return Output { status: ExitStatus::default(), stdout: Vec::new(), stderr: Vec::new() };
        }
        if let Some(arguments) = line.strip_prefix("crictl ") {
            let (node, ..) = self.node.as_ref().expect("the registry serves before a node asks");
            return node.crictl(&arguments.split(' ').collect::<Vec<_>>());
        }
        let mut shell = self.connected.machine.command("sh");
        let said = run(self.user(&mut shell).args(["-euc", &format!("cd {} && {script}", folder.display())]));
        eprintln!("$ {line}\n{}", both(&said));
        said
    }

    /// Programs of others that the document calls: crane, and oras by its library, which `qemu-tests/go/oras` calls in its own words.
    fn put_programs(&self) {
        let bin = self.folder.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let programs = go_folder(&["crane", "oras"]);
        symlink(programs.join("crane"), bin.join("crane")).unwrap();
        let oras = programs.join("oras");
        let words = "[ $# = 5 ] && [ \"$1 $2 $4\" = 'pull --oci-layout -o' ] || exit 2";
        put_script(&bin.join("oras"), &format!("{words}\nexec {} pull \"layout:$3\" \"$5\"\n", oras.display()));
    }

    /// As whoever reads the document: with kfimg in the `PATH`, and with an authority of the system's that is the test's own.
    fn user<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let path = std::env::var("PATH").unwrap();
        let bin = Path::new(KFIMG).parent().unwrap().display();
        let others = self.folder.join("bin");
        command
            .env("PATH", format!("{bin}:{}:{path}", others.display()))
            .env("HOME", &self.folder)
            .env_remove("XDG_RUNTIME_DIR");
        command.env("SSL_CERT_FILE", self.connected.authority())
    }

    /// On a site of its own, with a node beside it.
    fn serve(&mut self, line: &str) {
        self.connected.stop_servers();
        let workplace = Workplace::of(self.folder.clone());
        let node = Node::start(&workplace, "192.168.49.9");
        let mut shell = node.machine.command("sh");
        let script = format!("cd {} && exec {line} \"$@\"", self.folder.display());
        let served = Served::start(self.user(&mut shell).args(["-euc", &script, "sh"]));
        let containerd = node.start_containerd(&workplace);
        self.node = Some((node, served, containerd));
    }
}

/// The delta carries every layer of the image that changed, and no layer that the site has.
fn assert_is_what_changed(folder: &Path) {
    let [whole, delta] = ["bundle", "delta.tar"].map(|name| Content::open(&folder.join(name)).unwrap());
    let layers = |content: &Content, name: &dyn Fn(&str) -> bool| {
        let named = |entry: &&Descriptor| entry.reference().is_some_and(name);
        let roots: Vec<Descriptor> = content.index().manifests.iter().filter(named).cloned().collect();
        let mut layers = BTreeMap::new();
        let read = |document: &Descriptor| content.read_small(&document.digest, DOCUMENT_LIMIT).map(Some);
        walk(&roots, Limits::default(), read, |edge| {
            if edge.role == Role::Layer {
                layers.insert(edge.descriptor.digest.clone(), edge.descriptor.size);
            }
        })
        .unwrap();
        layers
    };
    let before = layers(&whole, &|_| true);
    let after = layers(&delta, &|_| true);
    let changed: BTreeMap<_, _> = after.into_iter().filter(|(digest, _)| !before.contains_key(digest)).collect();
    assert_eq!(changed, layers(&delta, &|name| name.starts_with(CHANGED)), "one image changed, and all of it");
    assert!(!changed.is_empty());
    for (digest, size) in &before {
        assert!(delta.extent(digest).is_none(), "{digest} of {size} bytes is carried, though the site has it");
    }
    for digest in changed.keys() {
        assert!(delta.extent(digest).is_some(), "{digest} is new");
    }
    let [manifest, of_delta] = [&whole, &delta].map(|content| content.manifest().unwrap());
    let since = of_delta.since.as_ref().expect("it says what it stands on");
    assert!(since.absent.iter().all(|digest| before.contains_key(digest)), "{since:?}");
    assert!(of_delta.bytes < manifest.bytes, "{} of {} bytes", of_delta.bytes, manifest.bytes);
}

/// What `docs/build.md` fetches before it builds.
fn the_bundle_of_build_has_the_agent(walk: &mut Walk) {
    let folder = walk.folder.join("build");
    let page = read("build.md");
    let commands = Commands::of_the(&page, "sh", "kfimg bundle create");
    let command = commands.with("kfimg bundle create");
    let agent = folder.join(command.rsplit_once('=').unwrap().1);
    fs::create_dir_all(agent.parent().unwrap()).unwrap();
    fs::write(agent, "the agent").unwrap();
    let said = walk.step(command, &folder);
    assert!(said.status.success(), "build.md: {command}\n{}", both(&said));
    let index = fs::read_to_string(folder.join("bundle/index.json")).unwrap();
    assert!(index.contains("kfimg.invalid/file/kfimg-agent:0.1.0"), "{index}");
}

#[test]
#[ignore = "needs the components that `make interop` builds"]
fn the_document_is_walked_from_the_internet_to_a_node() {
    let mut walk = Walk::begin();
    walk.put_programs();
    walk.publish("first", |_| true);
    let folder = walk.folder.clone();
    the_bundle_of_build_has_the_agent(&mut walk);
    let count = steps::walk("air-gap.md", DOCUMENT, &folder, |script, folder| walk.step(script, folder));
    assert!(count > 15, "{count} commands");
    assert_is_what_changed(&folder);
    if let Some((_, _, mut containerd)) = walk.node.take() {
        containerd.kill().unwrap();
        containerd.wait().unwrap();
    }
    drop(walk);
    succeed(as_root("rm").arg("-rf").arg(folder));
}
