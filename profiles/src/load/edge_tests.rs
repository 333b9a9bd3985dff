//! Inputs at the edge: empty, hostile, huge, and several that are wrong at once.

use super::tests::{Place, problems};
use super::{Inputs, inventory, load};
use crate::document::{Sources, to_json};
use crate::problem::Report;
use std::path::{Path, PathBuf};
use std::time::Instant;

fn with_site(name: &str, text: &str) -> String {
    let place = Place::new(name, &[("site.yaml", text)]);
    problems(&Inputs { sites: vec!["site.yaml".into()], ..place.inputs() })
}

#[test]
fn a_site_of_comments_changes_nothing() {
    for (name, text) in [("comments", "# clusterName: x\n"), ("empty", ""), ("dashes", "---\n")] {
        let place = Place::new(name, &[("site.yaml", text)]);
        let loaded = load(&Inputs { sites: vec!["site.yaml".into()], ..place.inputs() }).unwrap();
        assert_eq!(loaded.cluster.name, "ha3");
    }
}

#[test]
fn nothing_resets_a_setting_of_an_earlier_layer() {
    let place = Place::new(
        "reset",
        &[
            ("a.yaml", "kubelet: {maxPods: 50, featureGates: {A: true}}\n"),
            ("b.yaml", "kubelet: {maxPods: ~, featureGates: {A: ~}}\n"),
        ],
    );
    let loaded = load(&Inputs { sites: vec!["a.yaml".into(), "b.yaml".into()], ..place.inputs() }).unwrap();
    let settings = loaded.explain();
    let shown = |path: &str| settings.iter().find(|setting| setting.path == path).map(|setting| setting.value.as_str());
    assert_eq!(shown("kubelet.maxPods"), Some("110"));
    assert_eq!(shown("kubelet.featureGates.A"), None);
}

#[test]
fn problems_of_all_layers_are_told_at_once() {
    let place =
        Place::new("all", &[("a.yaml", "clusterNmae: x\n"), ("b.yaml", "a: [\n"), ("nodes.csv", "name,rol\nm,x\n")]);
    let inputs = Inputs {
        sites: ["a.yaml", "b.yaml", "none.yaml", "-", "-"].iter().map(PathBuf::from).collect(),
        inventory: Some("nodes.csv".into()),
        sets: vec!["x".into(), "[".into()],
        ..place.inputs()
    };
    let text = problems(&inputs);
    for code in ["unknown-key", "yaml-syntax", "missing-input", "repeated-input", "unknown-column", "bad-set"] {
        assert!(text.contains(&format!("error[{code}]")), "{code} is missing in {text}");
    }
}

#[test]
fn hostile_sites_get_a_clear_error_in_a_moment() {
    let keys: String = (0..200_000).map(|key| format!("k{key}: 1\n")).collect();
    let items = format!("users: [{}]\n", vec!["[]"; 200_000].join(","));
    let names: String = (0..50_000).map(|item| format!("- {{name: n{item}, zzz: 1}}\n")).collect();
    let nodes = format!("nodes:\n{names}");
    let cases: [(&str, &str, &str); 6] = [
        ("keys", &keys, "more problems"),
        ("items", &items, "too-many-problems"),
        ("nodes", &nodes, "unknown-key"),
        ("deep", &"[".repeat(1_000_000), "too-deep"),
        ("nul", "a: \0\n", "control-character"),
        ("list", "- a\n", "expected a map of settings (`key: value`), found a list"),
    ];
    for (name, text, expected) in cases {
        let start = Instant::now();
        let found = with_site(&format!("hostile-{name}"), text);
        assert!(found.contains(expected), "{name}: {}", found.chars().take(2000).collect::<String>());
        assert!(start.elapsed().as_secs() < 60, "{name} took {:?}", start.elapsed());
    }
}

fn csv(text: &str) -> (Option<serde_json::Value>, Vec<String>) {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let source = sources.add("n.csv", "inventory n.csv", Path::new("."), text);
    let node = inventory::csv(&sources, source, &mut report);
    let line = |problem: &&crate::problem::Problem| {
        let at = problem.at.map_or_else(String::new, |at| sources.describe(at));
        format!("{at}: {}", problem.message)
    };
    (node.map(|node| to_json(&node)["nodes"].clone()), report.problems().iter().map(line).collect())
}

#[test]
fn an_inventory_is_read_as_spreadsheets_write_it() {
    let text = "\u{feff}name, role ,address,labels\r\n# comment, with comma\r\n\r\nm1,worker,\"10.0.0.1,fd00::1\",\"a=b c=\"\"d\"\"\"\r\n,,,\r\nm2,etcd";
    let expected = serde_json::json!([
        {"name": "m1", "role": "worker", "address": "10.0.0.1,fd00::1", "labels": {"a": "b", "c": "\"d\""}},
        {"name": "m2", "role": "etcd"},
    ]);
    assert_eq!(csv(text), (Some(expected), vec![]));
}

#[test]
fn wrong_inventories_are_told_with_row_and_column() {
    for (text, expected) in [
        ("", "n.csv:1:1: the inventory is empty"),
        ("nmae\nx\n", "n.csv:1:1: there is no column `nmae`"),
        ("role\nworker\n", "n.csv:1:1: the column `name` is missing"),
        ("name,name\nx,y\n", "n.csv:1:6: the column `name` is there twice"),
        ("name\nm1\nm2, x\n", "n.csv:3:5: this row has 2 fields, the header has 1"),
        ("name,labels\nm1,rack\n", "n.csv:2:4: `rack` is no label"),
        ("name\n\"m1\n", "n.csv:2:1: this quote is not closed"),
    ] {
        assert_eq!(csv(text).1, [expected], "{text:?}");
    }
}

#[test]
fn no_inventory_makes_the_reader_panic() {
    const PIECES: [&str; 12] = ["name", "labels", ",", "\"", "\n", "\r\n", "#", "a=b", ";", "é", " ", "\0"];
    let mut state = 7_usize;
    for _ in 0..5000 {
        let mut text = String::from(if state.is_multiple_of(2) { "name,labels\n" } else { "" });
        for _ in 0..state % 23 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(PIECES[(state >> 33) % PIECES.len()]);
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (nodes, found) = csv(&text);
        assert!(nodes.is_some() || !found.is_empty(), "{text:?}");
    }
}
