//! By which certificate `kfimg serve` is known: files of the site's own, or one that the cluster's authority signs for this run.
//!
//! Every node trusts the cluster's authority for its registry, whatever the description says of others.

use crate::failure::Failure;
use clap::Args;
use jiff::Timestamp;
use kfimg_images::serve::TlsFiles;
use kfimg_pki::{Credential, San, State};
use kfimg_profiles::cluster::Registry;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a certificate for one run lasts: longer than the registry of a site goes without a restart.
const LENGTH: Duration = Duration::from_secs(398 * 24 * 60 * 60);
/// The subject of such a certificate. Clients look at its names only.
const COMMON_NAME: &str = "kfimg-registry";

/// Options for TLS.
#[derive(Args, Debug)]
pub(crate) struct TlsArgs {
    /// Certificate of this server in PEM, its issuers below it
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "tls_state", help_heading = "TLS")]
    tls_cert: Option<PathBuf>,
    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert", help_heading = "TLS")]
    tls_key: Option<PathBuf>,
    /// State folder of the cluster: its authority, which all its nodes trust, signs a certificate for this run
    #[arg(long, value_name = "DIR", help_heading = "TLS")]
    tls_state: Option<PathBuf>,
    /// Name or address in that certificate; again for more [default: the description's registry, or this host]
    #[arg(long = "name", value_name = "HOST", requires = "tls_state", help_heading = "TLS")]
    names: Vec<San>,
}

/// What the server shows.
#[derive(Debug)]
pub(super) enum Tls {
    /// Nothing: plain HTTP.
    None,
    /// Files of the site's own.
    Files(TlsFiles),
    /// A certificate for this run.
    Issued(Box<Credential>, BTreeSet<San>),
}

impl Tls {
    /// Reads the files, or issues a certificate, also for the host by which machines boot over HTTPS. The state folder is free again
    /// afterwards.
    pub(super) fn prepare(
        args: &TlsArgs,
        registry: Option<&Registry>,
        boot: Option<&str>,
        listen: SocketAddr,
    ) -> Result<Self, Failure> {
        if let (Some(certificate), Some(key)) = (&args.tls_cert, &args.tls_key) {
            let read = |path: &Path| std::fs::read(path).map_err(Failure::io("reading", path));
            return Ok(Self::Files(TlsFiles { certificates: read(certificate)?, key: read(key)? }));
        }
        let Some(folder) = &args.tls_state else { return Ok(Self::None) };
        let names = names(&args.names, registry, boot, listen)?;
        let state = State::open_existing(folder)?;
        let credential = state.issue_server(COMMON_NAME, &names, LENGTH, Timestamp::now())?;
        Ok(Self::Issued(Box::new(credential), names))
    }

    /// Whether it is plain HTTP.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::None)
    }

    /// Certificate and key, as the registry takes them.
    pub(super) fn files(&self) -> Option<TlsFiles> {
        match self {
            Self::None => None,
            Self::Files(files) => Some(files.clone()),
            Self::Issued(credential, _) => Some(TlsFiles {
                certificates: credential.certificate_pem().as_bytes().to_vec(),
                key: credential.key_pem().expose().as_bytes().to_vec(),
            }),
        }
    }

    /// The names in a certificate that was issued.
    pub(super) fn names(&self) -> &BTreeSet<San> {
        static NONE: BTreeSet<San> = BTreeSet::new();
        if let Self::Issued(_, names) = self { names } else { &NONE }
    }

    /// How nodes reach the server, and why they trust it, for people.
    pub(super) fn lines(&self, registry: Option<&Registry>, address: SocketAddr) -> Vec<String> {
        let trust = match self {
            Self::None => "Nodes ask without TLS: anyone on the way can give them other images.".to_owned(),
            Self::Files(_) => {
                "Nodes trust it by the cluster's own authority, or by the one that the description names as \
                 `registry.certificateAuthority`."
                    .to_owned()
            }
            Self::Issued(credential, names) => {
                let names: Vec<String> = names.iter().map(bare).collect();
                let end = credential.window().1.strftime("%Y-%m-%d");
                format!("The cluster's nodes trust it as {} until {end}; a restart renews that.", names.join(", "))
            }
        };
        let host = match registry {
            Some(registry) => return vec![trust, format!("Nodes ask it as {}.", registry.place())],
            None => self.names().iter().next().map_or_else(|| "HOST".to_owned(), bare),
        };
        let plain = if self.is_plain() { ", plainHTTP: true" } else { "" };
        let written = format!("registry: {{host: {host}, port: {}{plain}}}", address.port());
        vec![trust, format!("In the nodes' description: {written}")]
    }
}

/// The names that are wanted: those given, those of the description's registry and of the output's boot server, or this host's.
fn names(
    given: &[San],
    registry: Option<&Registry>,
    boot: Option<&str>,
    listen: SocketAddr,
) -> Result<BTreeSet<San>, Failure> {
    let mut names: BTreeSet<San> = given.iter().cloned().collect();
    if let Some(host) = boot {
        names.insert(parse(host.trim_matches(['[', ']']))?);
    }
    if let Some(registry) = registry {
        names.insert(parse(&registry.host)?);
        names.extend(registry.address.map(San::Ip));
    }
    if names.is_empty() {
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        names.insert(parse(&host)?);
        names.extend(Some(listen.ip()).filter(|address| !address.is_unspecified()).map(San::Ip));
    }
    Ok(names)
}

fn parse(text: &str) -> Result<San, Failure> {
    text.parse().map_err(|reason| Failure::Usage(format!("`{text}` {reason}; give the server's names with --name")))
}

fn bare(name: &San) -> String {
    match name {
        San::Dns(name) => name.clone(),
        San::Ip(address) => address.to_string(),
    }
}
