//! A relay on the loopback address that counts what a server sends: so "bytes received" is nobody's own claim.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Bytes that are passed on at a time.
const PORTION: usize = 256 << 10;

/// Runs until the program ends.
pub(crate) struct Relay {
    host: String,
    sent: Arc<AtomicU64>,
}

impl Relay {
    /// Passes connections on to `server`.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback address has a free port");
        let host = listener.local_addr().expect("a listener has an address").to_string();
        let sent = Arc::new(AtomicU64::new(0));
        let (server, counter) = (server.to_owned(), Arc::clone(&sent));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, counter) = (server.clone(), Arc::clone(&counter));
                thread::spawn(move || relay(&client, &server, &counter));
            }
        });
        Self { host, sent }
    }

    /// `127.0.0.1:port`.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Bytes that the server has sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

/// One connection; its errors are the client's and the server's to notice.
fn relay(client: &TcpStream, server: &str, sent: &AtomicU64) {
    let Ok(server) = TcpStream::connect(server) else { return };
    thread::scope(|scope| {
        scope.spawn(|| pass(client, &server, |_| {}));
        let _ = pass(&server, client, |count| {
            sent.fetch_add(count, Ordering::Relaxed);
        });
    });
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, count: impl Fn(u64)) -> io::Result<()> {
    let mut buffer = vec![0; PORTION];
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        count(length as u64);
        to.write_all(&buffer[..length])?;
    }
}
