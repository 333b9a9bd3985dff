use super::packet::ErrorCode;
use super::*;
use std::time::Duration;

pub(super) struct Place {
    pub(super) server: Arc<Tftp>,
    stop: Stop,
    thread: Option<std::thread::JoinHandle<()>>,
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    _folder: tempfile::TempDir,
}

/// Bytes that do not repeat soon.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(length)
    .collect()
}

impl Place {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A whole number of blocks, so that the last one is empty; a single byte; and more than 65535 small blocks.
        let files = vec![("undionly.kpxe", noise(5120)), ("snponly.efi", vec![7]), ("ipxe.efi", noise(600_000))];
        for (name, content) in &files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        let board = Arc::new(Board::new(Box::new(|_, _| ())));
        let server = Arc::new(Tftp::bind("127.0.0.1:0".parse().unwrap(), folder.path(), board).unwrap());
        let (stop, running) = (Stop::new(), Arc::clone(&server));
        let wish = stop.clone();
        let thread = Some(std::thread::spawn(move || running.run(&wish)));
        Self { server, stop, thread, files, _folder: folder }
    }

    pub(super) fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        socket
    }

    /// Transfers that run.
    pub(super) fn running(&self) -> usize {
        self.server.running.lock().unwrap().values().sum()
    }

    /// The first answer to a datagram.
    pub(super) fn answer(&self, datagram: &[u8]) -> (UdpSocket, Vec<u8>, SocketAddr) {
        let client = self.client();
        client.send_to(datagram, self.server.address()).unwrap();
        let mut answer = vec![0; 2000];
        let (length, from) = client.recv_from(&mut answer).unwrap();
        answer.truncate(length);
        (client, answer, from)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop.ask();
        let _ = self.thread.take().unwrap().join();
    }
}

pub(super) fn request(words: &[&str]) -> Vec<u8> {
    let mut packet = vec![0, 1];
    for word in words {
        packet.extend_from_slice(word.as_bytes());
        packet.push(0);
    }
    packet
}

#[test]
fn curl_fetches_loaders_whole_at_any_size_of_block() {
    let place = Place::new();
    for (name, content) in &place.files {
        for block in ["512", "8", "1024", "1428", "65464"] {
            let url = format!("tftp://{}/{name}", place.server.address());
            let said = std::process::Command::new("curl")
                .args(["-sS", "--max-time", "60", "--tftp-blksize", block, &url])
                .output()
                .expect("curl runs; `make test` installs it");
            assert!(said.status.success(), "{name} {block}: {}", String::from_utf8_lossy(&said.stderr));
            assert!(said.stdout == *content, "{name} {block}");
        }
    }
}

#[test]
fn options_are_confirmed_within_their_bounds_and_a_window_is_sent_at_once() {
    let place = Place::new();
    let words = ["/ipxe.efi", "OCTET", "blksize", "65464", "windowsize", "64", "tsize", "0", "nonsense", "1"];
    let (client, answer, from) = place.answer(&request(&words));
    assert_eq!(answer, b"\0\x06blksize\x001428\0windowsize\x0016\0tsize\x00600000\0");
    client.send_to(&[0, 4, 0, 0], from).unwrap();
    let mut block = vec![0; 2000];
    for number in 1..=16_u16 {
        let (length, _) = client.recv_from(&mut block).unwrap();
        assert_eq!((&block[..4], length), (&[&[0, 3], &number.to_be_bytes()[..]].concat()[..], 1432));
    }
    // A part of the window came: the rest comes again, with what follows.
    client.send_to(&[0, 4, 0, 10], from).unwrap();
    client.recv_from(&mut block).unwrap();
    assert_eq!(block[..4], [0, 3, 0, 11]);
    client.send_to(&[0, 5, 0, 0, 0], from).unwrap();
}

#[test]
fn what_is_no_loader_does_not_go_out() {
    let place = Place::new();
    let not_found = packet::error(ErrorCode::NotFound);
    for name in ["secret", "../secret", "/etc/passwd", "ipxe.efi/../secret", ".", "a", "%69pxe.efi", "IPXE.EFI"] {
        assert_eq!(place.answer(&request(&[name, "octet"])).1, not_found, "{name}");
    }
    for (datagram, code) in [
        (request(&["ipxe.efi", "netascii"]), ErrorCode::Illegal),
        (request(&["", "octet"]), ErrorCode::Illegal),
        (request(&["ipxe.efi"]), ErrorCode::Illegal),
        (b"\0\x01ipxe.efi\0octet".to_vec(), ErrorCode::Illegal),
        (vec![0, 1], ErrorCode::Illegal),
        ([&[0, 2], &request(&["ipxe.efi", "octet"])[2..]].concat(), ErrorCode::Access),
    ] {
        assert_eq!(place.answer(&datagram).1, packet::error(code), "{datagram:?}");
    }
}

#[test]
fn transfers_are_bounded_for_one_client_and_for_all() {
    let place = Place::new();
    let client = |number: usize| -> IpAddr { format!("192.0.2.{number}").parse().unwrap() };
    let one = (0..10).filter(|_| place.server.begin(client(1))).count();
    assert_eq!(one, OF_ONE);
    let all = (2..200).filter(|number| place.server.begin(client(*number))).count();
    assert_eq!(all + one, TRANSFERS);
    place.server.end(client(1));
    assert!(place.server.begin(client(250)) && !place.server.begin(client(251)));
}
