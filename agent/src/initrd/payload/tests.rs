use super::generation::{Origin, is_empty};
use super::{Taken, judge};
use crate::failure::Failure;
use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

fn plan(node: &str, generation: u64) -> String {
    format!(r#"{{"generation":{generation},"cluster":{{"uid":"0123","name":"demo"}},"node":{{"name":"{node}"}}}}"#)
}

/// As Ignition 2.14 writes it between its stages: what nobody set is `null` or an empty list.
fn cached(source: &str, compression: &str) -> Vec<u8> {
    let file = serde_json::json!({
        "path": "/etc/kfimg/plan.json", "overwrite": true, "mode": 0o644, "append": null, "user": {}, "group": {},
        "contents": {"source": source, "compression": compression, "httpHeaders": null, "verification": {"hash": null}},
    });
    let text = serde_json::json!({
        "ignition": {"version": "3.4.0-experimental"}, "kernelArguments": {}, "passwd": {},
        "storage": {"files": [{"path": "/etc/hostname", "contents": {}}, file]}, "systemd": {},
    });
    serde_json::to_vec(&text).unwrap()
}

fn payload(node: &str, generation: u64) -> Vec<u8> {
    let escaped: String = plan(node, generation).bytes().map(|byte| format!("%{byte:02X}")).collect();
    cached(&format!("data:,{escaped}"), "")
}

fn origin(node: &str, generation: u64) -> Origin {
    Origin::of(&payload(node, generation)).unwrap()
}

#[test]
fn a_plan_is_found_in_each_encoding_that_ignition_knows() {
    let expected = origin("master1", 7);
    assert_eq!(expected.to_string(), "master1, generation 7");
    let plain = plan("master1", 7);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(plain.as_bytes()).unwrap();
    let gzip = BASE64.encode(&gzip.finish().unwrap());
    let base64 = BASE64.encode(plain.as_bytes());
    for text in [
        cached(&format!("data:;base64,{base64}"), ""),
        cached(&format!("data:text/plain;charset=utf-8;base64,{base64}"), ""),
        cached(&format!("data:;base64,{gzip}"), "gzip"),
    ] {
        assert_eq!(Origin::of(&text).as_ref(), Ok(&expected));
    }
}

#[test]
fn what_has_no_plan_says_why() {
    let cases = [
        (b"{".to_vec(), "it is no Ignition configuration"),
        (b"{}".to_vec(), "it has no /etc/kfimg/plan.json"),
        (cached("http://192.0.2.1/plan", ""), "can't be decoded"),
        (cached("data:,%7", ""), "can't be decoded"),
        (cached("data:;base64,????", ""), "can't be decoded"),
        (cached("data:,x", "bzip2"), "can't be decoded"),
        (cached("data:,x", ""), "plan.json: expected value"),
        (cached("data:,%7B%7D", ""), "missing field"),
    ];
    for (text, reason) in cases {
        let error = Origin::of(&text).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_configuration_is_empty_when_it_asks_for_nothing() {
    let none = r#"{"ignition":{"version":"3.4.0-experimental"},"kernelArguments":{},"passwd":{},"storage":{},"systemd":{}}"#;
    assert!(is_empty(none.as_bytes()) && is_empty(b"{}"));
    let user = r#"{"ignition":{},"passwd":{"users":[{"name":"core"}]}}"#;
    let unit = r#"{"systemd":{"units":[{"name":"a.service"}]}}"#;
    assert!(!is_empty(user.as_bytes()) && !is_empty(unit.as_bytes()) && !is_empty(&payload("master1", 1)));
}

#[test]
fn the_higher_generation_of_one_node_wins_and_another_node_is_what_was_delivered() {
    let came = |node: &str, generation| Some(Ok(origin(node, generation)));
    let foreign = || Some(Err("it has no plan".to_owned()));
    let kept = origin("master1", 5);
    let cases = [
        (came("master1", 6), Some(&kept), Some(Taken::Delivered)),
        (came("master1", 5), Some(&kept), Some(Taken::Delivered)),
        (came("master1", 4), Some(&kept), Some(Taken::Kept)),
        (came("master2", 4), Some(&kept), Some(Taken::Delivered)),
        (came("master1", 1), None, Some(Taken::Delivered)),
        (None, Some(&kept), Some(Taken::Kept)),
        (foreign(), Some(&kept), Some(Taken::Kept)),
        (foreign(), None, Some(Taken::Delivered)),
        (None, None, None),
    ];
    for (delivered, kept, taken) in cases {
        let shown = format!("{delivered:?} {kept:?}");
        let code = |failure: Failure| failure.code.name;
        assert_eq!(judge(delivered, kept).map_err(code), taken.ok_or("PAYLOAD_MISSING"), "{shown}");
    }
}
