use super::generation::{Origin, is_empty, named_disk};
use super::{CACHE, COPY, ETC, KEPT, Taken, choose, judge, keep};
use crate::failure::Failure;
use crate::root::Root;
use data_encoding::BASE64;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

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
    let none =
        r#"{"ignition":{"version":"3.4.0-experimental"},"kernelArguments":{},"passwd":{},"storage":{},"systemd":{}}"#;
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
        assert_eq!(judge(delivered, kept, false).map_err(code), taken.ok_or("PAYLOAD_MISSING"), "{shown}");
    }
    assert_eq!(judge(None, None, true).ok(), Some(Taken::Nothing));
    assert_eq!(judge(None, Some(&kept), true).ok(), Some(Taken::Kept), "what was kept counts before cloud-init");
}

/// A payload whose plan has this besides.
fn with(members: &str) -> Vec<u8> {
    let plan = plan("master1", 5);
    let text = format!("{},{members}}}", plan.strip_suffix('}').unwrap());
    cached(&format!("data:;base64,{}", BASE64.encode(text.as_bytes())), "")
}

#[test]
fn a_disk_that_the_plan_names_is_looked_for_before_ignition_makes_a_partition() {
    let partition = |rest: &str| {
        with(&format!(r#""dataPartition":{{"label":"kfimg-data","mountPoint":"/var","filesystem":"ext4",{rest}}}"#))
    };
    let (by_name, by_size) = (partition(r#""disk":"/dev/x""#), partition(r#""minDiskBytes":1"#));
    assert_eq!(named_disk(&by_name).and_then(|wanted| wanted.disk).as_deref(), Some("/dev/x"));
    for none in [by_size, payload("master1", 5), b"{}".to_vec(), with(r#""dataPartition":{"label":7}"#)] {
        assert_eq!(named_disk(&none), None);
    }
    // A device that is no disk of those that are known is Ignition's affair.
    let (_folder, root) = machine(&[(CACHE, &by_name), ("/dev/x", b"")]);
    choose(&root).unwrap();
    assert!(fs_err::read(root.at(CACHE)).unwrap() == by_name);
}

/// A machine with these files.
fn machine(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::new(folder.path());
    for (path, text) in files {
        let path = root.at(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }
    (folder, root)
}

#[test]
fn ignition_gets_the_chosen_payload_and_cloud_init_nothing_to_do() {
    let (five, four, other) = (payload("master1", 5), payload("master1", 4), payload("master2", 1));
    let empty = br#"{"ignition":{"version":"3.4.0-experimental"},"storage":{}}"#.as_slice();
    for (came, kept, taken) in
        [(&five, &four, &five), (&four, &five, &five), (&other, &five, &other), (&empty.to_vec(), &five, &five)]
    {
        let (_folder, root) = machine(&[(CACHE, came), (COPY, kept)]);
        choose(&root).unwrap();
        assert!(&fs_err::read(root.at(CACHE)).unwrap() == taken);
        assert!(!root.at(COPY).exists(), "a second copy of secrets");
        assert!(root.at(ETC).join("cloud/cloud-init.disabled").exists());
    }
    let (_folder, root) = machine(&[(COPY, &five)]);
    choose(&root).unwrap();
    assert!(fs_err::read(root.at(CACHE)).unwrap() == five, "the server was away");
    let (_folder, root) = machine(&[(CACHE, &four), (COPY, b"{\"storage\":")]);
    choose(&root).unwrap();
    assert!(fs_err::read(root.at(CACHE)).unwrap() == four, "what was kept is damaged");
}

#[test]
fn a_payload_is_kept_for_root_alone_and_a_foreign_one_is_not() {
    let (five, six) = (payload("master1", 5), payload("master1", 6));
    let (_folder, root) = machine(&[(CACHE, &five)]);
    keep(&root).unwrap();
    let file = root.at(KEPT);
    let inode = |file: &std::path::Path| {
        let metadata = fs_err::metadata(file).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        metadata.ino()
    };
    let first = inode(&file);
    keep(&root).unwrap();
    assert_eq!(inode(&file), first, "nothing is written where nothing has changed");
    fs_err::write(root.at(CACHE), &six).unwrap();
    keep(&root).unwrap();
    assert!(fs_err::read(&file).unwrap() == six && inode(&file) != first);
    fs_err::write(root.at(CACHE), b"{}").unwrap();
    assert_eq!(keep(&root).unwrap_err().code.name, "NOT_KEPT");
    assert!(fs_err::read(&file).unwrap() == six);
}
