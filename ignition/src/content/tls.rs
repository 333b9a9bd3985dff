//! TLS of the components: versions and suites that CIS 1.2.29 and 4.2.12 name.

/// The oldest version, as Kubernetes writes it.
pub(in crate::content) const MIN_VERSION: &str = "VersionTLS12";

/// Suites of TLS 1.2 with forward secrecy and authenticated encryption, in Go's names; those of TLS 1.3 are always on.
pub(in crate::content) const CIPHER_SUITES: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];
