//! The incarnations of etcd through one state folder: what each render puts into the plans of the members, and what is refused.
//!
//! What the members do with it is tested in crate `agent` and with real machines.

#![allow(clippy::unwrap_used)]

mod support;

use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::payload::Payload;
use support::program::{both, empty_folder, run};

const MEMBERS: [&str; 3] = ["master1", "master2", "master3"];
const HASH: &str = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08";

/// One cluster's folder: description, state and output.
struct Site {
    folder: PathBuf,
}

impl Site {
    fn new(name: &str) -> Self {
        Self { folder: empty_folder(&format!("recovery/{name}")) }
    }

    /// Renders `ha3` with this layer.
    fn try_render(&self, layer: &str) -> Output {
        fs::write(self.folder.join("site.yaml"), format!("clusterName: demo\n{layer}")).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        run(kfimg.current_dir(&self.folder).args(["render", "--profile", "ha3", "--site", "site.yaml"]))
    }

    /// The same; it must succeed. Gives what it said.
    fn render(&self, layer: &str) -> String {
        let output = self.try_render(layer);
        assert!(output.status.success(), "{layer}\n{}", both(&output));
        both(&output)
    }

    fn plan(&self, node: &str) -> Value {
        Payload::read(&self.folder.join(format!("out/nodes/{node}/ignition.json"))).plan()
    }

    /// What the plan of a member says of its incarnation. All members must say the same.
    fn incarnation(&self) -> Value {
        let incarnation = |node| {
            let plan = self.plan(node);
            let said = ["recoverFrom", "restore", "without", "discard"].map(|key| plan["etcd"][key].clone());
            json!([plan["generation"], plan["cluster"]["incarnation"], said])
        };
        let incarnations = MEMBERS.map(incarnation);
        assert!(incarnations.iter().all(|other| *other == incarnations[0]), "{incarnations:?}");
        incarnations[0].clone()
    }

    fn bootstrap_not_after(&self) -> i64 {
        self.plan("master1")["etcd"]["bootstrapNotAfter"].as_i64().unwrap()
    }
}

/// Path and content of every file below a folder.
fn picture(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(picture(&entry));
        } else {
            found.push((entry.clone(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_lost_quorum_is_recovered_by_the_next_incarnation_and_its_words_go_when_it_stands() {
    let site = Site::new("recover-from");
    site.render("");
    assert_eq!(site.incarnation(), json!([1, 1, [null, null, [], []]]));
    let first = site.bootstrap_not_after();
    site.render("etcd: {bootstrapWindow: 720h, incarnation: 1}\n");
    assert_eq!(
        (site.incarnation()[0].clone(), site.bootstrap_not_after()),
        (json!(1), first),
        "fixed at the first render"
    );

    let recover = "etcd: {incarnation: 2, recoverFrom: master2, without: [master3], bootstrapWindow: 720h}\n";
    let said = site.render(recover);
    assert!(!said.contains("nobody's data"), "{said}");
    assert_eq!(site.incarnation(), json!([2, 2, ["master2", null, ["master3"], []]]));
    assert_eq!(site.plan("worker1")["cluster"]["incarnation"], 2);
    let second = site.bootstrap_not_after();
    assert!(second < first, "a window of its own: a month instead of a year");

    let before = picture(&site.folder);
    site.render(recover);
    assert_eq!(before, picture(&site.folder), "an unchanged render changes nothing");

    site.render("etcd: {incarnation: 2, discard: [master3]}\n");
    assert_eq!(site.incarnation(), json!([3, 2, [null, null, [], ["master3"]]]));
    assert_eq!(site.bootstrap_not_after(), second);
    site.render(recover);
    assert_eq!(site.incarnation()[2][0], "master2", "what it began with may be said again");
}

#[test]
fn a_snapshot_begins_an_incarnation_and_its_file_may_be_named_anew() {
    let site = Site::new("restore");
    site.render("");
    let restore =
        |file: &str| format!("etcd: {{incarnation: 2, restore: {{node: master1, file: {file}, sha256: {HASH}}}}}\n");
    site.render(&restore("/var/lib/kfimg/snapshots/a.db"));
    let named = |file: &str| json!({"node": "master1", "file": file, "sha256": HASH.to_lowercase()});
    assert_eq!(site.incarnation(), json!([2, 2, [null, named("/var/lib/kfimg/snapshots/a.db"), [], []]]));
    site.render(&restore("/srv/b.db"));
    assert_eq!(site.incarnation(), json!([3, 2, [null, named("/srv/b.db"), [], []]]));
}

#[test]
fn a_next_incarnation_of_nobody_is_rendered_with_a_warning() {
    let site = Site::new("nobody");
    site.render("");
    let said = site.render("etcd: {incarnation: 2}\n");
    assert!(said.contains("incarnation 2 of etcd begins with nobody's data"), "{said}");
    assert_eq!(site.incarnation(), json!([2, 2, [null, null, [], []]]));
    let said = site.render("etcd: {incarnation: 2}\n");
    assert!(!said.contains("nobody's data"), "once: {said}");
}

#[test]
fn an_incarnation_never_goes_back_and_never_begins_in_two_ways() {
    let site = Site::new("refused");
    site.render("");
    site.render("etcd: {incarnation: 2, recoverFrom: master2, without: [master3]}\n");
    let before = picture(&site.folder.join("out"));
    let state = picture(&site.folder.join("demo.state"));
    let table = [
        ("", "incarnation-goes-back", "incarnation 2 of etcd was rendered, and it would go back to 1"),
        ("etcd: {incarnation: 1}\n", "incarnation-goes-back", "site.yaml:2:21"),
        (
            "etcd: {incarnation: 2, recoverFrom: master1}\n",
            "incarnation-begun",
            "incarnation 2 of etcd was rendered with the data of `master2`",
        ),
        ("etcd: {incarnation: 2, recoverFrom: master1}\n", "incarnation-begun", "site.yaml:2:37"),
        (
            "etcd: {incarnation: 2, restore: {node: master2, file: /srv/a.db}}\n",
            "incarnation-begun",
            "incarnation 2 of etcd was rendered without it",
        ),
        (
            "etcd: {incarnation: 2, recoverFrom: master2, without: [master3, master1]}\n",
            "incarnation-begun",
            "incarnation 2 of etcd was rendered to wait for `master1`",
        ),
    ];
    for (layer, code, message) in table {
        let output = site.try_render(layer);
        let said = both(&output);
        assert_eq!(output.status.code(), Some(3), "{layer}{said}");
        for part in [code, message, "nothing was written", "help: write `etcd.incarnation: "] {
            assert!(said.contains(part), "{part} in\n{layer}{said}");
        }
    }
    assert_eq!(before, picture(&site.folder.join("out")));
    assert_eq!(state, picture(&site.folder.join("demo.state")));
    site.render("etcd: {incarnation: 3, recoverFrom: master1, without: [master2, master3]}\n");
    assert_eq!(site.incarnation(), json!([3, 3, ["master1", null, ["master2", "master3"], []]]));
}

#[test]
fn a_new_state_folder_has_nothing_to_recover() {
    let site = Site::new("new-state");
    let output = site.try_render("etcd: {incarnation: 2, recoverFrom: master2}\n");
    let said = both(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("nothing-to-recover") && said.contains("--state DIR"), "{said}");
    assert!(!site.folder.join("out").exists());
    site.render("etcd: {incarnation: 2, restore: {node: master2, file: /srv/a.db}}\n");
}
