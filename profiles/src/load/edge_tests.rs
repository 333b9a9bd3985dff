//! Inputs at the edge: empty, hostile, huge, and several that are wrong at once.

use super::tests::{Place, problems};
use super::{Inputs, load};
use std::path::PathBuf;
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
