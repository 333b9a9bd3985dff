//! Whom a server answers that knows an inventory; what it answers is judged in [`super::answer`].

use super::packet::{ARCHITECTURE, MACHINE, MESSAGE_TYPE, VENDOR_CLASS};
use super::*;
use crate::fake;
use crate::release::ReleaseRules;
use crate::site::DeliveryOptions;

pub(super) const FROM: &str = "192.0.2.77:68";

/// A server on ports of the loopback address, and the output that it knows, which need not be there yet.
pub(super) struct Place {
    folder: tempfile::TempDir,
    pub(super) server: ProxyDhcp,
    board: Arc<Board>,
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let board = Arc::new(Board::new(Box::new(|_, _| ())));
        let release = ReleaseRules::default();
        let output = Some(folder.path().join("out"));
        let options = DeliveryOptions { output, images: None, release, report_token: None };
        let delivery = Arc::new(Delivery::new(options, Arc::clone(&board)).unwrap());
        let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let script = "http://192.0.2.1:8080/pxe/boot.ipxe".to_owned();
        let answers = Answer { address: Ipv4Addr::new(192, 0, 2, 1), script, loaders: Loaders(vec!["undionly.kpxe"]) };
        let server = ProxyDhcp { server: socket(), boot: socket(), answers, delivery, board: Arc::clone(&board) };
        Self { folder, server, board }
    }

    /// Writes an output whose machines have these names of scripts.
    pub(super) fn render(&self, machines: &[(&str, &str)]) {
        let scripts: Vec<(String, &str)> = machines
            .iter()
            .flat_map(|(node, name)| [format!("node-{node}"), (*name).to_owned()].map(|name| (name, *node)))
            .map(|(name, node)| (format!("pxe/{name}.ipxe"), node))
            .collect();
        let files: Vec<(&str, &str)> = scripts.iter().map(|(path, node)| (path.as_str(), *node)).collect();
        let nodes: Vec<&str> = machines.iter().map(|(node, _)| *node).collect();
        fake::output(&self.folder.path().join("out"), &nodes, &files);
    }

    /// Waits until the server sees the output, for which it looks once a second.
    pub(super) fn until_ready(&self) {
        while self.server.delivery.output().is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Whether a machine with this last byte of its Ethernet address is answered at that port.
    pub(super) fn is_answered(&self, last: u8, port: Port) -> bool {
        let kind = [if port == Port::Server { 1 } else { 3 }];
        let uuid: Vec<u8> = std::iter::once(0).chain([last; 16]).collect();
        let options: [(u8, &[u8]); 4] =
            [(MESSAGE_TYPE, &kind), (VENDOR_CLASS, b"PXEClient:Arch:00000"), (ARCHITECTURE, &[0, 0]), (MACHINE, &uuid)];
        let mut bytes = packet::tests::packet(&options);
        bytes[33] = last;
        self.server.answer(&bytes, FROM.parse().unwrap(), port).is_some()
    }

    pub(super) fn strangers(&self) -> Vec<String> {
        let all: serde_json::Value = serde_json::from_str(&self.board.summary()).unwrap();
        all["strangers"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_machine_that_nobody_knows_is_not_answered_and_is_told_of() {
    let place = Place::new();
    assert!(!place.is_answered(0x11, Port::Server), "there is nothing rendered yet");
    let uuid = "22222222-2222-2222-2222-222222222222";
    place.render(&[("a", "mac-52-54-00-00-00-11"), ("b", &format!("uuid-{uuid}"))]);
    place.until_ready();
    for port in [Port::Server, Port::Boot] {
        assert!(place.is_answered(0x11, port) && place.is_answered(0x22, port), "{port:?}");
        assert!(!place.is_answered(0x33, port), "{port:?}");
    }
    assert_eq!(place.strangers(), ["mac-52-54-00-00-00-33"]);
}

#[test]
fn where_a_machine_has_no_name_that_firmware_tells_all_are_answered() {
    let place = Place::new();
    place.render(&[("a", "mac-52-54-00-00-00-11"), ("c", "serial-7XK2P93")]);
    for last in [0x11, 0x33] {
        assert!(place.is_answered(last, Port::Server));
    }
    assert_eq!(place.strangers(), [""; 0]);
}

#[test]
fn a_thousand_names_that_somebody_makes_up_neither_fill_memory_nor_get_an_answer() {
    let place = Place::new();
    place.render(&[("a", "mac-52-54-00-00-00-11")]);
    for round in 0..20 {
        for last in (0..=255).filter(|last| *last != 0x11) {
            assert!(!place.is_answered(last, Port::Server), "{round} {last}");
        }
    }
    assert!(place.is_answered(0x11, Port::Server));
    assert!(place.strangers().len() <= 32);
}
