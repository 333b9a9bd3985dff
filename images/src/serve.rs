//! A read-only registry (OCI distribution 1.1) over a bundle, where it lies: folder, tar or chunks.
//!
//! - names: the mirror layout `/v2/<upstream host>/<repository>/…`, containerd's `/v2/<repository>/…?ns=<upstream host>`,
//!   and the names as the bundle's `index.json` writes them;
//! - manifests are checked when the bundle is opened; a blob is checked while it is served first, and its last bytes are
//!   held back until its digest is right. A damaged blob is remembered and not served again;
//! - limits: connections, of all and of one client, time for a header and for a body, idle time, memory, time to stop.
//!
//! Where the registry has nothing, a [`Site`] may answer: files with ranges and conditions, texts, streams of events, under the
//! same limits. What these are for is not known here.
//!
//! It takes no writes and asks nobody. The one module here that is asynchronous; its threads end with [`Server::run`].
//! Why hyper itself and no framework: the limits lie in the accept loop and below HTTP, and there are seven routes.

mod answer;
mod auth;
mod blob_body;
mod body;
mod connection;
mod direct;
mod error;
mod idle;
mod log;
mod metrics;
mod options;
mod page;
mod places;
mod range;
mod registry;
mod route;
mod site;
mod tls;
mod trust;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Instant;

use crate::content::Content;
use crate::stop::Stop;

pub use auth::Credentials;
pub use error::ServeError;
pub use log::AccessLog;
pub use options::{ServeLimits, ServeOptions, TlsFiles};
pub use route::decoded;
pub use site::{Admission, Done, Reception, Sent, Site, SiteAnswer, SiteContent, SiteFile, SiteMethod, SiteRequest};

/// A registry that listens and is ready to run.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    shared: Arc<answer::Shared>,
    tls: Option<Arc<rustls::ServerConfig>>,
    limits: ServeLimits,
}

/// An address that is taken. Clients that come wait until the server runs.
#[derive(Debug)]
pub struct Reserved {
    listener: TcpListener,
    address: SocketAddr,
}

impl Reserved {
    /// Which; with port 0, the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server, of a bundle or of its site alone. Its options' address is passed over.
    ///
    /// # Errors
    ///
    /// When certificate and key are none.
    pub fn serve(self, content: Option<&Arc<Content>>, options: ServeOptions) -> Result<Server, ServeError> {
        let tls = options.tls.as_ref().map(tls::config).transpose()?;
        Ok(Server::on(self, content, options, tls))
    }
}

impl Server {
    /// Reads the bundle's documents, each verified, and listens. Connections wait until [`Server::run`].
    ///
    /// # Errors
    ///
    /// When the address is taken, or certificate and key are none.
    pub fn bind(content: &Arc<Content>, options: ServeOptions) -> Result<Self, ServeError> {
        let tls = options.tls.as_ref().map(tls::config).transpose()?;
        Ok(Self::on(Self::reserve(options.listen)?, Some(content), options, tls))
    }

    /// Takes an address for a server that comes later, which must know its port.
    ///
    /// # Errors
    ///
    /// When the address is taken.
    pub fn reserve(listen: SocketAddr) -> Result<Reserved, ServeError> {
        let fail = |source| ServeError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        Ok(Reserved { listener, address })
    }

    fn on(
        place: Reserved,
        content: Option<&Arc<Content>>,
        options: ServeOptions,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let registry = content.map_or_else(registry::Registry::empty, registry::Registry::read);
        let limits = options.limits;
        let shared = Arc::new(answer::Shared::new(registry, options));
        Self { listener: place.listener, address: place.address, shared, tls, limits }
    }

    /// Where it listens; with port 0 in the options, the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What of the bundle is damaged and therefore not served, in words for a person.
    #[must_use]
    pub fn faults(&self) -> &[String] {
        self.shared.registry.faults()
    }

    /// Serves until `stop` is asked; then lets connections finish, for as long as the limits say.
    ///
    /// # Errors
    ///
    /// When the system gives no threads or takes the listener away.
    pub fn run(self, stop: &Stop) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .max_blocking_threads(self.limits.readers)
            .thread_name("kfimg-serve")
            .build()
            .map_err(ServeError::Runtime)?;
        let limits = self.limits;
        let served = runtime.block_on(connection::serve(self, stop));
        // Threads that still read get what the connections left of the one bound.
        let left = served.as_ref().map_or(limits.stop, |stopped| limits.left(*stopped, Instant::now()));
        runtime.shutdown_timeout(left);
        served.map(drop)
    }
}
