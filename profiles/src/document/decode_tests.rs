//! What decodes to what, and that every wrong value is reported once, at its place.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path as FilePath;

use serde::Deserialize;

use super::{Sources, decode, parse_one};
use crate::problem::Report;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Example {
    text: String,
    version: String,
    truth: bool,
    port: u16,
    signed: i32,
    choice: Choice,
    address: Option<IpAddr>,
    even: Option<Even>,
    list: Vec<String>,
    addresses: Vec<IpAddr>,
    nodes: Vec<Item>,
    strict: Option<Strict>,
    free: BTreeMap<String, serde_json::Value>,
    labels: BTreeMap<String, String>,
    detail: Option<Detail>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Item {
    name: String,
    port: Option<u16>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Strict {
    key: String,
    port: u16,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Choice {
    #[default]
    ControlPlane,
    Worker,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Detail {
    Url(String),
    Pair { a: u8 },
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
struct Even(u32);

impl TryFrom<String> for Even {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| number % 2 == 0);
        number.map(Self).ok_or_else(|| format!("expected an even number such as 4, found `{text}`"))
    }
}

fn read(text: &str) -> (Example, Report, Sources) {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let source = sources.add("a.yaml", "site a.yaml", FilePath::new("."), text);
    let node = parse_one(&sources, source, &mut report).unwrap_or_else(|| panic!("{text}"));
    let decoded = decode(&node, &sources, &mut report);
    (decoded, report, sources)
}

fn found(text: &str) -> Vec<String> {
    let (_, report, sources) = read(text);
    let problems = report.problems();
    let line = problems.iter().map(|problem| {
        let at = problem.at.map_or_else(String::new, |at| sources.describe(at));
        let help = problem.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
        format!("{}: {}{help}", at.trim_start_matches("a.yaml:"), problem.message)
    });
    line.collect()
}

#[test]
fn values_become_what_their_setting_expects() {
    let text = "text: no\nversion: 1.36\ntruth: true\nport: 6443\nsigned: -4\nchoice: worker\naddress: 'fd00::1'\neven: 4\n\
                list: [012, \"a\", 1e3]\nnodes: [{name: m1}, {name: m2, port: 5}]\nstrict: {key: k, port: 1}\n\
                free: {a: 1, b: [yes, 'yes', ~], c: {d: 1.5}}\nlabels: {a: true, gone: ~}\ndetail: {pair: {a: 3}}\n";
    let (example, report, sources) = read(text);
    assert!(report.is_empty(), "{}", report.render(&sources, Default::default()));
    let expected = Example {
        text: "no".into(),
        version: "1.36".into(),
        truth: true,
        port: 6443,
        signed: -4,
        choice: Choice::Worker,
        address: Some("fd00::1".parse().unwrap()),
        even: Some(Even(4)),
        list: vec!["012".into(), "a".into(), "1e3".into()],
        addresses: vec![],
        nodes: vec![Item { name: "m1".into(), port: None }, Item { name: "m2".into(), port: Some(5) }],
        strict: Some(Strict { key: "k".into(), port: 1 }),
        free: serde_json::from_str(r#"{"a": 1, "b": [true, "yes", null], "c": {"d": 1.5}}"#).unwrap(),
        labels: [("a".into(), "true".into())].into(),
        detail: Some(Detail::Pair { a: 3 }),
    };
    assert_eq!(example, expected);
    assert_eq!(read("detail: {url: x}").0.detail, Some(Detail::Url("x".into())));
}

#[test]
fn nothing_gives_the_default() {
    let text = "text: ~\ntruth:\nport: null\nchoice:\naddress: ~\nlist:\nnodes: ~\nfree: ~\nstrict:\n";
    let (example, report, _) = read(text);
    assert!(report.is_empty());
    assert_eq!(example, Example::default());
    assert_eq!(read("").0, Example::default());
}

#[test]
fn each_wrong_value_is_told_in_words_of_people() {
    let cases = [
        ("truth: yes", "1:8: expected `true` or `false`, found `yes` (write `true`)"),
        ("truth: 'true'", "1:8: expected `true` or `false`, found the text `true` (write `true`)"),
        ("port: 70000", "1:7: expected a whole number from 0 to 65535, found `70000`"),
        ("port: 0x10", "1:7: expected a whole number from 0 to 65535, found `0x10`"),
        (
            "port: 012",
            "1:7: expected a whole number from 0 to 65535, found `012` (write the number without leading zeros)",
        ),
        ("port: '12'", "1:7: expected a whole number from 0 to 65535, found the text `12` (write 12 without quotes)"),
        ("port: 1.0", "1:7: expected a whole number from 0 to 65535, found `1.0`"),
        (
            "choice: controlplane",
            "1:9: expected one of `control-plane` and `worker`, found `controlplane` (did you mean `control-plane`?)",
        ),
        ("choice: [a]", "1:9: expected one of `control-plane` and `worker`, found a list"),
        ("address: foo", "1:10: expected an IPv4 or IPv6 address such as 192.168.49.151, found `foo`"),
        ("even: 5", "1:7: expected an even number such as 4, found `5`"),
        ("text: [a]", "1:7: expected text, found a list"),
        ("list: a", "1:7: expected a list, found `a` (write `[a]`)"),
        ("nodes: {a: 1}", "1:8: expected a list, found a map (start each item with `- `)"),
        ("nodes: [m1]", "1:9: expected a map (`key: value`), found `m1`"),
        ("strict: {key: k}", "1:9: `port` is missing (add `port: …` to it: there is no default)"),
        ("strict: {key: k, port: x}", "1:24: expected a whole number from 0 to 65535, found `x`"),
        ("nodse: []", "1:1: there is no setting `nodse` (did you mean `nodes`?)"),
        ("nodes: [{nmae: a}]", "1:10: `nodes[0]` has no setting `nmae` (did you mean `name`?)"),
        ("nodes: [{zzzzz: a}]", "1:10: `nodes[0]` has no setting `zzzzz` (the settings here are `name` and `port`)"),
        ("detail: {pair: {a: 300}}", "1:20: expected a whole number from 0 to 255, found `300`"),
        ("- a", "1:1: expected a map (`key: value`), found a list"),
    ];
    for (text, expected) in cases {
        assert_eq!(found(text), [expected], "{text}");
    }
}

#[test]
fn every_wrong_value_is_reported_and_the_rest_is_kept() {
    let text = "port: x\ntext: kept\ntruth: 3\nodd: 1\nnodes:\n  - {name: [], port: 1}\n  - {port: y, z: 1}\n  - m3\n  - {name: m4}\n\
                addresses: [a, 10.0.0.1, b]\n";
    let (example, mut report, _) = read(text);
    assert_eq!(report.problems().len(), 9, "{report:?}");
    assert_eq!((example.text.as_str(), example.nodes.len(), &*example.nodes[3].name), ("kept", 4, "m4"));
    assert_eq!(example.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    for (path, quiet) in [
        ("port", true),
        ("text", false),
        ("nodes[0].name", true),
        ("nodes[0].port", false),
        ("nodes[2].port", true),
        ("nodes[3].name", false),
        ("addresses[0]", true),
    ] {
        assert_eq!(report.is_unreadable(&path.into()), quiet, "{path}");
    }
    let before = report.problems().len();
    report.error("later", "port", "a consequence");
    report.error("later", "text", "news");
    assert_eq!(report.problems().len(), before + 1);
}

#[test]
fn a_value_that_is_repeated_is_reported_once() {
    assert_eq!(
        found("port: &p x\nnodes: [{port: *p}, {port: *p}]\n"),
        ["1:10: expected a whole number from 0 to 65535, found `x`"]
    );
}

#[test]
fn decoding_stops_after_a_hundred_problems() {
    let text: String = (0..300).map(|index| format!("- {{name: n{index}, port: x}}\n")).collect();
    let text = format!("nodes:\n{text}");
    let (example, report, sources) = read(&text);
    assert_eq!(example, Example::default());
    let problems = report.problems();
    assert_eq!(problems.len(), 100);
    assert_eq!(problems[99].code, "too-many-problems");
    assert!(report.render(&sources, Default::default()).contains("stopped after 99 values"));
}

#[test]
fn no_tree_makes_the_decoder_panic() {
    let mut dice = super::parse_tests::Dice(42);
    for _ in 0..2000 {
        let text = super::parse_tests::mutate(&mut dice);
        let mut sources = Sources::new();
        let mut report = Report::new();
        let source = sources.add("a.yaml", "site", FilePath::new("."), &text);
        if let Some(node) = parse_one(&sources, source, &mut report) {
            decode::<Example>(&node, &sources, &mut report);
            decode::<BTreeMap<String, serde_json::Value>>(&node, &sources, &mut report);
        }
    }
}
