//! Inventories: as spreadsheets write them, with every kind of wrong row, and with a thousand machines.

use super::tests::Place;
use super::{Inputs, inventory};
use crate::document::{Sources, to_json};
use crate::problem::{Appearance, Report, SHOWN_LIMIT};
use std::collections::BTreeSet;
use std::path::Path;

fn csv(text: &str) -> (Option<serde_json::Value>, Vec<String>) {
    let (mut sources, mut report) = (Sources::new(), Report::new());
    let source = sources.add("n.csv", "inventory n.csv", Path::new("."), text);
    let read = inventory::of_csv(&sources, source, &mut report);
    assert!(read.is_whole || !report.is_empty(), "{text:?}");
    let line = |problem: &&crate::problem::Problem| {
        let at = problem.at.map_or_else(String::new, |at| sources.describe(at));
        format!("{at}: {}", problem.message)
    };
    (read.layer.map(|node| to_json(&node)["nodes"].clone()), report.problems().iter().map(line).collect())
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
        ("\"name\n", "n.csv:1:1: this quote is not closed"),
        ("name;labels\nm1,x\n", "n.csv:2:1: nothing parts the fields of this row: the header does so by a semicolon"),
        ("name,labels\n\"m1\" x,\n", "n.csv:2:6: this stands after the quote that ends the field"),
        ("name,labels\n,a=b\n", "n.csv:2:1: this row has no name"),
    ] {
        assert_eq!(csv(text).1, [expected], "{text:?}");
    }
}

#[test]
fn no_inventory_makes_the_reader_panic() {
    const PIECES: [&str; 14] =
        ["name", "labels", ",", "\"", "\n", "\r\n", "\r", "#", "a=b", ";", "é", " ", "\0", "sep="];
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

/// The rows of so many workers, as a spreadsheet of Windows writes them; `row` may change one.
fn thousand(change: impl Fn(usize) -> Option<String>) -> String {
    let mut text = String::from("\u{feff}name;role;address;mac;uuid;serial;labels\r\n");
    for number in 1..=3 {
        text += &format!("master{number};control-plane;192.168.49.15{number}/24;;;;\r\n");
    }
    for number in 0..1000 {
        let usual = || {
            let (high, low) = (number / 250 + 50, number % 250 + 1);
            format!(
                "w{number};worker;192.168.{high}.{low}/24;52:54:00:00:{high:02x}:{low:02x};;S{number};\"rack=r{};row=1\"",
                number % 40
            )
        };
        text += &change(number).unwrap_or_else(usual);
        text += "\r\n";
    }
    text
}

fn load_thousand(name: &str, text: &str) -> Result<super::Loaded, Box<super::Failed>> {
    let place = Place::new(name, &[("nodes.csv", text)]);
    // Racks have networks of their own, so machines say their gateways.
    let sets = ["networking.nodeSubnet=null", "networking.podSubnet=10.128.0.0/12", "nodeDefaults.network.dhcp=true"];
    let sets = sets.into_iter().chain(["nodeDefaults.network.gateway=null"]).map(str::to_owned).collect();
    super::load(&Inputs { inventory: Some("nodes.csv".into()), sets, ..place.inputs() })
}

#[test]
fn a_thousand_machines_are_an_inventory() {
    let loaded = match load_thousand("thousand", &thousand(|_| None)) {
        Ok(loaded) => loaded,
        Err(failed) => panic!("{}", failed.report.render(&failed.sources, Appearance::default())),
    };
    assert!(loaded.report.is_empty());
    assert_eq!(loaded.cluster.nodes.len(), 1003);
    assert_eq!(loaded.cluster.node("w999").unwrap().labels["rack"], "r39");
}

#[test]
fn every_wrong_row_of_a_thousand_is_told_and_the_rest_is_counted() {
    let wrong = |number: usize| match number % 4 {
        0 => Some(format!("w{number};wroker;192.168.60.7/24;;;;")),
        1 => Some(format!("w{number};worker;192.168.60.{};;;;", number + 256)),
        2 => Some(format!("w{number};worker;192.168.60.8/24;nonsense;;;;;;")),
        _ => Some(format!("w{};worker;192.168.60.9/24;;;;\"x\"", number - 1)),
    };
    let failed = load_thousand("wrong-thousand", &thousand(wrong)).unwrap_err();
    let places: BTreeSet<(usize, usize)> = failed
        .report
        .problems()
        .iter()
        .filter_map(|problem| problem.at)
        .map(|at| failed.sources.line_column(at))
        .collect();
    let lines: BTreeSet<usize> = places.iter().map(|(line, _)| *line).collect();
    let silent: Vec<usize> = (5..1005).filter(|line| !lines.contains(line)).collect();
    assert!(silent.is_empty(), "nothing was said of the lines {silent:?}");
    let of_row = |line| places.iter().filter(|place| place.0 == line).map(|place| place.1).collect::<Vec<_>>();
    assert_eq!(of_row(5), [4], "the role of w0");
    assert_eq!(of_row(7), [27, 39], "a MAC that is none, and more fields than columns");
    let text = failed.report.render(&failed.sources, Appearance::default());
    let shown = text.matches("error[").count();
    let more = failed.report.problems().len() - shown;
    assert_eq!(shown, SHOWN_LIMIT);
    assert!(more > 900 && text.trim_end().ends_with(&format!("and {more} more problems")), "{more}");
}
