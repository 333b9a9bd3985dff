//! A rack that gets power at once: every machine fetches the same large file at the same moment.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// Machines.
const CLIENTS: usize = 256;
/// Bytes that each fetches: a root file system.
pub(crate) const FILE: usize = 160 << 20;
/// Bound of one reading: a server that keeps a client waiting for longer has lost it.
const PATIENCE: Duration = Duration::from_secs(120);
const BUFFER: usize = 256 << 10;

/// How a storm went.
pub(crate) struct Storm {
    /// From the first request to the last byte.
    pub(crate) all: Duration,
    /// What 99 of 100 clients had their file within.
    pub(crate) p99: Duration,
}

/// Lets all clients ask for a path at once, and each read to the end.
pub(crate) fn storm(host: &str, path: &str) -> Storm {
    let start = Barrier::new(CLIENTS);
    let mut spans: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let client = || {
            thread::Builder::new().stack_size(BUFFER).spawn_scoped(scope, || {
                let mut stream = TcpStream::connect(host).expect("the server listens");
                start.wait();
                let begun = Instant::now();
                fetch(&mut stream, host, path);
                (begun, Instant::now())
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| client().expect("a thread is left")).collect();
        clients.into_iter().map(|client| client.join().expect("a client got its file")).collect()
    });
    let first = spans.iter().map(|(begun, _)| *begun).min().expect("there are clients");
    let last = spans.iter().map(|(_, ended)| *ended).max().expect("there are clients");
    spans.sort_by_key(|(begun, ended)| *ended - *begun);
    let (begun, ended) = spans[CLIENTS * 99 / 100];
    Storm { all: last - first, p99: ended - begun }
}

/// One GET; the body is counted and forgotten.
fn fetch(stream: &mut TcpStream, host: &str, path: &str) {
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket can have a bound");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("the server reads");
    let mut buffer = vec![0; BUFFER];
    let mut head = Vec::new();
    let mut body = loop {
        let length = stream.read(&mut buffer).expect("the server answers");
        assert!(length > 0, "{host}{path}: the answer ends in its head");
        head.extend_from_slice(&buffer[..length]);
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            break head.len() - end - 4;
        }
    };
    assert!(
        head.starts_with(b"HTTP/1.1 200"),
        "{host}{path}: {}",
        String::from_utf8_lossy(&head[..head.len().min(99)])
    );
    loop {
        match stream.read(&mut buffer).expect("the server goes on") {
            0 => break,
            length => body += length,
        }
    }
    assert_eq!(body, FILE, "{host}{path}");
}
