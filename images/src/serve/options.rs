//! How the registry is to serve.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
    /// Connections that are served at once, of which one client (an IPv4 address, or a network of 64 bits of IPv6) has half at most.
    /// As many more are accepted and wait; beyond these all wait in the system's queue, and those of one client that has as many as
    /// are served at once, waiting or not, are closed. Each needs a descriptor, and a second one for a file while it is served.
    pub connections: usize,
    /// Time for a TLS handshake, and for the header of a request, also of the next one on an open connection.
    pub header: Duration,
    /// Time in which the body of a request must have come.
    pub body: Duration,
    /// Time in which a connection must move some bytes, or find a place.
    pub idle: Duration,
    /// Time that open connections and their requests get to finish when the registry is stopped, all in all.
    pub stop: Duration,
    /// Threads that read files.
    pub readers: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        // One balancer may stand before all clients, so that half of the connections is what one server has to carry.
        let connections = 1024;
        Self { connections, header: seconds(30), body: seconds(5), idle: seconds(60), stop: seconds(10), readers: 16 }
    }
}

impl ServeLimits {
    /// What is left of the time to finish, for a registry that was stopped at that moment.
    pub(super) fn left(&self, stopped: Instant, now: Instant) -> Duration {
        self.stop.saturating_sub(now.saturating_duration_since(stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::ServeLimits;
    use std::time::{Duration, Instant};

    #[test]
    fn what_waits_last_gets_what_the_others_left() {
        let (stopped, seconds) = (Instant::now(), Duration::from_secs);
        let limits = ServeLimits { stop: seconds(10), ..ServeLimits::default() };
        for (passed, left) in [(0, 10), (4, 6), (10, 0), (11, 0)] {
            assert_eq!(limits.left(stopped, stopped + seconds(passed)), seconds(left), "after {passed} seconds");
        }
    }
}
