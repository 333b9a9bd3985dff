//! `kfimg validate --cis`: what people see of it, waivers, and whether kube-bench says the same.

#![allow(clippy::unwrap_used)]

#[path = "cis/bench.rs"]
mod bench;
mod support;

use bench::{Bench, Verdict};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::document::Commands;
use support::fenced;
use support::node::Workplace;
use support::program::{empty_folder, go_folder};
use support::said::{Said, kfimg};

const KFIMG: &str = env!("CARGO_BIN_EXE_kfimg");
const HA3: &str = "validate --cis --profile ha3 --registry reg.local";
/// The authority's key stays off the nodes: no kubelet renews its certificate (4.2.10).
const NO_KEY: &str = "validate --cis --profile ha3 --registry reg.local --set pki.caKeyOnNodes=false";

fn folder(name: &str) -> PathBuf {
    empty_folder(&format!("cis/{name}"))
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}: {}{}", said.stdout, said.stderr))
}

/// The check with an id.
fn check<'a>(lint: &'a Value, id: &str) -> &'a Value {
    lint["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap()
}

#[test]
fn every_check_is_a_line_and_the_page_is_eighty_columns_wide() {
    let folder = folder("page");
    for line in [HA3, "validate --cis -v --profile single --registry reg.local", "validate --list-checks"] {
        let said = kfimg(&folder, line);
        assert_eq!(said.code, 0, "{line}: {}", said.stderr);
        let wide: Vec<&str> = said.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{line}: {wide:#?}");
        let is_id = |word: &str| word.contains('.') && word.starts_with(|c: char| c.is_ascii_digit());
        let ids = said.stdout.lines().filter(|line| line.split(' ').next().is_some_and(is_id));
        assert_eq!(ids.count(), 131, "{line}");
        assert!(!said.stdout.contains('\u{1b}'), "no colours in a file");
    }
    let said = kfimg(&folder, HA3);
    for part in ["1.2.16  pass ", "5.2.2   warn 3/3 ", "5.4.2   not judged ", "65 pass", "12 pass, 53 n/a"] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    assert!(kfimg(&folder, &format!("{HA3} --color always")).stdout.contains("\u{1b}[32mpass"));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "no state, no output");
}

#[test]
fn a_failed_check_names_what_was_found_what_is_required_and_the_setting() {
    let folder = folder("failed");
    let said = kfimg(&folder, NO_KEY);
    assert_eq!(said.code, 5, "{}", said.stderr);
    assert!(said.stderr.contains("1 automated check of cis-1.12 failed"), "{}", said.stderr);
    for part in [
        "4.2.10  fail 5/5 ",
        "fail 4.2.10 the kubelet renews its client certificate (kubelet)",
        "rotateCertificates=false",
        "/etc/kubernetes/kubelet-config.yaml",
        "master1, master2, master3, worker1, worker2",
        "pki.caKeyOnNodes of the description",
        "1 fail, 64 pass",
        "1 fail, 11 pass, 53 n/a",
    ] {
        assert!(said.stdout.contains(part), "{part} in {}", said.stdout);
    }
    let lint = json(&kfimg(&folder, &format!("{NO_KEY} --output-format json")));
    assert_eq!((&lint["benchmark"], &lint["passed"]), (&"cis-1.12".into(), &false.into()));
    let failed = check(&lint, "4.2.10");
    assert_eq!((&failed["state"], &failed["nodes"]["worker2"]), (&"fail".into(), &"fail".into()));
    assert_eq!(failed["findings"].as_array().unwrap().len(), 1, "the same everywhere: said once");
    assert_eq!(failed["findings"][0]["nodes"].as_array().unwrap().len(), 5);
    let worker = lint["roles"].as_array().unwrap().iter().find(|role| role["role"] == "worker").unwrap();
    assert_eq!((&worker["nodes"], &worker["automated"]["fail"]), (&2.into(), &1.into()));
}

#[test]
fn charts_and_manifests_are_judged_too() {
    let folder = folder("manifests");
    let role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\nrules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]\n";
    fs::write(folder.join("role.yaml"), role).unwrap();
    fs::write(folder.join("site.yaml"), "manifests: [role.yaml]\n").unwrap();
    let lint = json(&kfimg(&folder, &format!("{HA3} --site site.yaml --output-format json")));
    for id in ["5.1.2", "5.1.3", "5.1.4", "5.1.8", "5.1.9", "5.1.10", "5.1.11", "5.1.12", "5.1.13"] {
        let found = check(&lint, id);
        assert_eq!(found["state"], "warn", "{id}");
        assert!(found["findings"][0]["found"].as_str().unwrap().starts_with("ClusterRole/all "), "{found}");
    }
}

