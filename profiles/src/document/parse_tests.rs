//! What the parser accepts, what it refuses and where it points, and that nothing makes it panic or hang.

use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use super::{Node, Sources, Value, manifest, parse, parse_one};
use crate::problem::Report;

fn read(text: &str) -> (Option<Node>, Report, Sources) {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let source = sources.add("a.yaml", "site a.yaml", FilePath::new("."), text);
    (parse_one(&sources, source, &mut report), report, sources)
}

fn found(text: &str) -> Vec<String> {
    let (_, report, sources) = read(text);
    let line = |problem: &&crate::problem::Problem| {
        format!(
            "{}: {}: {}",
            problem.at.map_or(String::new(), |at| sources.describe(at)),
            problem.code,
            problem.message
        )
    };
    report.problems().iter().map(line).collect()
}

#[test]
fn every_value_knows_its_place() {
    let text = "# comment\nnodes:\n  - name: \"é1\"   # quoted\n    labels: {a: 1, b: }\nempty:\nlast: |\n  x\n";
    let (node, report, sources) = read(text);
    assert!(report.is_empty(), "{}", report.render(&sources, Default::default()));
    let node = node.unwrap();
    for (path, expected) in [
        ("nodes", "a.yaml:2:1"),
        ("nodes[0]", "a.yaml:3:5"),
        ("nodes[0].name", "a.yaml:3:11"),
        ("nodes[é1].labels", "a.yaml:4:5"),
        ("nodes[0].labels.a", "a.yaml:4:17"),
        ("nodes[0].labels.b", "a.yaml:4:20"),
        ("nodes[0].absent.deeper", "a.yaml:3:5"),
        ("empty", "a.yaml:5:1"),
        ("last", "a.yaml:7:3"),
    ] {
        assert_eq!(sources.describe(node.locate(&path.into()).unwrap()), expected, "{path}");
    }
    assert_eq!(node.locate(&"absent".into()), None);
    let name = node.at_path(&"nodes[0].name".into()).unwrap();
    assert_eq!(name.value, Value::Scalar { text: "é1".into(), plain: false });
}

