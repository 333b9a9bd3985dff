//! Keys that all control planes share are rotated in three renders, each of which changes control planes alone.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use support::document::{read, shell};
use support::fenced;
use support::payload::Payload;
use support::program::{both, empty_folder, run};
use support::steps::{chapter, walk};

fn kfimg(folder: &Path, words: &[&str]) -> Output {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    run(kfimg.current_dir(folder).args(words).args(["--profile", "ha3", "--registry", "reg.local"]))
}

fn said(folder: &Path, words: &[&str]) -> String {
    let output = kfimg(folder, words);
    assert!(output.status.success(), "{words:?}: {}", both(&output));
    both(&output)
}

/// Names of the encryption keys in their order, the number of keys that verify tokens, and whether the worker changed.
fn rendered(folder: &Path) -> (Vec<String>, usize, u64) {
    said(folder, &["render", "--channel", "ignition"]);
    let node = |name: &str| Payload::read(&PathBuf::from(folder).join(format!("out/nodes/{name}/ignition.json")));
    let master = node("master2");
    let text = |path: &str| String::from_utf8_lossy(&master.files()[path]).into_owned();
    let path = master.files().keys().find(|path| path.contains("encryption")).unwrap().clone();
    let configuration = text(&path);
    let first = configuration.split("secretbox").nth(1).unwrap().split("aescbc").next().unwrap().to_owned();
    let names = first.match_indices("encryption-").map(|(at, _)| first[at..at + "encryption-1".len()].to_owned());
    let generation = node("worker1").plan()["generation"].as_u64().unwrap();
    (names.collect(), text("/etc/kubernetes/pki/sa.pub").matches("BEGIN PUBLIC KEY").count(), generation)
}

#[test]
fn each_step_says_what_comes_next_and_the_last_one_has_to_be_asked_for() {
    let folder = empty_folder("rotate/steps");
    assert_eq!(rendered(&folder), (vec!["encryption-1".to_owned()], 1, 1));
    for what in ["service-account", "encryption"] {
        let renew = ["pki", "renew", "--what", what];
        let drop = ["pki", "renew", "--what", what, "--drop-old"];
        let early = kfimg(&folder, &drop);
        assert_eq!(early.status.code(), Some(2), "{}", both(&early));
        assert!(both(&early).contains("there is no old key to drop"), "{}", both(&early));
        assert!(said(&folder, &renew).contains(&format!("Added a key; {what}-1, {what}-2")));
        rendered(&folder);
        assert!(both(&kfimg(&folder, &drop)).contains("not in use yet"));
        let used = said(&folder, &renew);
        assert!(used.contains(&format!("{what}-2, {what}-1")) && used.contains("--drop-old"), "{used}");
        rendered(&folder);
        let refused = kfimg(&folder, &renew);
        assert_eq!(refused.status.code(), Some(2), "{}", both(&refused));
        assert!(both(&refused).contains("--drop-old"), "{}", both(&refused));
    }
    let both_keys = vec!["encryption-2".to_owned(), "encryption-1".to_owned()];
    assert_eq!(rendered(&folder), (both_keys, 2, 1), "no worker has these keys");
    said(&folder, &["pki", "renew", "--what", "encryption", "--drop-old"]);
    said(&folder, &["pki", "renew", "--what", "service-account", "--drop-old"]);
    assert_eq!(rendered(&folder), (vec!["encryption-2".to_owned()], 1, 1));
}

/// Whoever says a command twice by mistake would skip the boots in between.
#[test]
fn no_step_is_made_before_the_last_one_is_in_payloads() {
    let folder = empty_folder("rotate/unrendered");
    rendered(&folder);
    for what in ["service-account", "encryption"] {
        let renew = ["pki", "renew", "--what", what];
        let drop = ["pki", "renew", "--what", what, "--drop-old"];
        for (step, next) in [(&renew[..], &renew[..]), (&renew, &drop)] {
            said(&folder, step);
            let state = || std::fs::read(folder.join("ha3.state/state.json")).unwrap();
            let before = state();
            let refused = kfimg(&folder, next);
            assert_eq!(refused.status.code(), Some(2), "{step:?} {next:?}: {}", both(&refused));
            assert!(both(&refused).contains("kfimg render, boot every control plane"), "{}", both(&refused));
            assert!(before == state(), "nothing is written");
            rendered(&folder);
        }
        said(&folder, &drop);
    }
}

