//! Messages to systemd (`sd_notify(3)`): ready, and a line of status.
//!
//! Without a socket in the environment they go nowhere.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The service does its work from now on.
pub(crate) fn ready() {
    send("READY=1");
}

/// What `systemctl status` shows.
pub(crate) fn status(text: &str) {
    send(&format!("STATUS={}", text.replace('\n', " ")));
}

/// systemd does without a message that could not be sent; the unit's own timeout names a service that never got ready.
fn send(text: &str) {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let name = path.to_string_lossy();
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    if let (Ok(socket), Ok(address)) = (UnixDatagram::unbound(), address) {
        let _ = socket.send_to_addr(text.as_bytes(), &address);
    }
}
