//! HTTPS requests with a client certificate, to etcd, to other members' guards, to the API server; and those without one, to
//! servers of the site.
//!
//! What is said over them is not here. Every request has a time limit, every answer a size limit.

use crate::root::Root;
use rustls::crypto::aws_lc_rs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// Bytes of an answer with another status than 2xx that are kept.
const REASON_LIMIT: u64 = 16 << 10;

/// Authorities that a server of `https://` may have its certificate from: the cluster's, and the system's.
const AUTHORITIES: [&str; 2] = ["/etc/kubernetes/pki/ca.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// Who we are, and whom we trust, as PEM texts.
#[derive(Clone)]
pub(crate) struct Identity {
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// Why a request was not answered as hoped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// A certificate or key that can't be used.
    #[error("{0}")]
    Credentials(String),
    /// No answer, or none in time.
    #[error("{url}: {reason}")]
    Transport {
        /// Asked.
        url: String,
        /// In ureq's words.
        reason: String,
    },
    /// Another status than 2xx.
    #[error("{url}: status {status}: {body}")]
    Status {
        /// Asked.
        url: String,
        /// HTTP status.
        status: u16,
        /// The beginning of the answer.
        body: String,
        /// Seconds to wait before another try, where the server says so (`Retry-After`).
        retry_after: Option<u64>,
    },
    /// An answer that is not what was asked for.
    #[error("{url}: {reason}")]
    Answer {
        /// Asked.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl HttpError {
    /// The HTTP status, where there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl Identity {
    /// From PEM texts.
    pub(crate) fn new(authority: Vec<u8>, certificate: Vec<u8>, key: Vec<u8>) -> Self {
        Self { authority, certificate, key }
    }

    /// Whom it trusts, as PEM text.
    pub(crate) fn authority(&self) -> &[u8] {
        &self.authority
    }

    /// Its certificate and those between it and the authority, as PEM text.
    pub(crate) fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Its private key, as PEM text.
    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    /// From PEM files.
    pub(crate) fn read(authority: &Path, certificate: &Path, key: &Path) -> std::io::Result<Self> {
        Ok(Self::new(fs_err::read(authority)?, fs_err::read(certificate)?, fs_err::read(key)?))
    }
}

/// Sends requests.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: ureq::Agent,
}

impl Client {
    /// One that gives a whole request at most `time`. Proxies of the environment are not asked: everything is near.
    pub(crate) fn new(identity: &Identity, time: Duration) -> Result<Self, HttpError> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(time))
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .user_agent(concat!("kfimg-agent/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(identity)?)
            .build();
        Ok(Self { agent: ureq::Agent::new_with_config(config) })
    }

    /// Sends a request and returns at most `limit` bytes of a 2xx answer.
    pub(crate) fn send(&self, request: ureq::http::Request<Vec<u8>>, limit: u64) -> Result<Vec<u8>, HttpError> {
        let url = request.uri().to_string();
        let mut answer = self.open(request)?;
        let body = answer.body_mut().with_config().limit(limit).read_to_vec();
        body.map_err(|error| HttpError::Transport { url, reason: error.to_string() })
    }

    /// Sends a request and returns a 2xx answer whose body is still to be read, by a reader with a limit.
    pub(crate) fn open(
        &self,
        request: ureq::http::Request<Vec<u8>>,
    ) -> Result<ureq::http::Response<ureq::Body>, HttpError> {
        let url = request.uri().to_string();
        let sent = self.agent.run(request);
        let mut answer = sent.map_err(|error| HttpError::Transport { url: url.clone(), reason: error.to_string() })?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = beginning(answer.body_mut().as_reader());
        Err(HttpError::Status { url, status, body, retry_after })
    }
}

/// Asks without a client certificate. Built anew each time: the authorities may have come meanwhile.
pub(crate) fn anonymous(root: &Root, time: Duration) -> ureq::Agent {
    let pem = AUTHORITIES.map(|path| std::fs::read(root.at(path)).unwrap_or_default());
    let certificates: Vec<_> = pem.iter().flat_map(|pem| certificates(pem).unwrap_or_default()).collect();
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&certificates));
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(time))
        .proxy(None)
        .max_redirects(0)
        .user_agent(concat!("kfimg-agent/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls.build());
    ureq::Agent::new_with_config(config.build())
}

/// What can be read of an answer that is only looked at for its reason. Its end may be missing: the API server quotes whole
/// objects.
fn beginning(body: impl Read) -> String {
    let mut text = Vec::new();
    let _ = body.take(REASON_LIMIT).read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn tls(identity: &Identity) -> Result<TlsConfig, HttpError> {
    let client = ClientCert::new_with_certs(&certificates(&identity.certificate)?, key(&identity.key)?);
    let config = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&certificates(&identity.authority)?))
        .client_cert(Some(client));
    Ok(config.build())
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, HttpError> {
    let certificates: Vec<_> = parse_pem(pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(HttpError::Credentials("a file that should hold certificates holds none".to_owned()));
    }
    Ok(certificates)
}

fn key(pem: &[u8]) -> Result<PrivateKey<'static>, HttpError> {
    PrivateKey::from_pem(pem)
        .map_err(|_| HttpError::Credentials("a file that should hold a private key holds none".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{REASON_LIMIT, beginning};

    #[test]
    fn of_a_long_reason_the_beginning_is_kept() {
        let said = beginning(std::io::Read::chain(&b"no: "[..], std::io::repeat(b'x')));
        assert!(said.starts_with("no: xxx") && said.len() as u64 == REASON_LIMIT);
    }
}
