//! Hands boot files and payloads to machines that boot from the network, and shows how far each has come.
//!
//! - [`mod@output`]: what `kfimg render` wrote, read where it lies; a payload goes out only when it is what the manifest says;
//! - [`mod@release`]: which machine may take which payload, and until when;
//! - [`mod@site`]: the paths over HTTP, answered on the connections of `kfimg_images::serve`;
//! - [`mod@board`]: how far each node has come, as a page, as events and as lines;
//! - [`mod@tftp`] and [`mod@dhcp`]: what a machine needs before it speaks HTTP. Both only when they are asked for.
//!
//! It reads an output and a folder of images and listens. It sees no state folder, no description and no authority's key, renders
//! nothing, and opens no connection.

pub mod board;
pub mod dhcp;

mod entrance;
#[cfg(test)]
mod fake;
mod folder;
#[cfg(test)]
mod mutation;
mod network;
pub mod output;
pub mod release;
mod route;
mod script;
pub mod site;
pub mod tftp;

pub use board::Board;
pub use entrance::Entrance;
pub use release::ReleaseRules;
pub use site::{Delivery, DeliveryOptions, ReportToken};

/// What to do about it.
fn remedy(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "; this port is root's: start kfimg serve as root, or with CAP_NET_BIND_SERVICE"
        }
        std::io::ErrorKind::AddrInUse => "; end what uses it (`ss -ulnp`), or choose another address",
        std::io::ErrorKind::AddrNotAvailable => "; name an address that this machine has (`ip address`)",
        _ => "",
    }
}

/// An address that can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("listening for {protocol} on {address}: {source}{}", remedy(.source))]
pub struct BindError {
    /// What is spoken there.
    pub protocol: &'static str,
    /// Which address.
    pub address: std::net::SocketAddr,
    /// The system's reason.
    pub source: std::io::Error,
}
