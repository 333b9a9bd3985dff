//! Reading certificates (RFC 5280): the facts that this crate checks and shows.
//!
//! Making them is in `issue`, trusting them in `authority`.

pub(crate) mod authority;
pub(crate) mod issue;
mod issuer_name;
mod signature;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::Timestamp;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::key::{KeyKind, fingerprint};
use crate::table::Usage;

/// A name or address in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum San {
    /// A DNS name.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

impl fmt::Display for San {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(formatter, "DNS:{name}"),
            Self::Ip(address) => write!(formatter, "IP:{address}"),
        }
    }
}

/// A name in any case, or an address. RFC 1123, section 2.1; a `*` may stand for the first label (RFC 6125, section 6.4.3).
impl FromStr for San {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let plain = name.strip_prefix("*.").unwrap_or(&name);
        if plain.len() <= 253 && plain.split('.').all(is_label) {
            Ok(Self::Dns(name))
        } else {
            Err("is neither an address nor a host's name (letters, digits, `-` and dots, without a port)".to_owned())
        }
    }
}

/// The organization that the first certificate of a PEM text names: the group that Kubernetes sees. `None` when it names
/// none or is no readable certificate.
pub fn organization(pem: &str) -> Option<String> {
    let certificates = crate::pem::read_certificates(pem.as_bytes()).ok()?;
    Certificate::read(certificates.first()?).ok()?.organization
}

/// The facts of one certificate.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) der: Vec<u8>,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) subject_der: Vec<u8>,
    pub(crate) issuer_der: Vec<u8>,
    pub(crate) common_name: Option<String>,
    pub(crate) organization: Option<String>,
    pub(crate) names: BTreeSet<San>,
    /// None when the extension is absent, which means "for everything".
    pub(crate) usage: Option<Usage>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) key_kind: KeyKind,
    pub(crate) public_key: Vec<u8>,
    pub(crate) authority: AuthorityFacts,
}

/// The facts that matter for an issuer.
#[derive(Clone, Debug, Default)]
pub(crate) struct AuthorityFacts {
    pub(crate) is_ca: bool,
    pub(crate) path_length: Option<u32>,
    /// None when there is no `keyUsage`, which means "for everything".
    pub(crate) may_sign: Option<bool>,
    pub(crate) name_constraints: bool,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    /// The issuer's `subjectKeyIdentifier`, as the certificate names it.
    pub(crate) authority_key_id: Option<Vec<u8>>,
}

impl Certificate {
    /// Reads one certificate; the reason why it cannot be used, otherwise.
    pub(crate) fn read(der: &[u8]) -> Result<Self, String> {
        let (rest, parsed) =
            x509_parser::parse_x509_certificate(der).map_err(|_| "not a readable X.509 certificate".to_owned())?;
        if !rest.is_empty() {
            return Err("bytes follow the certificate".to_owned());
        }
        let (key_kind, public_key) = read_public_key(parsed.public_key())?;
        let mut certificate = Self {
            der: der.to_vec(),
            subject: parsed.subject().to_string(),
            issuer: parsed.issuer().to_string(),
            subject_der: parsed.subject().as_raw().to_vec(),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            common_name: first_text(parsed.subject().iter_common_name()),
            organization: first_text(parsed.subject().iter_organization()),
            names: BTreeSet::new(),
            usage: None,
            not_before: timestamp(parsed.validity().not_before.timestamp()),
            not_after: timestamp(parsed.validity().not_after.timestamp()),
            key_kind,
            public_key,
            authority: AuthorityFacts::default(),
        };
        certificate.read_extensions(&parsed)?;
        Ok(certificate)
    }

    fn read_extensions(&mut self, parsed: &X509Certificate<'_>) -> Result<(), String> {
        for extension in parsed.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::BasicConstraints(constraints) => {
                    self.authority.is_ca = constraints.ca;
                    self.authority.path_length = constraints.path_len_constraint;
                }
                ParsedExtension::KeyUsage(usage) => self.authority.may_sign = Some(usage.key_cert_sign()),
                ParsedExtension::NameConstraints(_) => self.authority.name_constraints = true,
                ParsedExtension::SubjectKeyIdentifier(identifier) => {
                    self.authority.subject_key_id = Some(identifier.0.to_vec());
                }
                ParsedExtension::AuthorityKeyIdentifier(identifier) => {
                    self.authority.authority_key_id = identifier.key_identifier.as_ref().map(|id| id.0.to_vec());
                }
                ParsedExtension::ExtendedKeyUsage(usage) => {
                    self.usage =
                        Some(Usage { server: usage.any || usage.server_auth, client: usage.any || usage.client_auth });
                }
                ParsedExtension::SubjectAlternativeName(names) => {
                    self.names = names.general_names.iter().filter_map(read_name).collect();
                }
                ParsedExtension::ParseError { .. } => return Err("an extension cannot be read".to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// SHA-256 of the certificate.
    pub(crate) fn fingerprint(&self) -> String {
        fingerprint(&self.der)
    }

    /// Whether it names itself as its issuer.
    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// Whether it names `issuer` and the issuer's key; the reason why not, otherwise. The signature is not checked.
    pub(crate) fn check_names_issuer(&self, issuer: &Self) -> Result<(), String> {
        let (named, key) = (&self.authority.authority_key_id, &issuer.authority.subject_key_id);
        if self.issuer_der == issuer.subject_der && (key.is_none() || named == key) {
            return Ok(());
        }
        Err(format!("it was issued by another authority than {:?}", issuer.subject))
    }

    /// Whether `issuer` signed it; the reason why not, otherwise.
    pub(crate) fn check_signed_by(&self, issuer: &Self) -> Result<(), String> {
        if self.issuer_der != issuer.subject_der {
            return Err(format!("it was issued by {:?}, not by {:?}", self.issuer, issuer.subject));
        }
        signature::check(self, issuer)
    }
}

fn first_text<'a>(
    mut values: impl Iterator<Item = &'a x509_parser::x509::AttributeTypeAndValue<'a>>,
) -> Option<String> {
    values.next().and_then(|value| value.as_str().ok()).map(str::to_owned)
}

/// Certificates may end in the year 9999, a few hours later than the last moment that the time library knows.
fn timestamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

fn read_public_key(info: &SubjectPublicKeyInfo<'_>) -> Result<(KeyKind, Vec<u8>), String> {
    let bits = info.subject_public_key.data.to_vec();
    let kind = match info.parsed() {
        Ok(PublicKey::RSA(key)) => Some(KeyKind::Rsa(key.key_size())),
        Ok(PublicKey::EC(_)) => {
            info.algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok()).and_then(|curve| {
                [(OID_EC_P256, KeyKind::P256), (OID_NIST_EC_P384, KeyKind::P384), (OID_NIST_EC_P521, KeyKind::P521)]
                    .into_iter()
                    .find_map(|(known, kind)| (known == curve).then_some(kind))
            })
        }
        _ => None,
    };
    kind.map(|kind| (kind, bits)).ok_or_else(|| "its key is neither RSA nor ECDSA on P-256, P-384 or P-521".to_owned())
}

fn read_name(name: &GeneralName<'_>) -> Option<San> {
    match name {
        GeneralName::DNSName(name) => Some(San::Dns((*name).to_owned())),
        GeneralName::IPAddress(octets) => {
            let four = <[u8; 4]>::try_from(*octets).map(IpAddr::from).ok();
            four.or_else(|| <[u8; 16]>::try_from(*octets).map(IpAddr::from).ok()).map(San::Ip)
        }
        _ => None,
    }
}
