//! The TLS side of the registry: rustls with aws-lc-rs, HTTP/1.1.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{ServeError, TlsFiles};

/// Reads certificates and key.
pub(super) fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&files.certificates)
        .collect::<Result<_, _>>()
        .map_err(|error| ServeError::Tls(format!("the certificate file is no PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(ServeError::Tls("the certificate file has no certificate".to_owned()));
    }
    // The reader's own words could quote the key's file.
    let key = PrivateKeyDer::from_pem_slice(&files.key)
        .map_err(|_| ServeError::Tls("the key file has no private key in PEM".to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ServeError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| ServeError::Tls(format!("certificate and key do not fit: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
