//! Connections: accepting, TLS, limits, and the end.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::answer::{Shared, Wire, answer};
use super::body::{Body, Ends};
use super::direct::{Direct, Lane};
use super::idle::{Idle, Waiting};
use super::places::{Places, Visit, network};
use super::{ServeError, ServeLimits, Server};
use crate::stop::Stop;

/// How often a wish to stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// The pause after a connection that could not be accepted, usually for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(50);
/// Connections that are taken, for each that has a place: the others wait.
const DOORS: usize = 2;
/// Bytes of a request's header, and of a connection's buffers.
const BUFFER: usize = 64 << 10;

/// What every connection needs.
#[derive(Clone)]
struct Common {
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    limits: ServeLimits,
}

/// Accepts connections until `stop` is asked, then waits for the open ones. Returns when that was.
pub(super) async fn serve(server: Server, stop: &Stop) -> Result<Instant, ServeError> {
    let listener = TcpListener::from_std(server.listener).map_err(ServeError::Runtime)?;
    let all = server.limits.connections.max(1);
    let (doors, places) = (Arc::new(Semaphore::new(all * DOORS)), Arc::new(Places::new(all, all.div_ceil(2))));
    let graceful = GracefulShutdown::new();
    let common = Common { shared: server.shared, tls: server.tls.map(TlsAcceptor::from), limits: server.limits };
    // A door comes first: connections beyond all doors wait in the system's queue.
    while let Some(Ok(door)) = until(stop, Arc::clone(&doors).acquire_owned()).await {
        match until(stop, listener.accept()).await {
            None => break,
            Some(Err(_)) => sleep(PAUSE).await,
            Some(Ok((stream, client))) => {
                let Some(visit) = places.arrive(network(client.ip())) else {
                    common.shared.metrics.turned_away();
                    continue;
                };
                let (common, watcher) = (common.clone(), graceful.watcher());
                tokio::spawn(async move {
                    receive(&common, watcher, stream, client, &visit).await;
                    drop((visit, door));
                });
            }
        }
    }
    drop(listener);
    places.close();
    let stopped = Instant::now();
    // Those that do not finish in time are cut.
    let _ = timeout(common.limits.stop, graceful.shutdown()).await;
    Ok(stopped)
}

/// The result of a future; `None` when `stop` is asked before.
async fn until<F: Future>(stop: &Stop, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    while !stop.is_asked() {
        if let Ok(output) = timeout(LOOK, &mut future).await {
            return Some(output);
        }
    }
    None
}

/// Handles a connection once there is a place for it. Who waits for long is let go, as who says nothing for long.
async fn receive(common: &Common, watcher: Watcher, stream: TcpStream, client: SocketAddr, visit: &Visit<IpAddr>) {
    let Ok(Some(_place)) = timeout(common.limits.idle, visit.place()).await else { return };
    common.shared.metrics.connected();
    handle(common, watcher, stream, client).await;
    common.shared.metrics.disconnected();
}

/// Errors of a connection concern its client alone, who notices.
async fn handle(common: &Common, watcher: Watcher, stream: TcpStream, client: SocketAddr) {
    // Small answers should not wait for more to send.
    let _ = stream.set_nodelay(true);
    let (idle, waiting, ends) = (common.limits.idle, Waiting::default(), Ends::default());
    match &common.tls {
        None => {
            let lane = Arc::new(Lane::default());
            let stream = Idle::new(Direct::new(stream, Arc::clone(&lane)), idle, waiting.clone(), ends.clone());
            talk(common, watcher, stream, client, Wire { lane: Some(lane), waiting, ends }).await;
        }
        Some(tls) => {
            let stream = Idle::new(stream, idle, waiting.clone(), ends.clone());
            if let Ok(Ok(stream)) = timeout(common.limits.header, tls.accept(stream)).await {
                talk(common, watcher, stream, client, Wire { lane: None, waiting, ends }).await;
            }
        }
    }
}

async fn talk(
    common: &Common,
    watcher: Watcher,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: SocketAddr,
    wire: Wire,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (shared, wire) = (Arc::clone(&common.shared), wire.clone());
        async move { Ok::<Response<Body>, Infallible>(answer(shared, client, wire, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(common.limits.header)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let _ = watcher.watch(connection).await;
}
