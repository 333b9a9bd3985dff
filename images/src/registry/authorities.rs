//! Whose certificates are believed: the system's authorities, and those that a site names for a registry.
//!
//! Nothing is verified here: that is rustls' work.
//! Source of the places: Go's `crypto/x509/root_linux.go`, which docker and containerd use.

use super::RegistryError;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// Files in which distributions keep all authorities; the first that exists is read.
const FILES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Most bytes of a file of authorities.
const LIMIT: u64 = 16 << 20;

static SYSTEM: LazyLock<Vec<Certificate<'static>>> = LazyLock::new(|| {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let places = named.into_iter().chain(FILES.map(PathBuf::from));
    places.filter(|path| path.is_file()).find_map(|path| read(&path).ok()).unwrap_or_default()
});

/// What TLS needs to know for a registry whose site names these files of PEM.
pub(super) fn tls(files: &[PathBuf]) -> Result<TlsConfig, RegistryError> {
    let mut certificates = SYSTEM.clone();
    for file in files {
        certificates.extend(read(file)?);
    }
    let config = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::new_with_certs(&certificates));
    Ok(config.build())
}

/// The files `<folder>/<host>/*.crt`, as docker and podman find them.
pub(super) fn of_folder(folder: &Path, host: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join(host)) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "crt")).collect();
    files.sort();
    files
}

fn read(path: &Path) -> Result<Vec<Certificate<'static>>, RegistryError> {
    let failed = |reason: String| RegistryError::Authorities { path: path.to_owned(), reason };
    let mut pem = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut pem));
    opened.map_err(|error| failed(error.to_string()))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(failed(
            "there is no certificate in it; name a file of PEM with the authority's certificate".to_owned(),
        ));
    }
    Ok(certificates)
}
