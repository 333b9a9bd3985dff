//! How problems look to people and to programs.

use std::path::Path as FilePath;
use std::sync::Arc;

use super::{Appearance, Report};
use crate::document::{Sources, parse_one};

fn example() -> (Report, Sources) {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let text = "nodes:\n  - name: master1\n    address: 10.0.0.1\n  - name: master1\n    address: \"a\tb\"\n";
    let source = sources.add("site.yaml", "site site.yaml", FilePath::new("."), text);
    let argument = sources.add("--set nodes[0].x=1", "--set", FilePath::new("."), "nodes[0].x=1");
    let tree = parse_one(&sources, source, &mut report).unwrap();
    report.set_tree(Arc::new(tree));
    report
        .error_at("unknown-key", crate::document::Location::new(argument, 9, 10), "no setting `x`")
        .help("write `mtu`");
    report
        .error("duplicate-name", "nodes[1].name", "two nodes have the name `master1`")
        .label("used again here")
        .note("nodes[0].name", "first used here")
        .help("give each node its own name");
    report.error("duplicate-name", "nodes[1].name", "two nodes have the name `master1`");
    report.warning("odd-address", "nodes[1].address", "the address is \u{1b}[31modd");
    report.warning("no-time", "time.servers", "no time server is given");
    (report, sources)
}

#[test]
fn problems_are_drawn_like_those_of_rustc() {
    let (report, sources) = example();
    let expected = "\
error[duplicate-name]: two nodes have the name `master1`
 --> site.yaml:4:11
  |
4 |   - name: master1
  |           ^^^^^^^ used again here
  |
 ::: site.yaml:2:11
  |
2 |   - name: master1
  |           ------- first used here
  |
  = help: give each node its own name

warning[odd-address]: the address is ␛[31modd
 --> site.yaml:5:14
  |
5 |     address: \"a b\"
  |              ^^^^^

error[unknown-key]: no setting `x`
 --> --set nodes[0].x=1:1:10
  |
1 | nodes[0].x=1
  |          ^
  |
  = help: write `mtu`

warning[no-time]: no time server is given
";
    let text = report.render(&sources, Appearance::default());
    assert_eq!(text, expected);
}

#[test]
fn colour_is_used_only_when_asked_for() {
    let (report, sources) = example();
    assert!(!report.render(&sources, Appearance::default()).contains('\u{1b}'));
    assert!(report.render(&sources, Appearance { color: true, width: 80, fold: false }).contains("\u{1b}["));
}

#[test]
fn programs_get_every_part_of_a_problem() {
    let (report, sources) = example();
    let json = report.to_json(&sources);
    assert_eq!(json["more"], 0);
    assert_eq!(json["problems"][3]["line"], serde_json::Value::Null);
    let expected = serde_json::json!({
        "severity": "error",
        "code": "duplicate-name",
        "message": "two nodes have the name `master1`",
        "path": "nodes[1].name",
        "file": "site.yaml",
        "line": 4,
        "column": 11,
        "help": "give each node its own name",
        "notes": [{"file": "site.yaml", "line": 2, "column": 11, "message": "first used here"}],
    });
    assert_eq!(json["problems"][0], expected);
}

#[test]
fn errors_and_warnings_are_counted_without_repetitions() {
    assert_eq!(example().0.counts(), (2, 2));
}

#[test]
fn a_long_line_is_cropped_and_keeps_its_column() {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let text = format!("a: {}BAD{}\n", "x".repeat(5000), "y".repeat(5000));
    let source = sources.add("site.yaml", "site site.yaml", FilePath::new("."), &text);
    report.error_at("bad", crate::document::Location::new(source, 5003, 5006), "this is bad");
    let text = report.render(&sources, Appearance { color: false, width: 80, fold: false });
    assert!(text.contains(" --> site.yaml:1:5004\n"), "{text}");
    assert!(text.contains("xxxBADyyy") && text.lines().all(|line| line.chars().count() <= 80), "{text}");
}
