//! What a PXE client is told: its loader, or, when it is iPXE already, the script.

use super::packet::{
    ARCHITECTURE, BOOT_FILE, MACHINE, MESSAGE_TYPE, Packet, SERVER_ID, USER_CLASS, VENDOR, VENDOR_CLASS,
};
use crate::board::RUNS_LOADER;
use std::net::Ipv4Addr;

/// How a PXE client calls itself, before what else it says.
const PXE: &[u8] = b"PXEClient";
/// Types of messages.
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
/// PXE's own options: ask no boot server and show no menu, load the file that is named.
const USE_THE_FILE: [u8; 4] = [6, 1, 8, 255];

/// What a client's firmware is (option 93), and the iPXE that it can run.
///
/// Source: RFC 4578 section 2.1 and IANA's list of processor architectures.
const FIRMWARE: [(u16, &str, &str); 4] = [
    (0, "BIOS", "undionly.kpxe"),
    (7, "UEFI", "ipxe.efi"),
    (9, "UEFI", "ipxe.efi"),
    (11, "UEFI on ARM", "ipxe-arm64.efi"),
];

/// The port that a packet came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Port {
    /// 67: whoever boots asks all servers.
    Server,
    /// 4011: who has an address asks the boot server.
    Boot,
}

/// The loaders that are there.
#[derive(Clone, Debug)]
pub(super) struct Loaders(pub(super) Vec<&'static str>);

/// Answers.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) address: Ipv4Addr,
    pub(super) script: String,
    pub(super) loaders: Loaders,
}

impl Answer {
    /// The answer to a packet, and what it is for, in a word; `None`: it is none of ours to answer.
    pub(super) fn to(&self, packet: &Packet, port: Port) -> Option<(Vec<u8>, String)> {
        let class = packet.option(VENDOR_CLASS)?;
        if !class.starts_with(PXE) {
            return None;
        }
        let reply_type = match (packet.option(MESSAGE_TYPE)?, port) {
            ([DISCOVER], Port::Server) => OFFER,
            ([REQUEST], Port::Boot) => ACK,
            _ => return None,
        };
        let (file, what) = self.file(packet)?;
        let mut reply = packet
            .reply(self.address, &file)
            .with(MESSAGE_TYPE, &[reply_type])
            .with(SERVER_ID, &self.address.octets())
            .with(VENDOR_CLASS, PXE)
            .with(VENDOR, &USE_THE_FILE)
            .with(BOOT_FILE, file.as_bytes());
        // A client knows its own answer by its own number.
        if let Some(machine) = packet.option(MACHINE).filter(|machine| machine.len() == 17) {
            reply = reply.with(MACHINE, machine);
        }
        Some((reply.finish(), what))
    }

    fn file(&self, packet: &Packet) -> Option<(String, String)> {
        if is_ipxe(packet) {
            return Some((self.script.clone(), RUNS_LOADER.to_owned()));
        }
        let [high, low] = packet.option(ARCHITECTURE)?.get(..2)?.try_into().ok()?;
        let number = u16::from_be_bytes([high, low]);
        let (_, what, loader) = FIRMWARE.iter().find(|(known, ..)| *known == number)?;
        self.loaders.0.contains(loader).then(|| ((*loader).to_owned(), (*what).to_owned()))
    }
}

/// iPXE says its name, some builds with its length before it, as RFC 3004 has it.
fn is_ipxe(packet: &Packet) -> bool {
    matches!(packet.option(USER_CLASS), Some(b"iPXE" | b"\x04iPXE"))
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::packet;
    use super::*;

    fn answers() -> Answer {
        let script = "http://192.0.2.1:8080/pxe/boot.ipxe".to_owned();
        Answer { address: Ipv4Addr::new(192, 0, 2, 1), script, loaders: Loaders(vec!["undionly.kpxe", "ipxe.efi"]) }
    }

    const BIOS: &[u8] = b"PXEClient:Arch:00000:UNDI:002001";
    const DISCOVERY: (u8, &[u8]) = (MESSAGE_TYPE, &[DISCOVER]);
    const CLASS: (u8, &[u8]) = (VENDOR_CLASS, BIOS);

    fn file(options: &[(u8, &[u8])], port: Port) -> Option<String> {
        let (reply, _) = answers().to(&Packet::parse(&packet(options))?, port)?;
        let field = reply[108..236].split(|byte| *byte == 0).next()?;
        Some(String::from_utf8(field.to_vec()).unwrap())
    }

    /// Options, and the file that they get.
    type Row = (&'static [(u8, &'static [u8])], Option<&'static str>);

    #[test]
    fn a_client_gets_what_its_firmware_can_run_and_ipxe_its_script() {
        let script = Some("http://192.0.2.1:8080/pxe/boot.ipxe");
        let table: [Row; 11] = [
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 0])], Some("undionly.kpxe")),
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 7])], Some("ipxe.efi")),
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 9, 0, 7])], Some("ipxe.efi")),
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 7]), (USER_CLASS, b"iPXE")], script),
            (&[DISCOVERY, CLASS, (USER_CLASS, b"\x04iPXE")], script),
            // No loader for it, no such machine, none said.
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 11])], None),
            (&[DISCOVERY, CLASS, (ARCHITECTURE, &[0, 6])], None),
            (&[DISCOVERY, CLASS], None),
            // Somebody who wants an address alone.
            (&[DISCOVERY, (ARCHITECTURE, &[0, 0])], None),
            (&[DISCOVERY, (VENDOR_CLASS, b"MSFT 5.0"), (ARCHITECTURE, &[0, 0])], None),
            (&[CLASS, (ARCHITECTURE, &[0, 0])], None),
        ];
        for (options, wanted) in table {
            assert_eq!(file(options, Port::Server).as_deref(), wanted, "{options:?}");
        }
    }

    #[test]
    fn no_address_is_ever_given_and_requests_for_one_are_not_answered() {
        for kind in 0..=18 {
            let options: [(u8, &[u8]); 3] = [(MESSAGE_TYPE, &[kind]), (VENDOR_CLASS, BIOS), (ARCHITECTURE, &[0, 0])];
            let packet = Packet::parse(&packet(&options)).unwrap();
            for port in [Port::Server, Port::Boot] {
                let answer = answers().to(&packet, port);
                let wanted = matches!((kind, port), (DISCOVER, Port::Server) | (REQUEST, Port::Boot));
                assert_eq!(answer.is_some(), wanted, "{kind} {port:?}");
                let Some((reply, _)) = answer else { continue };
                assert_eq!((reply[0], &reply[16..20], &reply[20..24]), (2, &[0; 4][..], &[192, 0, 2, 1][..]));
                let given = Packet::parse(&[&[1], &reply[1..]].concat()).unwrap();
                for address_option in [1, 3, 6, 50, 51, 58, 59] {
                    assert!(given.option(address_option).is_none(), "{address_option}");
                }
                assert_eq!(given.option(VENDOR_CLASS), Some(PXE));
            }
        }
    }
}