#[test]
fn a_waiver_lets_a_check_fail_where_it_says() {
    let folder = folder("waivers");
    let run = |waivers: &str| {
        fs::write(folder.join("w.yaml"), waivers).unwrap();
        kfimg(&folder, &format!("{NO_KEY} --cis-waivers w.yaml"))
    };
    let waived = run("waivers:\n- {id: 4.2.10, reason: keys stay here}\n- {id: 5.4.2, reason: a vault}\n");
    assert_eq!(waived.code, 0, "{}{}", waived.stdout, waived.stderr);
    assert!(!waived.stderr.contains("waiver"), "{}", waived.stderr);
    assert!(waived.stdout.contains("4.2.10  waived 5/5 "), "{}", waived.stdout);
    assert!(waived.stdout.contains("5.4.2   waived 3/3 "), "what nobody judges may be accepted: {}", waived.stdout);

    let part = run("waivers:\n- {id: 4.2.10, reason: few, role: worker}\n- {id: 4.2.10, reason: one, node: master1}\n");
    assert_eq!(part.code, 5);
    assert!(part.stdout.contains("4.2.10  fail 2/5 "), "{}", part.stdout);

    let idle = run("waivers:\n- {id: 4.2.10, reason: a, expires: 2020-01-31}\n- {id: 1.1.1, reason: b}\n");
    assert_eq!(idle.code, 5);
    for part in
        ["w.yaml:2:8", "ended on 2020-01-31", "w.yaml:3:8", "matches nothing: no node that it names fails 1.1.1"]
    {
        assert!(idle.stderr.contains(part), "{part} in {}", idle.stderr);
    }
    let lint = json(&kfimg(&folder, &format!("{NO_KEY} --cis-waivers w.yaml --output-format json")));
    let codes: Vec<&Value> = lint["problems"].as_array().unwrap().iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["expired-waiver", "unused-waiver"]);
}

#[test]
fn every_mistake_in_waivers_is_named_at_once() {
    let folder = folder("wrong");
    let waivers = "\
waivers:
- {id: 4.2.11x, reason: a}
- {id: 4.2.10}
- {reason: b}
- {id: 4.2.10, reason: c, role: master}
- {id: 4.2.10, reason: d, expires: tomorrow}
- {id: 4.2.10, reason: e, until: 2027-01-01}
";
    fs::write(folder.join("w.yaml"), waivers).unwrap();
    let said = kfimg(&folder, &format!("{HA3} --cis-waivers w.yaml"));
    assert_eq!((said.code, &*said.stdout), (3, ""), "{}", said.stderr);
    for part in [
        "w.yaml:2:8",
        "there is no check `4.2.11x`",
        "did you mean `4.2.11`?",
        "w.yaml:3:4",
        "this waiver has no `reason`",
        "w.yaml:4:4",
        "this waiver has no `id`",
        "w.yaml:5:",
        "control-plane",
        "w.yaml:6:",
        "expected a day such as 2027-06-30, found `tomorrow`",
        "w.yaml:7:",
        "has no setting `until`",
        "the waivers have 6 errors; nothing was judged",
    ] {
        assert!(said.stderr.contains(part), "{part} in {}", said.stderr);
    }
    let missing = kfimg(&folder, &format!("{HA3} --cis-waivers none.yaml"));
    assert_eq!(missing.code, 4, "{}", missing.stderr);
    assert!(missing.stderr.contains("there is no file `none.yaml`"), "{}", missing.stderr);
    let alone = kfimg(&folder, "validate --profile ha3 --cis-waivers w.yaml");
    assert_eq!(alone.code, 2, "{}", alone.stderr);
}

const PAGE: &str = "../docs/cis.md";
const BEGIN: &str = "<!-- the checks: written by make golden -->\n";
const END: &str = "<!-- end of the checks -->\n";

/// The list of checks in `docs/cis.md` is what the program prints; `make golden` writes it anew.
#[test]
fn the_documentation_lists_the_checks_as_they_are() {
    let list = json(&kfimg(&folder("list"), "validate --list-checks --output-format json"));
    let (mut table, mut above) = (String::new(), String::new());
    for check in list.as_array().unwrap() {
        let text = |key: &str| check[key].as_str().unwrap_or_default().to_owned();
        if above != text("about") {
            above = text("about");
            let id = text("id");
            let number = id.rsplit_once('.').unwrap().0;
            table.push_str(&format!(
                "\n### {number} {above}\n\n| id | judged | on | what must hold | setting |\n|---|---|---|---|---|\n"
            ));
        }
        let kind = match (&*text("kind"), &*text("notJudged")) {
            ("automated", _) => "always",
            (_, "") => "here too",
            _ => "by people",
        };
        let note = [text("note"), text("notJudged")].concat();
        let title = if note.is_empty() { text("title") } else { format!("{} ({note})", text("title")) };
        let setting = if check["setting"].is_null() { String::new() } else { format!("`{}`", text("setting")) };
        table.push_str(&format!("| {} | {kind} | {} | {title} | {setting} |\n", text("id"), text("nodes")));
    }
    table.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    if std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some() {
        fs::write(&path, [before, BEGIN, &table, END, after].concat()).unwrap();
        return;
    }
    assert!(written == table, "docs/cis.md has other checks than the program; `make golden` writes them anew");
}

