//! Making certificates: new authorities and the leaves that they sign.
//!
//! It does not decide which certificates a cluster needs, and keeps nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use time::OffsetDateTime;

use crate::error::Error;
use crate::key::{PrivateKey, random};
use crate::request::LeafSpec;
use crate::table::{Ca, Usage};
use crate::x509::authority::Authority;
use crate::x509::issuer_name::{self, Unsigned};
use crate::x509::{Certificate, San};

/// How far before "now" a certificate starts, for machines whose clocks stand behind.
pub(crate) const BACKDATED: Duration = Duration::from_secs(24 * 60 * 60);

/// First and last moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

impl Window {
    /// From a day ago until `length` from now, in whole seconds.
    pub(crate) fn starting(now: Timestamp, length: Duration) -> Result<Self, Error> {
        let second =
            Timestamp::from_second(now.as_second()).map_err(|error| Error::crypto("reading the clock", error))?;
        let beyond = |error| Error::UnusableName {
            name: format!("{} days", length.as_secs() / 86_400),
            certificate: "validity".to_owned(),
            reason: format!("the end cannot be written as a date ({error})"),
        };
        Ok(Self {
            not_before: second.checked_sub(BACKDATED).map_err(beyond)?,
            not_after: second.checked_add(length).map_err(beyond)?,
        })
    }
}

/// What a certificate says of its holder.
pub(crate) struct Subject<'a> {
    /// What messages call the certificate.
    pub(crate) label: &'a str,
    pub(crate) common_name: &'a str,
    pub(crate) organization: Option<&'a str>,
    pub(crate) usage: Usage,
    pub(crate) names: &'a BTreeSet<San>,
}

/// An authority ready to sign.
pub(crate) struct Signer<'a> {
    authority: &'a Authority,
    issuer: Issuer<'static, Unsigned>,
    key: PrivateKey,
}

impl<'a> Signer<'a> {
    /// Reads the authority's key once, for many signatures.
    pub(crate) fn new(authority: &'a Authority) -> Result<Self, Error> {
        let key = authority.private_key().map_err(|reason| Error::crypto("reading a CA key", reason))?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = issuer_name::placeholder();
        if let Some(identifier) = &authority.issuing().authority.subject_key_id {
            parameters.key_identifier_method = KeyIdMethod::PreSpecified(identifier.clone());
        }
        Ok(Self { authority, issuer: Issuer::new(parameters, Unsigned::of(&key)), key })
    }

    /// Signs one leaf for a key.
    pub(crate) fn leaf(&self, spec: &LeafSpec, key: &PrivateKey, window: Window) -> Result<Certificate, Error> {
        let profile = spec.leaf.profile();
        let subject = Subject {
            label: &spec.label(),
            common_name: &spec.common_name(),
            organization: profile.organization,
            usage: profile.usage,
            names: &spec.names,
        };
        self.sign(&subject, key, window)
    }

    /// Signs a certificate that may sign nothing itself.
    pub(crate) fn sign(&self, subject: &Subject<'_>, key: &PrivateKey, window: Window) -> Result<Certificate, Error> {
        let mut parameters = parameters(window, name(subject.common_name, subject.organization))?;
        // A CA that is younger than a day must not be older than what it signs.
        parameters.not_before = moment(window.not_before.max(self.authority.issuing().not_before))?;
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if key.algorithm() == &rcgen::PKCS_RSA_SHA256 {
            parameters.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        parameters.extended_key_usages = extended_usages(subject.usage);
        parameters.subject_alt_names =
            subject.names.iter().map(|name| subject_alternative_name(name, subject.label)).collect::<Result<_, _>>()?;
        let unsigned =
            parameters.signed_by(key, &self.issuer).map_err(|error| Error::crypto("encoding a certificate", error))?;
        let der = issuer_name::sign(unsigned.der(), &self.authority.issuing().subject_der, &self.key)?;
        Certificate::read(&der).map_err(|reason| Error::crypto("reading a new certificate", reason))
    }
}

/// A new self-signed authority. It may sign leaves only.
pub(crate) fn authority(ca: Ca, key: &PrivateKey, window: Window) -> Result<Certificate, Error> {
    let mut parameters = parameters(window, name(ca.common_name(), None))?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages =
        vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let signed = parameters.self_signed(key).map_err(|error| Error::crypto("signing a CA", error))?;
    Certificate::read(signed.der()).map_err(|reason| Error::crypto("reading a new CA", reason))
}

fn parameters(window: Window, subject: DistinguishedName) -> Result<CertificateParams, Error> {
    let mut parameters = CertificateParams::default();
    parameters.not_before = moment(window.not_before)?;
    parameters.not_after = moment(window.not_after)?;
    parameters.serial_number = Some(serial_number()?);
    parameters.distinguished_name = subject;
    Ok(parameters)
}

/// 128 random bits, the first two fixed so that the number is positive and always 16 octets long.
fn serial_number() -> Result<SerialNumber, Error> {
    let mut bytes = random::<16>()?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(bytes.as_slice()))
}

fn name(common_name: &str, organization: Option<&str>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    if let Some(organization) = organization {
        name.push(DnType::OrganizationName, organization);
    }
    name.push(DnType::CommonName, common_name);
    name
}

fn moment(timestamp: Timestamp) -> Result<OffsetDateTime, Error> {
    OffsetDateTime::from_unix_timestamp(timestamp.as_second()).map_err(|error| Error::crypto("writing a date", error))
}

fn extended_usages(usage: Usage) -> Vec<ExtendedKeyUsagePurpose> {
    let server = usage.server.then_some(ExtendedKeyUsagePurpose::ServerAuth);
    let client = usage.client.then_some(ExtendedKeyUsagePurpose::ClientAuth);
    server.into_iter().chain(client).collect()
}

fn subject_alternative_name(name: &San, label: &str) -> Result<SanType, Error> {
    match name {
        San::Ip(address) => Ok(SanType::IpAddress(*address)),
        San::Dns(name) => name.as_str().try_into().map(SanType::DnsName).map_err(|_| Error::UnusableName {
            name: name.clone(),
            certificate: label.to_owned(),
            reason: "only ASCII is allowed; write it in its xn-- form".to_owned(),
        }),
    }
}
