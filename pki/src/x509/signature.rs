//! Whether one certificate signed another: the signature only, no names, no dates.

use aws_lc_rs::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use x509_parser::der_parser::oid::Oid;
use x509_parser::oid_registry as oid;

use crate::key::KeyKind;
use crate::x509::Certificate;

type Algorithm = &'static dyn VerificationAlgorithm;

/// Signature algorithms for each sort of key. RSASSA-PSS and others are not supported.
fn algorithm(signed_with: &Oid<'_>, key: KeyKind) -> Option<Algorithm> {
    let rsa: [(Oid<'_>, Algorithm); 3] = [
        (oid::OID_PKCS1_SHA256WITHRSA, &signature::RSA_PKCS1_2048_8192_SHA256),
        (oid::OID_PKCS1_SHA384WITHRSA, &signature::RSA_PKCS1_2048_8192_SHA384),
        (oid::OID_PKCS1_SHA512WITHRSA, &signature::RSA_PKCS1_2048_8192_SHA512),
    ];
    let sha256 = oid::OID_SIG_ECDSA_WITH_SHA256;
    let sha384 = oid::OID_SIG_ECDSA_WITH_SHA384;
    let sha512 = oid::OID_SIG_ECDSA_WITH_SHA512;
    let table: [(Oid<'_>, Algorithm); 3] = match key {
        KeyKind::Rsa(_) => rsa,
        KeyKind::P256 => [
            (sha256, &signature::ECDSA_P256_SHA256_ASN1),
            (sha384, &signature::ECDSA_P256_SHA384_ASN1),
            (sha512, &signature::ECDSA_P256_SHA512_ASN1),
        ],
        KeyKind::P384 => [
            (sha256, &signature::ECDSA_P384_SHA256_ASN1),
            (sha384, &signature::ECDSA_P384_SHA384_ASN1),
            (sha512, &signature::ECDSA_P384_SHA512_ASN1),
        ],
        KeyKind::P521 => [
            (sha256, &signature::ECDSA_P521_SHA256_ASN1),
            (sha384, &signature::ECDSA_P521_SHA384_ASN1),
            (sha512, &signature::ECDSA_P521_SHA512_ASN1),
        ],
    };
    table.into_iter().find_map(|(known, algorithm)| (known == *signed_with).then_some(algorithm))
}

/// Checks the signature of `child` with the key of `issuer`; the reason why it does not hold, otherwise.
pub(super) fn check(child: &Certificate, issuer: &Certificate) -> Result<(), String> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(&child.der).map_err(|_| "not a readable X.509 certificate".to_owned())?;
    let signed_with = &parsed.signature_algorithm.algorithm;
    let Some(algorithm) = algorithm(signed_with, issuer.key_kind) else {
        return Err(format!(
            "signature algorithm {signed_with} with a key of {} is not supported; use SHA-256, SHA-384 or SHA-512 \
             with RSA (PKCS#1 v1.5, 2048 bits or more) or ECDSA",
            issuer.key_kind.label()
        ));
    };
    UnparsedPublicKey::new(algorithm, &issuer.public_key)
        .verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data)
        .map_err(|_| format!("its signature was not made with the key of {:?}", issuer.subject))
}
