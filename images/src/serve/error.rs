//! Why the registry does not start.

use std::io;
use std::net::SocketAddr;

/// A registry that does not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address can't be listened on.
    #[error("listening on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// Certificate and key can't be used. The reason holds nothing of the key.
    #[error("TLS: {0}")]
    Tls(String),
    /// The system gives no threads.
    #[error("starting the registry: {0}")]
    Runtime(io::Error),
}
