//! The report that docs/boot.md shows, by which people write programs: the board takes it as it stands there, and shows what it says.

use crate::support::boot::{Boot, SITE, render};
use crate::support::{document, fenced};
use serde_json::{Value, json};
use std::fs;

const SECRET: &str = "0123456789abcdef";

/// A server of a cluster that is called as the example's.
fn server(name: &str) -> Boot {
    let folder = crate::rendered(name);
    fs::write(folder.join("site.yaml"), format!("clusterName: demo\n{SITE}")).unwrap();
    fs::write(folder.join("token"), SECRET).unwrap();
    render(&folder, "ha3");
    Boot::start(&folder, &["--report-token-file", "token"])
}

fn post(boot: &Boot, report: &str) -> u16 {
    boot.post(&format!("?token={SECRET}"), report)
}

/// What the board knows of a node.
fn shown(boot: &Boot, node: &str) -> Value {
    let (status, text) = boot.get(&format!("/board/state?node={node}"));
    assert_eq!(status, 200);
    serde_json::from_slice(&text).unwrap()
}

/// The values that the document lists for a field: what stands in backticks before the colon of each.
fn values<'a>(text: &'a str, field: &str) -> Vec<&'a str> {
    let values = text.lines().find_map(|line| line.strip_prefix(&format!("| {field} | "))).unwrap();
    values.split([';', ',']).filter_map(|value| value.split('`').nth(1)).collect()
}

#[test]
fn the_example_of_the_document_is_taken_as_it_stands_and_shown() {
    let text = document::read("boot.md");
    let example = fenced::that(&text, "json", "{").text();
    let posted: Value = serde_json::from_str(&example).unwrap();
    let boot = server("document");
    assert_eq!(post(&boot, &example), 200);
    let shown = shown(&boot, posted["node"].as_str().unwrap());
    // Whatever a step says is there; without a failure it has no such field, which is shown as none.
    let mut steps = posted["steps"].clone();
    for step in steps.as_array_mut().unwrap() {
        step["failure"] = Value::Null;
        for warning in step["warnings"].as_array().unwrap().clone() {
            assert!(["code", "message", "remedy"].iter().all(|key| warning[key].is_string()), "{warning}");
        }
        let name = step["name"].clone();
        step["warnings"].as_array_mut().unwrap().iter_mut().for_each(|warning| warning["step"] = name.clone());
    }
    assert_eq!(shown["steps"], steps);
    let states: Vec<Value> =
        steps.as_array().unwrap().iter().map(|step| json!([step["name"], step["state"]])).collect();
    let version = |of: &str| posted["versions"][of].as_str().unwrap();
    let versions = format!("kfimg-agent {}, Kubernetes {}", version("agent"), version("kubernetes"));
    assert_eq!((&shown["versions"], &shown["upAfterSeconds"]), (&versions.into(), &posted["upAfterSeconds"]));
    let summary = &shown["summary"];
    for (key, wanted) in [
        ("name", posted["node"].clone()),
        ("role", posted["role"].clone()),
        ("state", posted["phase"].clone()),
        ("line", "etcd: waiting for master2".into()),
        ("runsGeneration", posted["generation"].clone()),
        ("steps", states.into()),
        ("warnings", 1.into()),
        ("failure", Value::Null),
    ] {
        assert_eq!(summary[key], wanted, "{key} in {shown}");
    }
    let all: Value = serde_json::from_slice(&boot.get("/board/state").1).unwrap();
    assert!(all["nodes"].as_array().unwrap().contains(summary), "{all}");
}

#[test]
fn every_phase_and_every_state_of_a_step_that_the_document_lists_is_known_to_the_board() {
    let text = document::read("boot.md");
    let example = fenced::that(&text, "json", "{").text();
    let (phases, states) = (values(&text, "`phase`"), values(&text, "`state` of a step"));
    assert_eq!((phases.len(), states.len()), (4, 5), "{phases:?} {states:?}");
    let boot = server("document-values");
    let failure = json!({ "code": "CLOCK_NOT_SET", "message": "in this case", "remedy": "set it" });
    let steps: Vec<Value> = states
        .iter()
        .map(|state| {
            let mut step = json!({ "name": state, "state": state, "message": "m", "since": 1, "warnings": [] });
            if *state == "failed" {
                step["failure"] = failure.clone();
            }
            step
        })
        .collect();
    // A node a phase: each may report once a second.
    for (node, phase) in ["master1", "master2", "master3", "worker1"].iter().zip(&phases) {
        let mut report: Value = serde_json::from_str(&example).unwrap();
        (report["node"], report["phase"], report["steps"]) = ((*node).into(), (*phase).into(), steps.clone().into());
        assert_eq!(post(&boot, &report.to_string()), 200, "{phase}");
        let shown = shown(&boot, node);
        let said: Vec<&str> =
            shown["steps"].as_array().unwrap().iter().map(|step| step["state"].as_str().unwrap()).collect();
        assert_eq!((&shown["summary"]["state"], said), (&Value::from(*phase), states.clone()), "{shown}");
        for (key, value) in failure.as_object().unwrap() {
            assert_eq!(shown["summary"]["failure"][key], *value, "{phase}: {shown}");
        }
    }
    // What it does not list is none of a kfimg agent.
    let mut report: Value = serde_json::from_str(&example).unwrap();
    (report["node"], report["phase"]) = ("worker2".into(), "great".into());
    assert_eq!(post(&boot, &report.to_string()), 400);
}
