//! Thousands of odd packets, the same in every run: none makes the server panic, answer more than it may, or keep what it was sent.

use super::packet::{ARCHITECTURE, MACHINE, MESSAGE_TYPE, USER_CLASS, VENDOR_CLASS, tests::packet};
use super::tests::{FROM, Place};
use super::{LONGEST, Packet, Port};
use crate::mutation::Mutation;

const PACKETS: usize = 40_000;
/// Options that stand in no answer: whoever gives addresses sends them, and we never do.
const OF_ADDRESSES: [u8; 10] = [1, 3, 6, 12, 15, 28, 50, 51, 58, 59];
const KNOWN: &str = "52:54:00:00:00:11";
const UUID: &str = "22222222-2222-2222-2222-222222222222";

/// Good packets: of a BIOS, of UEFI, of iPXE; with options as long as they may be, in parts, or many.
fn seeds() -> Vec<Vec<u8>> {
    let machine: Vec<u8> = std::iter::once(0).chain([0x22; 16]).collect();
    let long = [b'x'; 255];
    let class: &[u8] = b"PXEClient:Arch:00007:UNDI:003001";
    let discover: (u8, &[u8]) = (MESSAGE_TYPE, &[1]);
    let request: (u8, &[u8]) = (MESSAGE_TYPE, &[3]);
    let many: Vec<(u8, &[u8])> = (100..=250).map(|code| (code, &[7][..])).collect();
    let of = |options: &[(u8, &[u8])]| packet(options);
    vec![
        of(&[discover, (VENDOR_CLASS, b"PXEClient:Arch:00000:UNDI:002001"), (ARCHITECTURE, &[0, 0])]),
        of(&[discover, (VENDOR_CLASS, class), (ARCHITECTURE, &[0, 7]), (MACHINE, &machine), (55, &[1, 3, 43, 60, 66])]),
        of(&[discover, (VENDOR_CLASS, class), (USER_CLASS, b"iPXE"), (175, &[177, 5, 1, 0x80, 0x86, 0x10, 0x0e])]),
        of(&[request, (VENDOR_CLASS, class), (ARCHITECTURE, &[0, 7]), (MACHINE, &machine)]),
        of(&[(VENDOR_CLASS, b"PXE"), discover, (VENDOR_CLASS, b"Client"), (ARCHITECTURE, &[0]), (ARCHITECTURE, &[0])]),
        of(&[
            discover,
            (VENDOR_CLASS, class),
            (43, &long),
            (43, &long),
            (43, &long),
            (43, &long),
            (ARCHITECTURE, &[0, 0]),
        ]),
        of(&[&[discover, (VENDOR_CLASS, class), (ARCHITECTURE, &[0, 0])], &many[..]].concat()),
    ]
}

#[test]
fn odd_packets_get_no_address_and_no_more_than_half_again_what_they_are() {
    let place = Place::new();
    place.render(&[("a", &format!("mac-{}", KNOWN.replace(':', "-"))), ("b", &format!("uuid-{UUID}"))]);
    place.until_ready();
    let (seeds, mut mutation) = (seeds(), Mutation::seeded(11));
    let mut answered = 0;
    for number in 0..PACKETS {
        let bytes = mutation.of(&seeds, LONGEST);
        let port = [Port::Server, Port::Boot][number % 2];
        let Some((packet, reply)) = place.server.answer(&bytes, FROM.parse().unwrap(), port) else { continue };
        answered += 1;
        let most = 300.max(bytes.len() + bytes.len() / 2);
        assert!(reply.len() <= most, "{number}: {} for {}", reply.len(), bytes.len());
        // An answer, with no address of the client's, and our own as the next server's.
        assert_eq!((reply[0], &reply[16..20], &reply[20..24]), (2, &[0; 4][..], &[192, 0, 2, 1][..]), "{number}");
        let given = Packet::parse(&[&[1], &reply[1..]].concat()).unwrap();
        assert!(OF_ADDRESSES.iter().all(|code| given.option(*code).is_none()), "{number}");
        // Only machines of the inventory are told anything, and it goes to no odd place.
        assert!(packet.mac() == KNOWN || packet.uuid().as_deref() == Some(UUID), "{number}: {}", packet.mac());
        let is_odd = |relay: std::net::Ipv4Addr| relay.is_broadcast() || relay.is_multicast() || relay.is_loopback();
        assert!(!packet.relay().is_some_and(is_odd), "{number}");
    }
    assert!(
        (PACKETS / 20..PACKETS * 9 / 10).contains(&answered),
        "{answered} were answered: too odd, or not odd enough"
    );
    // All that is left of them is what the board tells of strangers, of which it remembers few.
    assert!(place.strangers().len() <= 32, "{:?}", place.strangers());
    assert!(place.strangers().iter().all(|name| name.len() == "mac-52-54-00-00-00-11".len()));
    assert!(place.is_answered(0x11, Port::Server) && !place.is_answered(0x33, Port::Server));
}
