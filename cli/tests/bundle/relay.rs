//! Ways to a registry that are slow, or go dead: after so many bytes of answers they pass on nothing more.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Bytes that are passed on at a time.
const PORTION: usize = 16 << 10;

/// Passes connections on to `server` until `bytes` of answers went by; open connections are then silent. It ends with the test.
pub(crate) fn dead_after(bytes: u64, server: SocketAddr) -> SocketAddr {
    slow_until(bytes, Duration::ZERO, server)
}

/// The same, with a pause before every [`PORTION`] of an answer.
pub(crate) fn slow_until(bytes: u64, pause: Duration, server: SocketAddr) -> SocketAddr {
    let left = Arc::new(AtomicU64::new(bytes));
    relay(server, move |length| {
        thread::sleep(pause);
        while left.load(Ordering::SeqCst) < length {
            thread::park();
        }
        left.fetch_sub(length, Ordering::SeqCst);
    })
}

fn relay(server: SocketAddr, before: impl Fn(u64) + Clone + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, before) = (TcpStream::connect(server).unwrap(), before.clone());
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(&from_client, &to_server, |_| {}));
            thread::spawn(move || pass(&server, &client, before));
        }
    });
    address
}

/// Until one side ends; `before` is told of the bytes that are passed on next.
fn pass(mut from: &TcpStream, mut to: &TcpStream, before: impl Fn(u64)) -> io::Result<()> {
    let mut buffer = vec![0; PORTION];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        before(length as u64);
        to.write_all(&buffer[..length])?;
    }
}
