//! A machine that no script can tell from others: whoever stands before it chooses who it is.

use crate::IPXE;
use crate::ignition::{Ignition, command_line, files, rendered};
use crate::machine::Machine;
use crate::served::{STRANGER, Served};
use crate::support::boot;
use std::fs;

/// The workers have no names of their own.
const SITE: &str = "
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: master3, serial: 'VMware-56 4d'}
";

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn a_person_chooses_who_a_machine_is_and_it_gets_that_nodes_payload() {
    let folder = boot::rendered("pxe/chooser", SITE);
    fs::copy(IPXE, folder.join("images/vmlinuz")).unwrap();
    let served = Served::start(&folder);
    // From the last line, `none of them`, up.
    for (node, address, keys) in
        [("worker2", "192.168.49.162", &["up"][..]), ("worker1", "192.168.49.161", &["up", "up"])]
    {
        let before = served.requests().len();
        let mut machine = Machine::start(&folder, served.port(), "/pxe/boot.ipxe", &STRANGER);
        let heading = machine.until_it_shows("Which machine is this?");
        assert!(heading.contains("52:54:00:ff:ff:ff"), "{heading}");
        let item = machine.until_it_shows(node);
        assert!(item.contains(address), "{item}");
        machine.until_it_shows("none of them: look again");
        keys.iter().for_each(|key| machine.press(key));
        machine.press("ret");
        let asked = served.until(before, 200, "/t/-/images/initrd");
        let answers = [
            (200, "/pxe/boot.ipxe"),
            (404, "/pxe/mac-52-54-00-ff-ff-ff.ipxe"),
            (404, "/pxe/uuid-4c4c4544-0047-3510-8052-b4c04f4d3700.ipxe"),
            (404, "/pxe/serial-none%20of%20ours.ipxe"),
            (200, &format!("/pxe/node-{node}.ipxe")),
            (200, "/t/-/images/vmlinuz"),
            (200, "/t/-/images/initrd"),
        ];
        assert_eq!(asked, answers.map(|(status, path)| (status, path.to_owned())));
        drop(machine);
        // What its kernel is told leads Ignition to the payload of that node.
        let line = command_line(&served.boot, &format!("node-{node}"));
        let configuration = Ignition::start(&folder.join("ignition"), &line).configuration();
        assert_eq!(files(&configuration), files(&rendered(&folder, node)));
        assert!(served.requests().contains(&(200, format!("/t/-/nodes/{node}/ignition.json"))));
    }
}
