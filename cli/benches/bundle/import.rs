//! Images of a medium on a node that boots for the first time: the agent's step `images` against `ctr images import` of the same
//! images as one file, each into a containerd that has nothing. The same layers are one image, and as many images as a control plane
//! runs, more or less.
//!
//! It needs root, and the agent beside kfimg (`KFIMG_BENCH_AGENT` names another). Both unpack.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::{OCI_CONFIG, OCI_MANIFEST};
use kfimg_images::layout::{Manifest, Platform};

use crate::Bench;
use crate::data::{self, noise};
use crate::measure::{self, Contender, judge, milliseconds, race, timed};
use crate::peers;
use crate::program;

/// Layers of all images together, as many packed bytes as two large layers.
const LAYERS: usize = 8;
/// Type of a layer.
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// Time for containerd's start.
const BOUND: Duration = Duration::from_secs(60);
/// A plan of an agent's own tests.
const PLAN: &str = include_str!("../../../agent/tests/data/plan-worker.json");
/// Where a node finds a bundle of its data partition.
const BUNDLE: &str = "var/lib/kfimg/bundle";

/// Measures both.
pub(crate) fn run(bench: &Bench) {
    if !rustix::process::geteuid().is_root() {
        return println!("who is not root can't start containerd: imports are left out");
    }
    let Some(agent) = program::agent(&bench.kfimg) else { return };
    let Some(containerd) = peers::built("containerd") else { return };
    for (images, what) in [(1, "an image"), (LAYERS, "eight images")] {
        compare(bench, &agent, &containerd, images, what);
    }
}

/// So many images with all layers.
fn compare(bench: &Bench, agent: &Path, containerd: &Path, images: usize, what: &str) {
    let (node, tar) = (bench.fresh("node"), bench.fresh("image.tar"));
    bundle(&node.join(BUNDLE), images, bench.layer / 4, &bench.path("layer"));
    prepare(&node, images);
    let mut pack = Command::new(&bench.kfimg);
    measure::run(pack.args(["--quiet", "bundle", "pack", "--bundle"]).arg(node.join(BUNDLE)).arg("-o").arg(&tar));

    let import = |command: &dyn Fn(&Node) -> Command| {
        let running = Node::start(containerd, &node);
        let mut command = command(&running);
        timed(|| {
            let output = command.output().expect("it was built");
            assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        })
    };
    let with_agent = |running: &Node| {
        let mut command = Command::new(agent);
        command.arg("--root").arg(&node).arg("images").env("PATH", &running.path);
        command
    };
    let with_ctr = |running: &Node, more: &[&str]| {
        let mut command = running.ctr();
        command.args(["images", "import", "--platform", "linux/amd64"]).args(more).arg(&tar);
        command
    };
    let mut contenders = [
        Contender::new("kfimg-agent images", || import(&with_agent)),
        Contender::new("ctr images import", || import(&|running| with_ctr(running, &[]))),
        Contender::new("ctr images import --local", || import(&|running| with_ctr(running, &["--local"]))),
    ];
    let what = format!("{what} of a medium into a fresh containerd");
    let medians = race(&what, bench.rounds, &mut contenders);
    for (peer, median) in ["ctr images import", "ctr images import --local"].into_iter().zip(&medians[1..]) {
        let against = format!("{what}, against `{peer}`");
        judge("P20/import", &against, &milliseconds(medians[0]), medians[0] / median);
    }
    data::remove(&node);
    data::remove(&tar);
}

/// Files and folders of a node, as far as the step looks at them.
fn prepare(node: &Path, images: usize) {
    let mut plan: serde_json::Value = serde_json::from_str(PLAN).expect("the agent's tests read it");
    plan["images"] = (0..images).map(|number| serde_json::json!({ "reference": name(number) })).collect();
    let write = || -> std::io::Result<()> {
        for folder in ["etc/kfimg", "etc/containerd", "run/kfimg"] {
            fs::create_dir_all(node.join(folder))?;
        }
        fs::write(node.join("etc/kfimg/plan.json"), plan.to_string())
    };
    write().expect("the scratch folder can be written to");
}

