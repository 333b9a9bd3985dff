//! PEM text (RFC 7468), written one way only, so that a file can be compared with what it must be.
//!
//! It does not know what is inside a block.

use data_encoding::BASE64;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const LINE: usize = 64;

/// One block with its label.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    let body = BASE64.encode(der);
    let mut text = String::with_capacity(body.len() + body.len() / LINE + 2 * label.len() + 34);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

/// A certificate.
pub(crate) fn certificate(der: &[u8]) -> String {
    encode("CERTIFICATE", der)
}

/// A private key, under the label of its own encoding.
pub(crate) fn private_key(key: &PrivateKeyDer<'_>) -> String {
    let label = match key {
        PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
        PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    encode(label, key.secret_der())
}

/// Every certificate in a text, in order; other blocks and text between blocks are passed over.
pub(crate) fn read_certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, pem::Error> {
    CertificateDer::pem_slice_iter(text).collect()
}

/// The first private key in a text.
pub(crate) fn read_private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, pem::Error> {
    PrivateKeyDer::from_pem_slice(text)
}

#[cfg(test)]
mod tests {
    use super::{certificate, encode, read_certificates};

    #[test]
    fn lines_are_64_characters_and_end_with_a_newline() {
        for length in [1_usize, 47, 48, 49, 96, 97] {
            let text = encode("X", &vec![7; length]);
            assert!(text.ends_with("-----END X-----\n"), "{length}");
            assert!(text.lines().all(|line| line.len() <= 64), "{length}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = [certificate(&[1; 100]), certificate(&[2; 3])].concat();
        let blocks = read_certificates(text.as_bytes()).unwrap();
        assert_eq!(blocks.iter().map(|block| block.as_ref().to_vec()).collect::<Vec<_>>(), [vec![1; 100], vec![2; 3]]);
    }
}
