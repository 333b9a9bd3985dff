//! A node's payload at its first boot: Ignition with what a kfimg image does around it, against Ignition alone, against the cloud-init of
//! a Debian with the same node's user-data, and against unpacking the same files from an archive. Each writes into an empty folder,
//! and is done when that is synced.
//!
//! It needs root, Ignition, and the agent beside kfimg (`KFIMG_BENCH_AGENT` names another); the Debian is one that
//! `make cloud-init-test` has made. Left out are stages that have nothing to do here, what a boot waits for (disks, servers), and
//! `payload fetch`, which runs Ignition where an initrd has it. The data partition has no file system yet.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use data_encoding::BASE64;

use crate::Bench;
use crate::data::{self, noise};
use crate::kept::{MACHINE, kept};
use crate::measure::{Contender, judge, milliseconds, race, timed};
use crate::program;

/// The node whose payload it is.
const NODE: &str = "master1";
/// Objects of the site's own that make a payload of 120 files and 5 MB, and bytes of each before base64.
const MANIFESTS: u64 = 28;
const MANIFEST: usize = 128 << 10;
/// Where Debian keeps Ignition.
const IGNITION: &str = "/usr/lib/dracut/modules.d/30ignition/ignition";
/// What every base of kfimg has there; an Ignition that was built for SELinux looks at it.
const SELINUX: &str = "SELINUX=disabled\nSELINUXTYPE=none\n";
/// What Ignition leaves beside the payload's files.
const RESULT: &str = ".ignition-result.json";
/// Bytes of the data partition, all of them zero.
const PARTITION: u64 = 64 << 20;
/// Bytes of what a program said that a failure shows.
const WORDS: usize = 2 << 10;
/// The Debian whose cloud-init it is.
const RELEASE: &str = "trixie";
/// Its first stage, which lays a payload of kfimg down.
const CLOUD_INIT: &str = r#"
# As `ds-identify` does before.
mkdir run/cloud-init
echo 'datasource_list: [ NoCloud, None ]' >run/cloud-init/cloud.cfg
# The shell stays, and is outside: by that systemctl knows that it has nothing to do.
chroot . cloud-init init --local || exit 1
"#;

/// Measures all of them.
pub(crate) fn run(bench: &Bench) {
    if !rustix::process::geteuid().is_root() {
        return println!("who is not root can't lay a payload down: that is left out");
    }
    let Some(agent) = program::agent(&bench.kfimg) else { return };
    let debians = Path::new(IGNITION).is_file().then(|| IGNITION.into());
    let Some(ignition) = debians.or_else(|| program::installed("ignition")) else { return };
    let node = Node::new(bench, agent, ignition);
    let debian = debian();
    // It is what the archive is made of, and warms everything up.
    node.ignition("ignition");
    node.pack("ignition");
    let mut contenders = vec![
        Contender::new("kfimg: choose, Ignition, keep", || node.kfimg("kfimg")),
        Contender::new("Ignition alone", || node.ignition("ignition")),
        Contender::new("limit: the files unpacked by tar", || node.unpack("limit")),
    ];
    if let Some(debian) = &debian {
        contenders.push(Contender::new("cloud-init, its first stage", || node.cloud_init(debian, "cloud-init")));
    }
    let medians = race("a payload of 5 MB and 120 files, synced", bench.rounds, &mut contenders);
    drop(contenders);
    println!("  kfimg against the limit {:.2}", medians[0] / medians[2]);
    let places = ["kfimg", "ignition"].into_iter().chain(debian.is_some().then_some("cloud-init/upper"));
    places.for_each(|place| node.is_as_in_archive(place));

    let took = milliseconds(medians[0]);
    judge("P22/ignition", "a payload at the first boot, against Ignition alone", &took, medians[0] / medians[1]);
    if let Some(cloud_init) = medians.get(3) {
        judge("P22/cloud-init", "a payload at the first boot, against cloud-init", &took, medians[0] / cloud_init);
    }
    data::remove(&node.folder);
}

/// Where `make cloud-init-test` keeps its Debian.
fn debian() -> Option<PathBuf> {
    let found = Some(kept(RELEASE)).filter(|path| path.is_dir());
    if found.is_none() {
        println!("there is no Debian with cloud-init, which `make cloud-init-test` makes: cloud-init is left out");
    }
    found
}

/// A node's payloads, and who lays them down.
struct Node {
    /// Where everything is written.
    folder: PathBuf,
    payloads: PathBuf,
    agent: PathBuf,
    ignition: PathBuf,
    /// With what an initrd has in the place of `setfiles`: an Ignition that was built for SELinux calls it for every file.
    path: std::ffi::OsString,
}

