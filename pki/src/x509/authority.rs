//! Authorities: a chain of certificates with the key of the first, own or brought, and whether it can be trusted.
//!
//! It does not sign; see `issue`.

use jiff::Timestamp;

use crate::error::Error;
use crate::key::{PrivateKey, canonical_pem};
use crate::pem;
use crate::request::{BroughtCa, Policy};
use crate::secret::Secret;
use crate::table::Ca;
use crate::x509::Certificate;
use crate::x509::issue::{self, Window};

/// One authority with its key.
#[derive(Clone, Debug)]
pub(crate) struct Authority {
    pub(crate) ca: Ca,
    /// The issuing certificate first, the root last; one certificate when it is its own root.
    chain: Vec<Certificate>,
    pub(crate) key: Secret,
}

impl Authority {
    /// A new one.
    pub(crate) fn draw(ca: Ca, policy: &Policy, now: Timestamp) -> Result<Self, Error> {
        let key = PrivateKey::draw(policy.algorithm)?;
        let certificate = issue::authority(ca, &key, Window::starting(now, policy.ca_window)?)?;
        Ok(Self { ca, chain: vec![certificate], key: key.to_pem() })
    }

    /// One that somebody brings, checked.
    pub(crate) fn bring(ca: Ca, brought: &BroughtCa) -> Result<Self, Error> {
        let unusable = |reason| Error::UnusableCa { ca: ca.label(), source_files: brought.source.clone(), reason };
        let chain = read_chain(&brought.chain_pem).map_err(unusable)?;
        let key = canonical_pem(brought.key_pem.expose()).map_err(unusable)?;
        let authority = Self { ca, chain, key };
        authority.check().map_err(unusable)?;
        Ok(authority)
    }

    /// One from the state folder, checked again; says what is wrong with the certificates or with the key.
    pub(crate) fn restore(ca: Ca, chain_pem: &str, key_pem: Secret) -> Result<Self, Fault> {
        let chain = read_chain(chain_pem.as_bytes()).map_err(Fault::Chain)?;
        let authority = Self { ca, chain, key: key_pem };
        if authority.bundle_pem() != chain_pem {
            return Err(Fault::Chain("it does not hold exactly the certificates that kfimg wrote".to_owned()));
        }
        check_chain(&authority.chain).map_err(Fault::Chain)?;
        authority.private_key().map_err(Fault::Key)?;
        Ok(authority)
    }

    /// The certificate that signs leaves.
    pub(crate) fn issuing(&self) -> &Certificate {
        &self.chain[0]
    }

    /// Every certificate, issuing first.
    pub(crate) fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// The key of the issuing certificate; the reason why it cannot be used, otherwise.
    pub(crate) fn private_key(&self) -> Result<PrivateKey, String> {
        let key = PrivateKey::read(self.key.expose(), self.issuing().key_kind)?;
        let matches = rcgen::PublicKeyData::der_bytes(&key) == self.issuing().public_key;
        matches.then_some(key).ok_or_else(|| "it is not the key of the certificate".to_owned())
    }

    /// The first end in the chain: nothing that it signs holds longer.
    pub(crate) fn not_after(&self) -> Timestamp {
        self.chain.iter().map(|certificate| certificate.not_after).min().unwrap_or(Timestamp::MAX)
    }

    /// The latest start in the chain.
    pub(crate) fn not_before(&self) -> Timestamp {
        self.chain.iter().map(|certificate| certificate.not_before).max().unwrap_or(Timestamp::MIN)
    }

    /// The issuing certificate alone.
    pub(crate) fn issuing_pem(&self) -> String {
        pem::certificate(&self.issuing().der)
    }

    /// The whole chain, issuing first, root last.
    pub(crate) fn bundle_pem(&self) -> String {
        self.chain.iter().map(|certificate| pem::certificate(&certificate.der)).collect()
    }

    /// What a server must send besides its own certificate: the chain without its root.
    pub(crate) fn intermediates_pem(&self) -> String {
        let intermediates = &self.chain[..self.chain.len() - 1];
        intermediates.iter().map(|certificate| pem::certificate(&certificate.der)).collect()
    }

    fn check(&self) -> Result<(), String> {
        check_chain(&self.chain)?;
        self.private_key().map(drop)
    }
}

/// Which of an authority's two files is wrong, and why.
pub(crate) enum Fault {
    Chain(String),
    Key(String),
}

fn read_chain(text: &[u8]) -> Result<Vec<Certificate>, String> {
    let blocks = pem::read_certificates(text).map_err(|_| "the certificate file is not readable PEM".to_owned())?;
    if blocks.is_empty() {
        return Err("the certificate file holds no certificate; it must be PEM".to_owned());
    }
    blocks.iter().map(|der| Certificate::read(der)).collect()
}

fn check_chain(chain: &[Certificate]) -> Result<(), String> {
    for (below, certificate) in chain.iter().enumerate() {
        check_may_sign(certificate, below).map_err(|reason| format!("{:?} {reason}", certificate.subject))?;
    }
    for pair in chain.windows(2) {
        pair[0].check_signed_by(&pair[1]).map_err(|reason| {
            format!(
                "{:?} is not signed by the certificate that follows it: {reason}; put the issuing certificate first, \
                 then its issuer, the root last",
                pair[0].subject
            )
        })?;
    }
    check_root(&chain[chain.len() - 1])
}

fn check_root(root: &Certificate) -> Result<(), String> {
    if !root.is_self_issued() {
        return Err(format!(
            "the chain ends with {:?}, which is not a root; append the certificate of its issuer {:?}",
            root.subject, root.issuer
        ));
    }
    root.check_signed_by(root).map_err(|reason| format!("root {:?}: {reason}", root.subject))
}

/// Whether a certificate with `below` other authorities below it may sign.
fn check_may_sign(certificate: &Certificate, below: usize) -> Result<(), String> {
    let facts = &certificate.authority;
    if !facts.is_ca {
        return Err("is not a CA (basicConstraints CA:TRUE is missing); bring a CA certificate".to_owned());
    }
    if facts.may_sign == Some(false) {
        return Err("may not sign certificates (keyUsage lacks keyCertSign); bring one that may".to_owned());
    }
    if facts.path_length.is_some_and(|length| (length as usize) < below) {
        return Err(format!("allows fewer than {below} CAs below it (pathlen); bring a shorter chain"));
    }
    if certificate.usage.is_some_and(|usage| !usage.server || !usage.client) {
        return Err(
            "is limited by extendedKeyUsage; bring one with both serverAuth and clientAuth, or without".to_owned()
        );
    }
    if facts.name_constraints {
        return Err("has name constraints, which Kubernetes' own names break; bring one without".to_owned());
    }
    Ok(())
}
