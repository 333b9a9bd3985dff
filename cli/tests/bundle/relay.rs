//! A way to a registry that goes dead: it passes on so many bytes of answers, and then nothing more.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Bytes that are passed on at a time.
const PORTION: usize = 16 << 10;

/// Passes connections on to `server` until `bytes` of answers went by; open connections are then silent. It ends with the test.
pub(crate) fn dead_after(bytes: u64, server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, left) = (listener.local_addr().unwrap(), Arc::new(AtomicU64::new(bytes)));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (server, left) = (TcpStream::connect(server).unwrap(), Arc::clone(&left));
            let (from_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            thread::spawn(move || pass(&from_client, &to_server, &AtomicU64::new(u64::MAX)));
            thread::spawn(move || pass(&server, &client, &left));
        }
    });
    address
}

/// Until one side ends; for ever when nothing is left.
fn pass(mut from: &TcpStream, mut to: &TcpStream, left: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; PORTION];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        while left.load(Ordering::SeqCst) < length as u64 {
            thread::park();
        }
        left.fetch_sub(length as u64, Ordering::SeqCst);
        to.write_all(&buffer[..length])?;
    }
}