/// The name of one of the images.
fn name(number: usize) -> String {
    format!("quay.io/bench/image-{number}:1")
}

/// So many images with the same number of layers.
fn bundle(path: &Path, images: usize, layer: usize, scratch: &Path) {
    let mut bundle = FakeBundle::new(path);
    for number in 0..images {
        image(&mut bundle, number, LAYERS / images, layer, scratch);
    }
    bundle.finish();
}

/// An image whose layers a runtime unpacks: archives of noise, of so many bytes each.
fn image(bundle: &mut FakeBundle, number: usize, count: usize, layer: usize, scratch: &Path) {
    let (mut digests, mut layers) = (Vec::new(), Vec::new());
    for layer_number in (number * count..).take(count) {
        data::remove(scratch);
        let (root, packed) = (scratch.join("root"), scratch.join("layer.tar.gz"));
        fs::create_dir_all(&root).expect("the scratch folder can be written to");
        let content = noise(50 + layer_number as u64, layer);
        fs::write(root.join(format!("file-{layer_number}")), content).expect("the scratch folder has room");
        tar(&root, &["-c"], &scratch.join("layer.tar"));
        tar(&root, &["-c", "-z"], &packed);
        digests.push(sha256(&fs::read(scratch.join("layer.tar")).expect("it was written")).to_string());
        layers.push(bundle.stored(LAYER, &fs::read(&packed).expect("it was written")));
    }
    data::remove(scratch);
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux", "config": {}, "rootfs": { "type": "layers", "diff_ids": digests },
    });
    let config = bundle.stored(OCI_CONFIG, config.to_string().as_bytes());
    let mut image = bundle.stored(OCI_MANIFEST, &Manifest::of(config, layers).to_bytes());
    let (architecture, os) = ("amd64".to_owned(), "linux".to_owned());
    image.platform = Some(Platform { architecture, os, os_version: None, os_features: Vec::new(), variant: None });
    bundle.name(&name(number), image);
}

fn tar(root: &Path, how: &[&str], target: &Path) {
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C"]).arg(root).args(how);
    measure::run(tar.arg("-f").arg(target).arg("."));
}

/// A containerd on folders of its own, which are empty; it ends when this is dropped.
struct Node {
    child: Child,
    socket: PathBuf,
    /// With its `ctr` first.
    path: std::ffi::OsString,
    program: PathBuf,
}

impl Node {
    fn start(program: &Path, node: &Path) -> Self {
        let (root, state) = (node.join("var/lib/containerd"), node.join("run/containerd"));
        [&root, &state].iter().for_each(|folder| data::remove(folder));
        let socket = state.join("containerd.sock");
        let config = node.join("etc/containerd/config.toml");
        let text = format!(
            "version = 3\nroot = {root:?}\nstate = {state:?}\n\
             disabled_plugins = [\"io.containerd.cri.v1.images\", \"io.containerd.cri.v1.runtime\", \"io.containerd.grpc.v1.cri\"]\n\
             [grpc]\naddress = {socket:?}\n"
        );
        fs::write(&config, text).expect("the scratch folder can be written to");
        let log = File::create(node.join("containerd.log")).expect("the scratch folder can be written to");
        let folder = program.parent().expect("a program lies in a folder").to_owned();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(folder).chain(std::env::split_paths(&paths)));
        let mut command = Command::new(program);
        command.arg("--config").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().expect("it was built");
        let path = path.expect("a folder of the cache has no colon");
        let mut started = Self { child, socket, path, program: program.to_owned() };
        let end = Instant::now() + BOUND;
        while !started.ctr().arg("version").output().expect("it was built").status.success() {
            let ended = started.child.try_wait().expect("the child can be waited for").is_some();
            let said = || fs::read_to_string(node.join("containerd.log")).unwrap_or_default();
            assert!(!ended && Instant::now() < end, "containerd does not answer: {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
        started
    }

    fn ctr(&self) -> Command {
        let mut command = Command::new(self.program.with_file_name("ctr"));
        command.arg("--address").arg(&self.socket).args(["--namespace", "k8s.io"]);
        command
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended by itself otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
