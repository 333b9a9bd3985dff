//! The system extension of a stock operating system. What systemd makes of it is seen in `builder/tests/sysext.rs`.

use crate::is_wanted;
use crate::site::{Site, file, text};
use kfimg_ignition::tree::{Entry, NodeTree};
use kfimg_profiles::load::{Inputs, load};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const UNIT: &str = "/etc/systemd/system/kfimg-sysext.service";
const SCRIPT: &str = "/etc/kfimg/sysext.sh";
/// What lies in an extension.
const BROUGHT: [&str; 4] = ["/usr/bin/kfimg-agent", "/usr/bin/kubelet", "/usr/bin/containerd", "/opt/cni/bin"];

/// The tree of a node of a stock system.
fn tree(node: &str) -> NodeTree {
    let digest = "0".repeat(64);
    let site = format!(
        "apiVersion: kfimg/v1alpha1\nkind: Cluster\ndelivery: {{bootServer: \"http://192.168.49.2:8080/\"}}\nnodeDefaults:\n  \
         dataDisk: {{path: /dev/sdb}}\n  systemExtension: {{source: images/kfimg.raw, sha256: \"{digest}\"}}\n"
    );
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.yaml"), site).unwrap();
    let inputs = Inputs {
        profile: Some("ha3".to_owned()),
        sites: vec!["site.yaml".into()],
        registry: Some("reg.local".to_owned()),
        folder: folder.path().to_owned(),
        ..Inputs::default()
    };
    let loaded = load(&inputs).map_err(|_| "the site is refused").unwrap();
    Site::new(loaded.cluster).tree(node)
}

#[test]
fn whatever_is_brought_is_waited_for() {
    for node in ["master1", "worker1"] {
        let tree = tree(node);
        let unit = text(&tree, UNIT);
        let zeros = "0".repeat(64);
        assert!(
            unit.contains(&format!(
                "\nExecStart=/bin/sh \\\n    {SCRIPT} \\\n    http://192.168.49.2:8080/images/kfimg.raw \\\n    {zeros}\n"
            )),
            "{unit}"
        );
        assert!(is_wanted(&tree, "kfimg-sysext.service", "multi-user.target"));
        let before: Vec<&str> = unit.lines().filter_map(|line| line.strip_prefix("Before=")).collect();
        let units = tree.entries().filter_map(|(path, entry)| match entry {
            Entry::File(unit) => Some((path.as_str().strip_prefix("/etc/systemd/system/")?, &unit.content)),
            _ => None,
        });
        let uses = |text: &[u8]| BROUGHT.iter().any(|path| String::from_utf8_lossy(text).contains(path));
        let users: Vec<&str> = units.filter(|(_, text)| uses(text)).map(|(name, _)| name).collect();
        assert!(users.len() >= 6, "{users:?}");
        for user in users {
            assert!(before.contains(&user), "{node}: {user} may start before its program is there");
        }
    }
}

#[test]
fn a_system_that_has_all_fetches_nothing() {
    let tree = Site::with(|_| {}).tree("master1");
    assert!(tree.get(UNIT).is_none() && tree.get(SCRIPT).is_none());
}

/// A machine as the script sees it: its folders, and programs that do what the test says.
struct Machine {
    folder: tempfile::TempDir,
    script: String,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = tree("master1");
        assert_eq!(file(&tree, SCRIPT).mode, 0o700);
        let place = |name: &str| folder.path().join(name).display().to_string();
        let script = text(&tree, SCRIPT).replace("/var/lib/extensions", &place("extensions"));
        let script = script.replace("/usr/lib/extension-release.d", &place("merged"));
        assert!(script.contains(&place("extensions")) && script.contains(&place("merged")), "{script}");
        for name in ["bin", "merged"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder, script }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\ncd {}\necho {name} >>calls\n{text}\n", self.folder.path().display()))
            .unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs the script for a served file of this content; gives what it said and which programs it called.
    fn run(&self, wanted: &[u8]) -> (String, Vec<String>) {
        fs::write(self.path("calls"), "").unwrap();
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(wanted));
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        let mut sh = Command::new("timeout");
        sh.args(["60", "sh", "-c", &self.script, "sh"]).arg(format!("file://{}", self.path("served").display()));
        let output = sh.arg(digest).env("PATH", path).output().unwrap();
        let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{said}");
        let calls = fs::read_to_string(self.path("calls")).unwrap();
        (said, calls.lines().map(str::to_owned).collect())
    }

    fn kept(&self) -> Vec<u8> {
        let names: Vec<_> =
            fs::read_dir(self.path("extensions")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["kfimg.raw"]);
        fs::read(self.path("extensions/kfimg.raw")).unwrap()
    }
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn the_extension_is_fetched_until_it_is_the_right_one_and_merged_until_it_is_there() {
    let machine = Machine::new();
    // What happens while the script waits: somebody serves another file, then the right one, and systemd needs two tries.
    machine.program("sleep", "if [ -e served ]; then printf right >served; else printf other >served; fi");
    machine.program(
        "systemd-sysext",
        "[ \"$1\" = refresh ] || exit 9; if [ -e tried ]; then : >merged/extension-release.kfimg; fi; : >tried",
    );
    let (said, calls) = machine.run(b"right");
    assert_eq!(calls, ["sleep", "sleep", "systemd-sysext", "sleep", "systemd-sysext"], "{said}");
    assert_eq!((count(&said, "SYSEXT_CHANGED"), count(&said, "SYSEXT_REFUSED")), (1, 1), "{said}");
    assert_eq!(count(&said, "is asked again in 5 s"), 2, "{said}");
    assert_eq!(machine.kept(), b"right");

    // Another boot, in which systemd has merged it already, and nobody serves it.
    fs::remove_file(machine.path("served")).unwrap();
    let (said, calls) = machine.run(b"right");
    assert!(calls.is_empty() && said.lines().count() == 1, "{calls:?} {said}");

    // A boot in which it lies there, but is not merged yet.
    fs::remove_file(machine.path("merged/extension-release.kfimg")).unwrap();
    assert_eq!(machine.run(b"right").1, ["systemd-sysext"]);

    // A payload with another one, while the former one is merged.
    fs::write(machine.path("served"), "newer").unwrap();
    assert_eq!(machine.run(b"newer").1, ["systemd-sysext"]);
    assert_eq!(machine.kept(), b"newer");

    // A disk that has lost a bit.
    fs::write(machine.path("extensions/kfimg.raw"), "newest").unwrap();
    assert_eq!(machine.run(b"newer").1, ["systemd-sysext"]);
    assert_eq!(machine.kept(), b"newer");
    assert!(Path::new(&machine.path("merged/extension-release.kfimg")).exists());
}
