use super::{Absent, Output, Store};
use crate::fake;
use std::path::Path;

fn write(folder: &Path, files: &[(&str, &str)]) {
    fake::output(folder, &["a", "b"], files);
}

const FILES: [(&str, &str); 6] = [
    ("pxe/node-a.ipxe", "of a"),
    ("pxe/mac-52-54-00-00-00-01.ipxe", "of a"),
    ("pxe/uuid-4c4c4544-0047-3510-8052-b4c04f4d3732.ipxe", "of a"),
    ("pxe/node-b.ipxe", "of b"),
    ("pxe/mac-52-54-00-00-00-02.ipxe", "of nobody"),
    ("nodes/a/ignition.json", "{}"),
];

#[test]
fn a_machine_is_known_by_its_names_and_by_its_nodes_name_only_where_it_has_none() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &FILES);
    let output = Output::open(folder.path()).unwrap();
    let names: Vec<_> = output.scripts.iter().map(|(name, node)| (name.as_str(), node.as_str())).collect();
    let uuid = "4c4c4544-0047-3510-8052-b4c04f4d3732";
    let (mac, by_uuid) = ("mac-52-54-00-00-00-01", format!("uuid-{uuid}"));
    assert_eq!(names, [(mac, "a"), ("node-b", "b"), (by_uuid.as_str(), "a")]);
    assert_eq!(output.machine("52:54:00:00:00:01", None), Some("a"));
    assert_eq!(output.machine("52:54:00:00:00:02", Some(uuid)), Some("a"));
    assert_eq!(output.machine("52:54:00:00:00:02", None), None);
    assert!(!output.knows_all_machines() && !output.is_known_by_mac_alone());
    let all = tempfile::tempdir().unwrap();
    write(all.path(), &[FILES[0], FILES[1], FILES[3], ("pxe/mac-52-54-00-00-00-03.ipxe", "of b")]);
    let all = Output::open(all.path()).unwrap();
    assert!(all.knows_all_machines() && all.is_known_by_mac_alone());
}

#[test]
fn what_is_not_what_the_manifest_says_does_not_go_out() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &FILES);
    let output = Output::open(folder.path()).unwrap();
    let payload = folder.path().join("nodes/a/ignition.json");
    assert_eq!(output.text("nodes/a/ignition.json").unwrap(), "{}");
    assert_eq!(output.sound("nodes/a/other").unwrap_err(), Absent::Unknown);
    assert_eq!(output.sound("manifest.json").unwrap_err(), Absent::Unknown);
    for damage in ["{", "{}{}", "[]"] {
        std::fs::write(&payload, damage).unwrap();
        assert!(matches!(output.sound("nodes/a/ignition.json"), Err(Absent::NotReady(_))), "{damage}");
    }
    std::fs::remove_file(&payload).unwrap();
    assert!(matches!(output.sound("nodes/a/ignition.json"), Err(Absent::NotReady(_))));
    std::fs::write(&payload, "{}").unwrap();
    assert!(output.sound("nodes/a/ignition.json").is_ok());
}

#[test]
fn an_output_that_comes_later_is_found() {
    let place = tempfile::tempdir().unwrap();
    let store = Store::new(place.path().join("out"));
    assert!(store.current().is_err());
    write(&place.path().join("new"), &FILES);
    std::fs::rename(place.path().join("new"), place.path().join("out")).unwrap();
    let output = std::iter::repeat_with(|| store.current()).take(1_000_000).find_map(|current| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        current.ok()
    });
    assert_eq!(output.unwrap().cluster, "demo");
}
