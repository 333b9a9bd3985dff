//! What `kfimg pki show` prints: every certificate in a row. It holds no secret.

use jiff::Timestamp;
use serde::Serialize;

use crate::state::Keys;
use crate::table::Ca;
use crate::x509::Certificate;

const SECONDS_OF_A_DAY: i64 = 24 * 60 * 60;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// What it is called in the state folder: `ca`, `apiserver`, …
    pub name: String,
    /// The node that holds it; none for authorities and the administrator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Whether it is a certificate of an authority.
    pub authority: bool,
    /// Subject, as `O=…, CN=…`.
    pub subject: String,
    /// Names and addresses, as `DNS:…` and `IP:…`.
    pub names: Vec<String>,
    /// Issuer, as the subject.
    pub issuer: String,
    /// First moment.
    pub not_before: Timestamp,
    /// Last moment.
    pub not_after: Timestamp,
    /// Whole days until the end; negative after it.
    pub days_left: i64,
    /// Sort of its key: `ECDSA-P256`, `RSA-2048`, …
    pub algorithm: String,
    /// SHA-256 of the certificate in lower-case hexadecimal digits.
    pub sha256: String,
}

/// Every certificate: authorities, the administrator's, then by node.
pub(crate) fn rows(keys: &Keys, now: Timestamp) -> Vec<Row> {
    let authorities = Ca::ALL.iter().filter_map(|ca| keys.authorities.get(ca)).flat_map(|authority| {
        let stem = authority.ca.file_stem();
        authority.chain().iter().map(move |certificate| row(stem, None, certificate, now))
    });
    let administrator =
        keys.administrator.iter().map(|(leaf, held)| row(leaf.file_stem(), None, &held.certificate, now));
    let nodes = keys.nodes.iter().flat_map(|(node, leaves)| {
        leaves.iter().map(move |(leaf, held)| row(leaf.file_stem(), Some(node), &held.certificate, now))
    });
    authorities.chain(administrator).chain(nodes).collect()
}

fn row(name: &str, node: Option<&str>, certificate: &Certificate, now: Timestamp) -> Row {
    let seconds_left = certificate.not_after.as_second() - now.as_second();
    Row {
        name: name.to_owned(),
        node: node.map(str::to_owned),
        authority: certificate.authority.is_ca,
        subject: certificate.subject.clone(),
        names: certificate.names.iter().map(ToString::to_string).collect(),
        issuer: certificate.issuer.clone(),
        not_before: certificate.not_before,
        not_after: certificate.not_after,
        days_left: seconds_left.div_euclid(SECONDS_OF_A_DAY),
        algorithm: certificate.key_kind.label(),
        sha256: certificate.fingerprint(),
    }
}
