//! A machine that the inventory knows finds its own script, and by it its payload.

use crate::SITE;
use crate::server::{BootServer, served};
use std::fs;

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn a_machine_is_known_by_its_ethernet_address_then_by_its_uuid_then_by_its_serial_number() {
    let server = BootServer::start("known", "ha3", SITE, "ignition");
    let network = |mac: &str| format!("user,model=e1000,mac={mac}");
    let (first, other, worker) =
        (network("52:54:00:00:00:11"), network("52:54:00:ff:ff:ff"), network("52:54:00:00:00:21"));
    let machines: [(&str, Vec<&str>); 4] = [
        ("mac-52-54-00-00-00-11", vec!["-nic", &first]),
        (
            "uuid-4c4c4544-0047-3510-8052-b4c04f4d3732",
            vec!["-nic", &other, "-uuid", "4c4c4544-0047-3510-8052-b4c04f4d3732"],
        ),
        ("serial-VMware-56 4d", vec!["-nic", &other, "-smbios", "type=1,serial=VMware-56 4d"]),
        // Its address counts before a UUID that is another machine's.
        ("mac-52-54-00-00-00-21", vec!["-nic", &worker, "-uuid", "4c4c4544-0047-3510-8052-b4c04f4d3732"]),
    ];
    for (script, arguments) in machines {
        let asked = server.boot(&arguments, "/images/initrd");
        let script = format!("/pxe/{script}.ipxe");
        assert_eq!(served(&asked), ["/pxe/boot.ipxe", &script, "/images/vmlinuz", "/images/initrd"], "{asked:?}");
    }
}

#[test]
#[ignore = "needs QEMU and iPXE, which `make interop` installs"]
fn a_machine_of_every_profile_finds_its_payload() {
    for (profile, node) in [
        ("single", "master1"),
        ("single-vip", "worker2"),
        ("ha3", "master3"),
        ("ha5", "master5"),
        ("external-lb", "worker1"),
        ("external-etcd", "etcd2"),
    ] {
        let site = format!("nodes: [{{name: {node}, mac: '52:54:00:00:00:31'}}]\n");
        let server = BootServer::start(&format!("profile-{profile}"), profile, &site, "cloud-init");
        let asked = server.boot(&["-nic", "user,model=e1000,mac=52:54:00:00:00:31"], "/images/initrd");
        let script = "/pxe/mac-52-54-00-00-00-31.ipxe";
        assert_eq!(
            served(&asked),
            ["/pxe/boot.ipxe", script, "/images/vmlinuz", "/images/initrd"],
            "{profile}: {asked:?}"
        );
        let script = fs::read_to_string(server.out().join(&script[1..])).unwrap();
        // What cloud-init asks for, where the kernel's command line says.
        let (_, seed) = script.split_once("ds=nocloud-net;s=${boot-server}").unwrap();
        let seed = seed.split_whitespace().next().unwrap();
        for file in ["network-config", "meta-data", "user-data", "vendor-data"] {
            let written = fs::read(server.out().join(format!("nodes/{node}/{file}"))).unwrap();
            assert_eq!(server.fetch(&format!("{seed}{file}")), written, "{profile}: {file}");
            assert_eq!(written.is_empty(), file == "vendor-data", "{profile}: {file}");
        }
    }
}