#[test]
fn options_that_do_not_belong_together_are_refused() {
    let folder = empty_folder("rotate/usage");
    said(&folder, &["render", "--channel", "ignition"]);
    let cases: [(&[&str], &str); 4] = [
        (&["--drop-old"], "goes with --what"),
        (&["--what", "encryption", "master1"], "all control planes share these keys"),
        (&["--what", "service-account", "--before", "30"], "all control planes share these keys"),
        (&["--what", "passwords"], "invalid value"),
    ];
    for (words, expected) in cases {
        let output = kfimg(&folder, &[&["pki", "renew"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", both(&output));
        assert!(both(&output).contains(expected), "{words:?}: {}", both(&output));
    }
    let none = said(&folder, &["pki", "renew", "--before", "30"]);
    assert!(none.contains("No certificate ends within 30 days; nothing was changed."), "{none}");
    for days in ["1200", "4294967295"] {
        let all = said(&folder, &["pki", "renew", "--before", days]);
        assert!(all.contains("Renewed "), "{all}");
    }
}

#[test]
fn the_chapter_of_the_rotation_shows_what_kfimg_prints() {
    let folder = empty_folder("rotate/chapter");
    let page = format!("\n## {}", chapter(&read("state.md"), "Rotating the keys that all control planes share"));
    let site = fenced::that(&page, "yaml", "# file: site.yaml").text();
    std::fs::write(folder.join("site.yaml"), site).unwrap();
    let first = shell("kfimg render --profile ha3 --site site.yaml", &folder);
    assert!(first.status.success(), "{}", both(&first));
    // The cluster's own commands are typed in `rotate_runs`.
    let follow = |command: &str, folder: &Path| {
        if command.contains("kubectl ") { run(&mut Command::new("true")) } else { shell(command, folder) }
    };
    assert!(walk("state.md", &page, &folder, follow) >= 12);
}

/// What is encrypted in etcd, by the description, and what is said of it.
const ENCRYPTED: [(&str, &[&str]); 3] = [
    ("[secrets]", &["(secrets)", "kubectl get secrets --all-namespaces"]),
    ("[secrets, configmaps]", &["(secrets, configmaps)", "kubectl get secrets,configmaps --all-namespaces"]),
    (
        "[secrets, \"*.apps\"]",
        &["(secrets, *.apps)", "kubectl get secrets --all-namespaces", "kubectl api-resources --api-group='apps'"],
    ),
];

#[test]
fn whatever_the_cluster_encrypts_is_to_be_written_anew_before_the_old_key_goes() {
    for (number, (resources, expected)) in ENCRYPTED.iter().enumerate() {
        let folder = empty_folder(&format!("rotate/resources-{number}"));
        std::fs::write(folder.join("site.yaml"), format!("apiServer: {{encryption: {{resources: {resources}}}}}\n"))
            .unwrap();
        let site = ["--site", "site.yaml"];
        let render = |out: &str| said(&folder, &[&["render", "--channel", "ignition", "-o", out], &site[..]].concat());
        let renew =
            |words: &[&str]| kfimg(&folder, &[&["pki", "renew", "--what", "encryption"], words, &site].concat());
        render("first");
        renew(&[]);
        render("added");
        let used = renew(&[]);
        render("used");
        let refused = renew(&[]);
        renew(&["--drop-old"]);
        render("dropped");
        let danger = kfimg_diff(&folder, "used", "dropped");
        for expected in *expected {
            for said in [both(&used), both(&refused)] {
                assert!(said.contains(expected), "{resources}: {expected} in {said}");
            }
            assert!(expected.starts_with('(') || danger.contains(expected), "{resources}: {expected} in {danger}");
        }
    }
}

/// What `kfimg diff` says, in one line.
fn kfimg_diff(folder: &Path, old: &str, new: &str) -> String {
    let said = run(Command::new(env!("CARGO_BIN_EXE_kfimg")).current_dir(folder).args(["diff", old, new]));
    both(&said).split_whitespace().collect::<Vec<_>>().join(" ")
}
