//! What `kfimg diff` says about real renders: word for word, in 80 columns; what it refuses; what it never tells.

#![allow(clippy::unwrap_used)]

mod support;

#[path = "diff/channels.rs"]
mod channels;

use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::program::{empty_folder, succeed};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");

/// Renders of one cluster: `old`, and then one for each change, all from the state after `old`.
struct Place {
    folder: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let place = Self { folder: empty_folder(&format!("diff/{name}")) };
        place.render("old", &[]);
        succeed(Command::new("cp").args(["-r", "state", "first"]).current_dir(&place.folder));
        place
    }

    fn kfimg(&self, arguments: &[&str]) -> Output {
        Command::new(KFIMG).args(arguments).current_dir(&self.folder).output().unwrap()
    }

    fn render(&self, output: &str, options: &[&str]) {
        let has = |name: &str| options.iter().any(|option| option.starts_with(name));
        let mut arguments = vec!["render", "--profile", "ha3", "--state", "state", "-o", output];
        if !has("--registry") {
            arguments.extend(["--registry", "reg.local"]);
        }
        if !has("kubernetesVersion") {
            arguments.extend(["--set", "kubernetesVersion=v1.35.4"]);
        }
        succeed(Command::new(KFIMG).args(arguments).args(options).current_dir(&self.folder));
    }

    /// Renders a change of the first render.
    fn change(&self, output: &str, options: &[&str]) {
        fs::remove_dir_all(self.folder.join("state")).unwrap();
        succeed(Command::new("cp").args(["-r", "first", "state"]).current_dir(&self.folder));
        self.render(output, options);
    }

    fn site(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.join(name), text).unwrap();
        name.to_owned()
    }

    fn said(&self, arguments: &[&str]) -> String {
        let output = self.kfimg(&[&["diff"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, new: &str) -> Value {
        serde_json::from_str(&self.said(&["--output-format", "json", "old", new])).unwrap()
    }
}

/// What no two runs have in common, in the same width.
fn without_chance(text: &str) -> String {
    let is_date = |word: &str| {
        let shape: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        shape.trim_end_matches([';', ',']) == "0000-00-00"
    };
    let is_uid = |word: &str| word.trim_matches(['(', ')', '.']).len() == 36 && word.matches('-').count() == 4;
    let word = |word: &str| match word {
        word if is_date(word) => word.replace(|c: char| c.is_ascii_digit(), "0"),
        word if is_uid(word) => word.replace(|c: char| c.is_ascii_hexdigit(), "0"),
        word => word.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

/// Every change with the options that make it from the first render.
fn changes(place: &Place) -> Vec<(&'static str, Vec<String>)> {
    let site = |name: &str, text: &str| vec!["--site".to_owned(), place.site(name, text)];
    place.site(
        "objects.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: default}\ndata: {x: '1'}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: b, namespace: default}\nstringData: {password: hunter2}\n",
    );
    vec![
        ("version", vec!["--set".to_owned(), "kubernetesVersion=v1.36.3".to_owned()]),
        // Certificates that are issued now end on another day than the former ones.
        (
            "vip",
            site(
                "vip.yaml",
                "controlPlaneEndpoint: {address: 192.168.49.160}\npki: {certificateValidityPeriod: 8760h}\n",
            ),
        ),
        (
            "settings",
            site(
                "settings.yaml",
                "apiServer: {extraArgs: [{name: event-ttl, value: 2h}], admission: {enable: [AlwaysPullImages]}}\n\
                 kubelet: {maxPods: 200}\nkubeProxy: {mode: iptables}\ncontainerd: {snapshotter: erofs}\n\
                 networking: {hosts: [{address: 192.0.2.7, names: [db]}]}\nnodeDefaults: {sysctls: {vm.swappiness: '1'}}\n\
                 etcd: {snapshot: {retain: 3}}\ntime: {servers: [192.0.2.1]}\nusers: [{name: ops, sshAuthorizedKeys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Yk9fC8m1tYcQ7pJq1Zc9bD5kXgqv0yJ3m0mU5u2xT ops@site]}]\n",
            ),
        ),
        (
            "workers",
            site(
                "workers.yaml",
                "nodes:\n- {name: worker2, $patch: delete}\n- {name: worker3, role: worker, address: 192.168.49.163}\n\
                 - {name: worker4, role: worker, address: 192.168.49.164}\n",
            ),
        ),
        (
            "member",
            site(
                "member.yaml",
                "nodes:\n- {name: master3, $patch: delete}\n- {name: master4, role: control-plane, address: 192.168.49.154}\n",
            ),
        ),
        ("objects", site("manifests.yaml", "manifests: [objects.yaml]\n")),
        ("registry", vec!["--registry".to_owned(), "other.local:5000".to_owned()]),
        ("boot-server", vec!["--set".to_owned(), "delivery.bootServer=http://192.0.2.9:8080".to_owned()]),
        (
            "boot",
            site(
                "boot.yaml",
                "delivery: {bootServer: 'http://192.0.2.9:8080', pxe: {kernel: images/new/vmlinuz, initrd: [images/new/initrd, images/new/root.img], arguments: [roothash=abc]}}\n",
            ),
        ),
        ("recovery", site("recovery.yaml", "etcd: {incarnation: 2, recoverFrom: master2, without: [master3]}\n")),
        (
            "ranges",
            site(
                "ranges.yaml",
                "networking: {podSubnet: 10.8.0.0/16, serviceSubnet: 10.9.0.0/16, dnsDomain: other.local}\npki: {certificateValidityPeriod: 8760h}\n",
            ),
        ),
    ]
}

#[test]
fn every_change_is_told_as_the_golden_files_show() {
    let place = Place::new("golden");
    let mut all = Vec::new();
    for (name, options) in changes(&place) {
        place.change(name, &options.iter().map(String::as_str).collect::<Vec<_>>());
        all.push(name);
    }
    place.change("renewed-state", &[]);
    let validity = ["--set", "pki.certificateValidityPeriod=8760h"];
    let common =
        ["--profile", "ha3", "--registry", "reg.local", "--set", "kubernetesVersion=v1.35.4", "--state", "state"];
    let renew = [&["pki", "renew", "master1", "worker1"], &common[..], &validity].concat();
    assert!(place.kfimg(&renew).status.success());
    place.render("renewed", &validity);
    all.extend(["renewed", "old"]);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/diff");
    let update = std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some();
    let mut differing = Vec::new();
    for name in all {
        let text = without_chance(&place.said(&["old", name]));
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert!(wide.is_none(), "{name}: {wide:?}");
        let path = golden.join(format!("{name}.txt"));
        if update {
            fs::create_dir_all(&golden).unwrap();
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            differing.push(format!("{}:\n{text}", path.display()));
        }
        no_two_members_at_once(&place.json(name));
    }
    assert!(differing.is_empty(), "run `make golden` if this is meant:\n{}", differing.join("\n"));
    nothing_secret_is_told(&place);
}

/// Unless etcd begins a new incarnation, which has no majority before all have booted.
fn no_two_members_at_once(difference: &Value) {
    let dangers = difference["dangers"].as_array().unwrap();
    if dangers.iter().any(|danger| danger["code"] == "incarnation") {
        return;
    }
    let mut booted_worker = false;
    let steps = difference["steps"].as_array().unwrap();
    for step in steps.iter().filter(|step| step["action"] != "later") {
        let nodes: Vec<&str> = step["nodes"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let members = nodes.iter().filter(|name| name.starts_with("master")).count();
        assert!(members <= 1, "{step}");
        assert!(members == 0 || !booted_worker, "workers come after control planes: {difference}");
        booted_worker |= nodes.iter().any(|name| name.starts_with("worker"));
    }
}

/// Neither words nor lines nor JSON hold a value that only a node's root may read.
fn nothing_secret_is_told(place: &Place) {
    let mut secrets = BTreeSet::from(["hunter2".to_owned(), "aHVudGVyMg==".to_owned()]);
    for entry in fs::read_dir(place.folder.join("state/pki")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let is_key = path.extension().is_some_and(|extension| extension == "key");
        secrets
            .extend(text.lines().filter(|line| is_key && line.len() > 40 && !line.starts_with('-')).map(str::to_owned));
    }
    assert!(secrets.len() > 5, "{secrets:?}");
    for name in ["objects", "renewed", "settings", "recovery"] {
        for arguments in [&["-v", "old", name][..], &["-v", "--output-format", "json", "old", name]] {
            let text = place.said(arguments);
            assert!(!text.contains("PRIVATE"), "{name}");
            secrets.iter().for_each(|secret| assert!(!text.contains(secret.as_str()), "{name} {secret}"));
        }
    }
}

#[test]
fn more_lines_are_shown_on_demand_and_exit_codes_tell_programs() {
    let place = Place::new("codes");
    place.change("new", &["--set", "kubelet.maxPods=150"]);
    assert!(!place.said(&["old", "new"]).contains("+maxPods"));
    let verbose = place.said(&["-v", "old", "new"]);
    assert!(
        verbose.contains("  /etc/kubernetes/kubelet-config.yaml\n") && verbose.contains("    +maxPods: 150\n"),
        "{verbose}"
    );
    assert!(!verbose.contains("plan.json"), "{verbose}");
    for (arguments, code) in [
        (&["--exit-code", "old", "new"][..], 8),
        (&["--exit-code", "new", "new"], 0),
        (&["old", "new"], 0),
        (&["old", "gone"], 4),
        (&["old", "first"], 4),
        (&["old", "vip.yaml"], 4),
    ] {
        let output = place.kfimg(&[&["diff"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

#[test]
fn a_payload_in_another_version_of_the_format_is_the_same_payload() {
    let place = Place::new("format");
    place.change("new", &["--ignition-version", "3.4.0"]);
    let said = place.said(&["--exit-code", "old", "new"]);
    assert!(
        said.contains("5 nodes, 5 written otherwise") && said.ends_with("No machine has to boot again.\n"),
        "{said}"
    );
}

#[test]
fn everything_that_is_damaged_is_named_at_once() {
    let place = Place::new("damaged");
    succeed(Command::new("cp").args(["-r", "old", "new"]).current_dir(&place.folder));
    let worker = place.folder.join("new/nodes/worker1/ignition.json");
    fs::write(&worker, fs::read_to_string(&worker).unwrap().replace("maxPods", "minPods")).unwrap();
    fs::remove_file(place.folder.join("new/nodes/worker2/ignition.json")).unwrap();
    let refused = |code: i32, parts: &[&str]| {
        let output = place.kfimg(&["diff", "old", "new"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(output.stdout.is_empty());
        parts.iter().for_each(|part| assert!(said.contains(part), "{part}: {said}"));
    };
    refused(
        5,
        &[
            "new/nodes/worker1/ignition.json: the file is not what",
            "worker2/ignition.json: the file is missing",
            "2 files",
        ],
    );
    fs::copy(place.folder.join("old/nodes/worker1/ignition.json"), &worker).unwrap();
    refused(4, &["worker2/ignition.json: the file is missing"]);
    fs::copy(place.folder.join("old/nodes/worker2/ignition.json"), worker.with_file_name("../worker2/ignition.json"))
        .unwrap();
    // What all machines share, and what people look at.
    fs::remove_file(place.folder.join("new/report.html")).unwrap();
    refused(4, &["new/report.html: the file is missing"]);
    for file in ["vmware/deploy.sh", "pxe/boot.ipxe", "pxe/node-worker1.ipxe", "images.txt"] {
        let path = place.folder.join("new").join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}#\n")).unwrap();
        refused(5, &[&format!("new/{file}: the file is not what")]);
    }
    fs::write(place.folder.join("new/manifest.json"), "{}").unwrap();
    refused(5, &["new/manifest.json: missing field"]);
    fs::rename(place.folder.join("new/manifest.json"), place.folder.join("new/build.json")).unwrap();
    refused(4, &["new: this is a build of `kfimg build`, and no output of `kfimg render`"]);
    fs::remove_dir_all(place.folder.join("new")).unwrap();
    refused(4, &["new: there is no such folder"]);
}

#[test]
fn folders_in_the_wrong_order_and_other_clusters_are_told_before_all_else() {
    let place = Place::new("dangers");
    place.change("new", &["--set", "kubernetesVersion=v1.36.3"]);
    let codes = |old: &str, new: &str| -> Vec<String> {
        let said = place.said(&["--output-format", "json", old, new]);
        let difference: Value = serde_json::from_str(&said).unwrap();
        let dangers = difference["dangers"].as_array().unwrap().clone();
        dangers.iter().map(|danger| danger["code"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(codes("new", "old"), ["generation-lower", "version-back"]);
    place.change("beside", &["--set", "kubelet.maxPods=150"]);
    assert_eq!(codes("beside", "new"), ["generation-same"]);
    fs::remove_dir_all(place.folder.join("state")).unwrap();
    place.render("other", &[]);
    assert_eq!(codes("old", "other"), ["other-cluster"]);
    let said = place.said(&["old", "other"]);
    assert!(said.contains("! these are two clusters: ha3 (") && !said.contains("In this order"), "{said}");
}
