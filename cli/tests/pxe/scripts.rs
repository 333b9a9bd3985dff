//! What is written for the machines: every name has its script, and every script its payload.

use crate::SITE;
use crate::support::program::{empty_folder, succeed};
use std::fs;
use std::process::Command;

#[test]
fn every_name_of_a_machine_has_its_script_with_the_payload_that_the_system_reads() {
    for (payload, expected) in [
        ("ignition", "ignition.config.url=${boot-server}/nodes/master2/ignition.json"),
        ("cloud-init", "ds=nocloud-net;s=${boot-server}/nodes/master2/"),
    ] {
        let folder = empty_folder(&format!("pxe/{payload}"));
        fs::write(folder.join("site.yaml"), SITE).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        let line = "render --profile ha3 --registry reg.local --site site.yaml --channel pxe --set";
        kfimg.args(line.split(' ')).arg(format!("delivery.payload={payload}"));
        succeed(kfimg.current_dir(&folder));
        let script = |name: &str| fs::read_to_string(folder.join("out/pxe").join(name)).unwrap();
        let by_uuid = script("uuid-4c4c4544-0047-3510-8052-b4c04f4d3732.ipxe");
        assert!(by_uuid.contains(expected), "{by_uuid}");
        assert_eq!(by_uuid, script("node-master2.ipxe"));
        let chooser = script("boot.ipxe");
        assert!(chooser.contains("\nitem worker2 worker2  192.168.49.162\n"), "only worker2 has no name: {chooser}");
        assert!(!chooser.contains("item worker1"), "{chooser}");
    }
}
