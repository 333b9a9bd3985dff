//! How the registry is to serve.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::{AccessLog, Credentials, Site};

/// How the registry is to serve.
#[derive(Debug)]
pub struct ServeOptions {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Certificate and key; without them, plain HTTP.
    pub tls: Option<TlsFiles>,
    /// What answers beside the registry.
    pub site: Option<Arc<dyn Site>>,
    /// Who may pull; without them, everybody. The site judges for itself.
    pub credentials: Option<Credentials>,
    /// Where requests are written down.
    pub log: AccessLog,
    /// The limits.
    pub limits: ServeLimits,
}

impl Default for ServeOptions {
    /// Plain HTTP on a port of the loopback address that the system chooses, for everybody, without a log.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            site: None,
            credentials: None,
            log: AccessLog::none(),
            limits: ServeLimits::default(),
        }
    }
}

/// A certificate chain and its key, both PEM.
#[derive(Clone)]
pub struct TlsFiles {
    /// The chain, the server's own certificate first.
    pub certificates: Vec<u8>,
    /// The key of the first certificate.
    pub key: Vec<u8>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsFiles")
    }
}

/// The limits of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeLimits {
    /// Connections at once; more wait in the system's queue.
    pub connections: usize,
    /// Time for a TLS handshake, and for the header of a request, also of the next one on an open connection.
    pub header: Duration,
    /// Time in which a connection must move some bytes.
    pub idle: Duration,
    /// Time that open connections get to finish when the registry is stopped.
    pub stop: Duration,
    /// Threads that read files.
    pub readers: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connections: 512, header: seconds(30), idle: seconds(60), stop: seconds(10), readers: 16 }
    }
}