/// The commands of `docs/cis.md`, with its waivers, do what it says.
#[test]
fn the_commands_of_the_documentation_run() {
    let folder = folder("documentation");
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let [waivers] = &fenced::of(&page, "yaml")[..] else { panic!("one block of YAML") };
    fs::write(folder.join("cis-waivers.yaml"), waivers.text()).unwrap();
    let commands = Commands::of(&page);
    assert!(commands.count() >= 3, "{commands:?}");
    for line in commands.iter() {
        let said = kfimg(&folder, line.strip_prefix("kfimg ").unwrap());
        assert_eq!(said.code, 0, "{line}: {}{}", said.stdout, said.stderr);
        assert!(!said.stderr.contains("waiver"), "{line}: {}", said.stderr);
    }
}

/// The benchmark's own files: the same ids, each automated or manual as here.
#[test]
#[ignore = "needs kube-bench, which `make interop` builds"]
fn kube_bench_has_the_same_checks() {
    let folder = go_folder(&["kube-bench"]).join("kube-bench-cfg/cis-1.12");
    let mut theirs = BTreeMap::new();
    for section in ["master", "etcd", "controlplane", "node", "policies"] {
        // Not every strict reader of YAML takes these files: each check begins with its id, and its text ends with its kind.
        let text = fs::read_to_string(folder.join(format!("{section}.yaml"))).unwrap();
        theirs.extend(text.split("- id: ").skip(1).filter_map(|check| {
            let kind =
                ["automated", "manual"].into_iter().find(|kind| check.to_lowercase().contains(&format!("({kind})")))?;
            Some((check.lines().next()?.trim().trim_matches('"').to_owned(), kind.to_owned()))
        }));
    }
    let list = json(&kfimg(&self::folder("ids"), "validate --list-checks --output-format json"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ours: BTreeMap<_, _> =
        list.as_array().unwrap().iter().map(|check| (text(&check["id"]), text(&check["kind"]))).collect();
    assert_eq!(ours, theirs);
    assert_eq!(ours.values().filter(|kind| *kind == "automated").count(), 65);
}

/// kube-bench itself, on rendered nodes whose processes have the names and the flags of the manifests: it says of each check
/// what the lint says, where all is well and where many checks fail.
#[test]
#[ignore = "needs kube-bench, which `make interop` builds"]
fn kube_bench_says_the_same_of_rendered_nodes() {
    let weak = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cis/weak.yaml");
    let weak = ["--site", weak.to_str().unwrap()];
    for (name, options, failing) in [("cis-good", &[][..], 0), ("cis-weak", &weak, 26)] {
        let workplace = Workplace::render_with(name, options);
        let arguments = ["validate", "--cis", "--output-format", "json", "--profile", "ha3", "--registry", "reg.local"];
        let said = Command::new(KFIMG).args(arguments).args(options).output().unwrap();
        let lint: Value = serde_json::from_slice(&said.stdout).unwrap();
        let ignition = support::program::find("ignition");
        let mut failed = BTreeSet::new();
        for (node, targets, checks) in [("master1", "master,etcd,controlplane,node", 97), ("worker1", "node", 25)] {
            let bench = Bench::of(workplace.apply(&ignition, "bench", node));
            let verdicts = bench.run(targets);
            assert_eq!(verdicts.len(), checks, "{name} {node}");
            let differing: Vec<String> = verdicts
                .iter()
                .filter_map(|verdict| verdict.difference(&check(&lint, &verdict.id)["nodes"][node]))
                .collect();
            assert!(differing.is_empty(), "{name} {node}:\n{}", differing.join("\n"));
            failed.extend(verdicts.into_iter().filter(|verdict| verdict.state == "FAIL").map(|Verdict { id, .. }| id));
        }
        assert_eq!(failed.len(), failing, "{name}: {failed:?}");
    }
}

/// Control planes without etcd and machines with nothing but etcd: `docs/cis.md` names the four checks on which the two differ.
#[test]
#[ignore = "needs kube-bench, which `make interop` builds"]
fn kube_bench_looks_for_etcd_where_there_is_none() {
    let folder = folder("external");
    let said = kfimg(&folder, "render --profile external-etcd --registry reg.local");
    assert_eq!(said.code, 0, "{}", said.stderr);
    let line = "validate --cis --profile external-etcd --registry reg.local --output-format json";
    let lint = json(&kfimg(&folder, line));
    let workplace = Workplace::of(folder);
    let ignition = support::program::find("ignition");
    let parts: [(&str, &str, &[&str]); 2] =
        [("master1", "master,controlplane,node", &["1.1.7", "1.1.8", "1.1.11", "1.1.12"]), ("etcd1", "etcd", &[])];
    for (node, targets, expected) in parts {
        let verdicts = Bench::of(workplace.apply(&ignition, "bench", node)).run(targets);
        let states = |id: &str| &check(&lint, id)["nodes"][node];
        let differing = verdicts.iter().filter(|verdict| verdict.difference(states(&verdict.id)).is_some());
        let differing: Vec<&Verdict> = differing.collect();
        assert_eq!(differing.iter().map(|verdict| &*verdict.id).collect::<Vec<_>>(), expected, "{node}");
        for verdict in differing {
            assert_eq!((&*verdict.state, states(&verdict.id)), ("FAIL", &"not-applicable".into()), "{}", verdict.id);
        }
    }
}