#[test]
fn what_is_refused_is_named_at_its_place() {
    let deep = "[".repeat(10_000);
    let deep_block = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
    let cases: &[(&str, &str)] = &[
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3:1: duplicate-key: the key `a` stands twice in this map"),
        ("a:\n\tb: 1\n", "a.yaml:2:2: yaml-syntax: a tab cannot be used for indentation"),
        ("a: !secret x\n", "a.yaml:1:12: unsupported-tag: the tag `!secret` is not supported"),
        ("a: !!int 5\n", "a.yaml:1:10: unsupported-tag: the tag `!!int` is not supported"),
        ("b: &x {c: 1}\na:\n  <<: *x\n", "a.yaml:3:3: merge-key: merge keys (`<<`) are not supported"),
        ("[a, b]: 1\n", "a.yaml:1:1: complex-key: a list or a map cannot be a key"),
        (": 1\n", "a.yaml:1:1: empty-key: a key is missing in front of this `:`"),
        ("a: 1\n---\nb: 2\n", "a.yaml:3:1: several-documents: a second document starts here, and only one is read"),
        ("a: &x [*x]\n", "a.yaml:1:8: recursive-alias: this alias stands inside the value that it repeats"),
        ("a: *x\n", "a.yaml:1:4: yaml-syntax: this alias names an anchor that does not stand before it"),
        ("a: b\0c\n", "a.yaml:1:5: control-character: the control character U+0000 stands here"),
        ("a: \u{1b}[31m\n", "a.yaml:1:4: control-character: the control character U+001B stands here"),
        (&deep, "a.yaml:1:65: too-deep: lists and maps lie more than 64 levels deep in each other"),
        (&deep_block, "a.yaml:65:65: too-deep: lists and maps lie more than 64 levels deep in each other"),
        ("a: {b: 1\n", "a.yaml:1:4: yaml-syntax: this `{` is not closed"),
        ("a: \"b\n", "a.yaml:2:1: yaml-syntax: a quoted text goes on here without indentation"),
        ("a: b: c\n", "a.yaml:1:5: yaml-syntax: a `:` cannot stand here"),
        ("a: 1\n  b: 2\n", "a.yaml:2:4: yaml-syntax: a `:` cannot stand here"),
        ("a: @x\n", "a.yaml:1:4: yaml-syntax: `@` cannot stand here"),
        ("a: [1, 2}\n", "a.yaml:1:4: yaml-syntax: `}` does not close `[`"),
    ];
    let differing = cases.iter().filter(|(text, expected)| found(text) != [*expected]);
    let differing: Vec<_> = differing.map(|(text, expected)| (found(text), expected)).collect();
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn several_problems_are_found_at_once() {
    assert_eq!(found("a: 1\na: 2\nb: !x 1\n<<: {}\n").len(), 3);
}

#[test]
fn empty_documents_do_not_count() {
    for text in ["", "---\n", "# nothing\n", "---\n...\n"] {
        assert_eq!(read(text).0.map(|node| node.value), Some(Value::Null), "{text:?}");
    }
    assert!(read("---\na: 1\n---\n").0.unwrap().get("a").is_some());
}

#[test]
fn aliases_repeat_values_but_never_explode() {
    let (node, ..) = read("a: &x {b: [1, 2]}\nc: *x\n*y : 1\n");
    assert!(node.is_none());
    let (node, ..) = read("a: &x {b: [1, 2]}\nc: *x\n");
    let node = node.unwrap();
    assert_eq!(node.get("a"), node.get("c"));

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    let wide = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 10_000].join(", "));
    for text in [bomb, wide] {
        let start = Instant::now();
        let problems = found(&text);
        assert!(problems[0].contains("too-many-values"), "{problems:?}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }
}

#[test]
fn a_line_of_a_mebibyte_and_a_text_that_is_too_large_are_handled() {
    let long = format!("a: {}\nb: {{c: '{}'}}\n", "é".repeat(1 << 19), "y".repeat(1 << 20));
    assert!(read(&long).0.is_some());
    let (_, report, sources) = read(&format!("a: {} @: x: y\n", "z".repeat(1 << 20)));
    assert!(report.render(&sources, Default::default()).len() < 2000);
    assert_eq!(found(&" ".repeat(super::MAX_INPUT_BYTES + 1)).len(), 1);
}

#[test]
fn manifests_become_json_as_kubectl_reads_them() {
    let mut sources = Sources::new();
    let mut report = Report::new();
    let text = "kind: A\nmode: 0644\non: no\nv: 1.5\ns: '5'\nd: 2026-01-02\n---\n---\nkind: B\nn: ~\nl: [-1]\n";
    let source = sources.add("m.yaml", "manifest", FilePath::new("."), text);
    let documents: Vec<_> =
        manifest(&sources, source, &mut report).unwrap().into_iter().map(|(json, _)| json).collect();
    let expected = [
        serde_json::json!({"kind": "A", "mode": 420, "on": false, "v": 1.5, "s": "5", "d": "2026-01-02"}),
        serde_json::json!({"kind": "B", "n": null, "l": [-1]}),
    ];
    assert_eq!(documents, expected);
}

/// A small deterministic generator (xorshift), so that a failure can be repeated.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % sides
    }
}

pub(super) const SEED: &str = "apiVersion: kfimg/v1alpha1\nnodes:\n  - &a {name: m1, role: control-plane, address: 192.168.49.151}\n  \
     - name: 'm2'\n    labels: {x: \"y\\n\", z: [1, 2]}\n    text: |\n      é block\n      more\n  - *a\nnull: ~\n? k\n: v\n";

pub(super) fn mutate(dice: &mut Dice) -> String {
    const PIECES: &[&str] = &[
        "\t", "\0", "{", "}", "[", "]", ": ", "- ", "&a ", "*a", "!t ", "\"", "'", "|\n", "\n", "---\n", "é", "<<: ",
        "#", "%", "? ",
    ];
    let mut bytes = SEED.as_bytes().to_vec();
    for _ in 0..=dice.roll(6) {
        let at = dice.roll(bytes.len() + 1);
        match dice.roll(4) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, PIECES[dice.roll(PIECES.len())].bytes())),
            2 => drop(bytes.splice(at..(at + dice.roll(9)).min(bytes.len()), [])),
            _ => drop(bytes.splice(at..at, [u8::try_from(dice.roll(256)).unwrap_or(0)])),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn no_input_makes_the_parser_or_the_report_panic() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..4000 {
        let text = mutate(&mut dice);
        let (node, report, sources) = read(&text);
        assert_eq!(node.is_none(), report.has_errors(), "{text:?}");
        assert_eq!(report.render(&sources, Default::default()).is_empty(), report.is_empty());
        assert_eq!(report.to_json(&sources)["more"], 0);
    }
    let mut sources = Sources::new();
    for _ in 0..2000 {
        let length = dice.roll(200);
        let bytes: Vec<u8> = (0..length).map(|_| u8::try_from(dice.roll(128)).unwrap_or(0)).collect();
        let source = sources.add("r", "r", FilePath::new("."), &String::from_utf8_lossy(&bytes));
        parse(&sources, source, &mut Report::new());
    }
}
