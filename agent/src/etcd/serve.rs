//! The endpoint where other members ask this one: `GET /v1/answer` on `<node address>:2382`, mutual TLS.
//!
//! It answers for as long as the program runs, whatever else stands still. What it answers is `member`'s.
//! Nobody can keep others from being answered: a connection has one deadline for everything, each member has places of
//! its own, and all strangers together have a few.

use super::member::Member;
use super::wakeup::{Wakeup, locked};
use crate::http::Identity;
use crate::wait::Deadline;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The only question.
pub(crate) const PATH: &str = "/v1/answer";
/// Header in which a member that asks gives its name and, as a digest, what it would answer itself.
pub(crate) const STATE_HEADER: &str = "x-kfimg-state";

/// Handshake, question and answer together take no longer.
const TIME: Duration = Duration::from_secs(2);
/// No question is longer, in bytes.
const LIMIT: usize = 4096;
/// Connections of one member at a time.
const PLACES: usize = 4;
/// Connections of all who are no members, together.
const STRANGERS: usize = 8;
/// A connection's thread needs little.
const STACK: usize = 256 << 10;

/// The endpoint.
#[derive(Debug)]
pub(crate) struct Endpoint {
    member: Member,
    config: Arc<ServerConfig>,
    members: Vec<IpAddr>,
    places: Mutex<BTreeMap<Option<IpAddr>, usize>>,
    wakeup: Arc<Wakeup>,
}

impl Endpoint {
    /// Listens, and answers from threads of its own for ever.
    ///
    /// # Errors
    /// The address is not there yet or in use, or the certificates can't be used.
    pub(crate) fn start(member: &Member, identity: &Identity, wakeup: Arc<Wakeup>) -> io::Result<()> {
        let address = authority(&member.own().guard_url)?;
        let config = Arc::new(config(identity).map_err(io::Error::other)?);
        let members = member.etcd.members.iter().filter_map(|member| authority(&member.guard_url).ok());
        let members = members.map(|address| address.ip()).collect();
        let named = |error: io::Error| io::Error::new(error.kind(), format!("listening on {address}: {error}"));
        let listener = TcpListener::bind(address).map_err(named)?;
        let endpoint = Self { member: member.clone(), config, members, places: Mutex::default(), wakeup };
        let endpoint = Arc::new(endpoint);
        std::thread::Builder::new().name("accept".to_owned()).spawn(move || accept(&listener, &endpoint)).map(drop)
    }

    /// A place for a connection; [`None`]: there are too many.
    fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let whose = self.members.contains(&address).then_some(address);
        let limit = if whose.is_some() { PLACES } else { STRANGERS };
        let mut places = locked(&self.places);
        let taken = places.entry(whose).or_default();
        if *taken >= limit {
            return None;
        }
        *taken += 1;
        Some(Place { endpoint: Arc::clone(self), whose })
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, Timed { stream, deadline: Deadline::after(TIME) });
        let question = read_question(&mut stream)?;
        let mut lines = question.lines();
        let first = lines.next().unwrap_or_default();
        let known = first.split(' ').take(2).eq(["GET", PATH]);
        let (status, body) =
            if known { ("200 OK", serde_json::to_vec(&self.member.answer())?) } else { ("404 Not Found", Vec::new()) };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), &body].concat())?;
        stream.conn.send_close_notify();
        stream.flush()?;
        if let Some((name, state)) = lines.find_map(state_of)
            && self.member.etcd.members.iter().any(|member| member.name == name)
        {
            self.wakeup.asked_by(name, state);
        }
        Ok(())
    }
}

/// The address and port of a `https://` URL.
pub(crate) fn authority(url: &str) -> io::Result<SocketAddr> {
    let wrong = || io::Error::other(format!("`{url}` is no https URL of an address and a port"));
    url.strip_prefix("https://").and_then(|rest| rest.trim_end_matches('/').parse().ok()).ok_or_else(wrong)
}

/// Name and digest.
fn state_of(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    value.trim().split_once(' ').filter(|_| name.eq_ignore_ascii_case(STATE_HEADER))
}

fn config(identity: &Identity) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(identity.authority()) {
        roots.add(certificate?)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build()?;
    let chain = CertificateDer::pem_slice_iter(identity.certificate()).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(identity.key())?;
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_client_cert_verifier(verifier).with_single_cert(chain, key)?)
}

fn accept(listener: &TcpListener, endpoint: &Arc<Endpoint>) {
    loop {
        let Ok((stream, address)) = listener.accept() else {
            // Out of descriptors or memory: others need a moment to give some back.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        let Some(place) = endpoint.place(address.ip()) else { continue };
        let thread = std::thread::Builder::new().name("answer".to_owned()).stack_size(STACK);
        // Whoever asks badly learns nothing, and nobody else has to.
        let _ = thread.spawn(move || {
            let _ = place.endpoint.serve(stream);
        });
    }
}

/// A connection's place, given back when it ends.
#[derive(Debug)]
struct Place {
    endpoint: Arc<Endpoint>,
    whose: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(taken) = locked(&self.endpoint.places).get_mut(&self.whose) {
            *taken = taken.saturating_sub(1);
        }
    }
}

/// A stream on which everything together takes no longer than until the deadline.
#[derive(Debug)]
struct Timed {
    stream: TcpStream,
    deadline: Deadline,
}

impl Timed {
    fn left(&self) -> io::Result<Option<Duration>> {
        if self.deadline.over() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(self.deadline.left())) }
    }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Timed {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Everything up to the empty line.
fn read_question(stream: &mut impl Read) -> io::Result<String> {
    let mut text = Vec::new();
    let mut buffer = [0_u8; 1024];
    while !text.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer)?;
        if count == 0 || text.len() + count > LIMIT {
            return Err(io::ErrorKind::InvalidData.into());
        }
        text.extend_from_slice(&buffer[..count]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
#[path = "serve_tests.rs"]
mod tests;
