//! Thousands of odd packets, the same in every run: none makes the server panic, send more than it may, give what is no loader, or
//! keep a transfer that nobody waits for.

use super::REQUEST;
use super::packet::{ErrorCode, error};
use super::tests::{Place, request};
use crate::mutation::Mutation;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Requests as firmware and as strangers make them: names, modes and options that are good, odd, or too large.
fn seeds() -> Vec<Vec<u8>> {
    let long = "a".repeat(900);
    let lines: [&[&str]; 14] = [
        &["ipxe.efi", "octet"],
        &["/undionly.kpxe", "OCTET", "tsize", "0", "blksize", "1456"],
        &["ipxe.efi", "octet", "blksize", "65464", "windowsize", "65535", "timeout", "255"],
        &["ipxe.efi", "octet", "blksize", "7", "blksize", "0", "windowsize", "0", "timeout", "0"],
        &["ipxe.efi", "octet", "blksize", "4294967296", "windowsize", "-1", "tsize", "99999999999999999999"],
        &["snponly.efi", "netascii"],
        &["snponly.efi", "mail", "blksize", "512"],
        &["../secret", "octet"],
        &["/../../secret", "octet", "blksize", "1428"],
        &["./ipxe.efi/../secret", "octet"],
        &["secret", "octet"],
        &[&long, "octet"],
        &["ipxe.efi", &long],
        &["ipxe.efi", "octet", &long, "1"],
    ];
    let mut packets: Vec<Vec<u8>> = lines.iter().map(|words| request(words)).collect();
    packets.extend([
        vec![0, 4, 0, 0],
        vec![0, 3, 0, 1, 9],
        b"\0\x05\0\0gone\0".to_vec(),
        b"\0\x06blksize\x008\0".to_vec(),
    ]);
    packets.push([&[0, 2], &request(&["ipxe.efi", "octet"])[2..]].concat());
    packets
}

/// What a request asks for, read in another way than the server does: name and mode, where it has both and ends as it has to.
fn asked(datagram: &[u8]) -> Option<(String, String)> {
    let words = datagram.strip_prefix(&[0, 1])?.strip_suffix(&[0])?;
    let mut words = words.split(|byte| *byte == 0).map(|word| String::from_utf8(word.to_vec()).ok());
    Some((words.next()??, words.next()??))
}

#[test]
fn odd_packets_get_a_loader_or_a_refusal_and_leave_nothing_behind() {
    let place = Place::new();
    let (seeds, mut mutation) = (seeds(), Mutation::seeded(7));
    let client: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let refusals = [ErrorCode::NotFound, ErrorCode::Access, ErrorCode::Illegal].map(error);
    let (mut given, mut refused) = (0, 0);
    for number in 0..20_000 {
        let datagram = mutation.of(&seeds, REQUEST);
        match place.server.accept(&datagram, client) {
            Ok(transfer) => {
                given += 1;
                let (name, mode) = asked(&datagram).unwrap();
                let file = place.files.iter().find(|(loader, _)| *loader == name.trim_start_matches('/'));
                assert!(file.is_some_and(|(_, content)| *content == *transfer.file), "{number}: {name}");
                assert!(mode.eq_ignore_ascii_case("octet"), "{number}: {mode}");
                assert!((8..=1428).contains(&transfer.block) && (1..=16).contains(&transfer.window), "{number}");
                // Until the client answers it gets one small packet, a few times.
                let first = transfer.confirmation.as_ref().map_or(512 + 4, Vec::len);
                assert!(first <= 516 && transfer.wait <= Duration::from_secs(10), "{number}: {first}");
                place.server.end(client.ip());
            }
            Err(Some(refusal)) => {
                refused += 1;
                assert!(refusals.contains(&refusal) && refusal.len() <= 40, "{number}: {refusal:?}");
                assert!(matches!(datagram[..2], [0, 1 | 2]), "{number}: {datagram:?}");
            }
            Err(None) => assert!(!matches!(datagram[..], [0, 1 | 2, ..]), "{number}: {datagram:?}"),
        }
    }
    assert!(given > 1000 && refused > 1000, "{given} given, {refused} refused: the packets test nothing");
    assert!(place.running() == 0, "{} transfers that nobody waits for", place.running());
}

/// The same over sockets, with a client whose answers are odd, too.
#[test]
fn odd_clients_get_no_large_packet_and_the_server_forgets_them() {
    let place = Place::new();
    let (seeds, mut mutation) = (seeds(), Mutation::seeded(13));
    let client = place.client();
    client.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let mut transfers: HashSet<SocketAddr> = HashSet::new();
    let mut hear = |mutation: &mut Mutation| {
        let mut answer = [0; 2000];
        while let Ok((length, from)) = client.recv_from(&mut answer) {
            assert!(length <= 1432, "{length} bytes");
            transfers.insert(from);
            // A transfer hears odd answers, of which some make it go on, and then its end.
            let good = [vec![0, 4, 0, 0], vec![0, 4, 0, 1], answer[..length.min(8)].to_vec()];
            for _ in 0..3 {
                let _ = client.send_to(&mutation.of(&good, 600), from);
            }
            let _ = client.send_to(&[0, 5, 0, 0, 0], from);
        }
    };
    for _ in 0..1000 {
        client.send_to(&mutation.of(&seeds, REQUEST), place.server.address()).unwrap();
        hear(&mut mutation);
    }
    let begin = Instant::now();
    while place.running() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "{} transfers do not end", place.running());
        hear(&mut mutation);
    }
    assert!(transfers.len() > 100, "{} transfers at most: the packets test nothing", transfers.len());
    // Who comes after them is served.
    let (_, answer, _) = place.answer(&request(&["snponly.efi", "octet"]));
    assert_eq!(answer, [0, 3, 0, 1, 7]);
}