impl Node {
    fn new(bench: &Bench, agent: PathBuf, ignition: PathBuf) -> Self {
        let folder = bench.fresh("apply");
        let tools = folder.join("tools");
        fs::create_dir_all(&tools).expect("the scratch folder can be written to");
        std::os::unix::fs::symlink("/bin/true", tools.join("setfiles")).expect("the scratch folder can be written to");
        render(&bench.kfimg, &folder);
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&paths)));
        let path = path.expect("a scratch folder has no colon");
        Self { payloads: folder.join("out/nodes").join(NODE), folder, agent, ignition, path }
    }

    /// An empty root with the disk that a machine has.
    fn empty(&self, name: &str) -> PathBuf {
        let root = self.folder.join(name);
        data::remove(&root);
        let write = || -> std::io::Result<()> {
            for folder in ["run", "etc/selinux", "dev/disk/by-partlabel"] {
                fs::create_dir_all(root.join(folder))?;
            }
            fs::write(root.join("etc/selinux/config"), SELINUX)?;
            File::create(root.join("dev/disk/by-partlabel/kfimg-data"))?.set_len(PARTITION)
        };
        write().expect("the scratch folder can be written to");
        sync(&root);
        root
    }

    /// What a kfimg image does, in its order.
    fn kfimg(&self, name: &str) -> Duration {
        let root = self.empty(name);
        let agent = |words: &[&str]| succeed(Command::new(&self.agent).arg("--root").arg(&root).args(words));
        timed(|| {
            self.stage(&root, "fetch");
            agent(&["payload", "choose"]);
            self.stage(&root, "files");
            agent(&["keep"]);
            sync(&root);
        })
    }

    fn ignition(&self, name: &str) -> Duration {
        let root = self.empty(name);
        timed(|| {
            self.stage(&root, "fetch");
            self.stage(&root, "files");
            sync(&root);
        })
    }

    /// One stage of Ignition, with what it keeps between stages where the agent looks for it.
    fn stage(&self, root: &Path, stage: &str) {
        let mut command = Command::new(&self.ignition);
        let kept = |option: &str, name: &str| format!("--{option}={}", root.join("run").join(name).display());
        command.arg(format!("--root={}", root.display())).arg(format!("--stage={stage}"));
        command.args([kept("config-cache", "ignition.json"), kept("state-file", "state"), kept("neednet", "neednet")]);
        command.args(["--platform=file", "--log-to-stdout"]).env("PATH", &self.path);
        succeed(command.env("IGNITION_CONFIG_FILE", self.payloads.join("ignition.json")));
    }

    fn cloud_init(&self, debian: &Path, name: &str) -> Duration {
        let place = self.folder.join(name);
        data::remove(&place);
        let seed = place.join("upper/var/lib/cloud/seed/nocloud");
        for folder in [&seed, &place.join("work"), &place.join("root")] {
            fs::create_dir_all(folder).expect("the scratch folder can be written to");
        }
        for file in ["user-data", "meta-data", "network-config"] {
            fs::copy(self.payloads.join(file), seed.join(file)).expect("the node was rendered");
        }
        sync(&place);
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--uts", "--net"]);
        unshare.args(["bash", "-euc", &[MACHINE, CLOUD_INIT].concat(), "bash"]).arg(debian).arg(&place);
        timed(|| {
            succeed(&mut unshare);
            sync(&place);
        })
    }

    /// Makes the archive of what Ignition laid down: the payload's files, all of which are below `/etc`.
    fn pack(&self, name: &str) {
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(self.folder.join(name)).arg("-cf").arg(self.archive());
        succeed(tar.arg(format!("--exclude=etc/{RESULT}")).arg("--exclude=etc/selinux").arg("etc"));
        let listed = Command::new("tar").arg("-tvf").arg(self.archive()).output().expect("tar is there").stdout;
        let files = String::from_utf8_lossy(&listed).lines().filter(|line| line.starts_with('-')).count();
        let payload = fs::metadata(self.payloads.join("ignition.json")).expect("the node was rendered");
        println!("the payload has {files} files in {} bytes", payload.len());
    }

    fn unpack(&self, name: &str) -> Duration {
        let root = self.empty(name);
        timed(|| {
            succeed(Command::new("tar").arg("-C").arg(&root).arg("-xpf").arg(self.archive()));
            sync(&root);
        })
    }

    fn archive(&self) -> PathBuf {
        self.folder.join("files.tar")
    }

    /// Every file of the archive is there, as it is in the archive.
    fn is_as_in_archive(&self, name: &str) {
        let mut tar = Command::new("tar");
        // Only when they were written may differ.
        tar.arg("-C").arg(self.folder.join(name)).arg("-df").arg(self.archive()).env("LC_ALL", "C");
        let output = tar.output().expect("tar is there");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let differs: Vec<&str> = said.lines().filter(|line| !line.ends_with(": Mod time differs")).collect();
        assert!(differs.is_empty(), "{name}: {differs:#?}");
    }
}

/// Renders the profile `ha3` with objects of the site's own, for Ignition and for cloud-init.
fn render(kfimg: &Path, folder: &Path) {
    let write = |name: &str, text: String| {
        fs::write(folder.join(name), text).expect("the scratch folder can be written to");
    };
    let mut site = "apiVersion: kfimg/v1alpha1\nkind: Cluster\nmanifests:\n".to_owned();
    for number in 0..MANIFESTS {
        let head = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: site-{number}}}\n");
        let value = BASE64.encode(&noise(200 + number, MANIFEST));
        write(&format!("site-{number}.yaml"), format!("{head}binaryData: {{value: {value}}}\n"));
        let _ = writeln!(site, "- site-{number}.yaml");
    }
    write("site.yaml", site);
    let mut render = Command::new(kfimg);
    render.current_dir(folder).args(["render", "--quiet", "--profile", "ha3", "--site", "site.yaml"]);
    render.args(["--registry", "reg.local", "--set", "registry.address=192.168.49.9"]);
    succeed(render.args(["--channel", "ignition", "--channel", "nocloud"]));
}

/// Sees all of a folder's file system on the disk.
fn sync(folder: &Path) {
    succeed(Command::new("sync").arg("-f").arg(folder));
}

/// Runs a program to its end, which must be good.
fn succeed(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?} can be started: {error}"));
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        // Ignition shows all of a payload before it says what is wrong.
        let last = String::from_utf8_lossy(&said[said.len().saturating_sub(WORDS)..]).into_owned();
        panic!("{command:?}: {last}");
    }
}
