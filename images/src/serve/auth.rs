//! Basic authentication, compared in constant time.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;

/// A name and a password that may pull. Only their digest is kept, and it is not shown.
#[derive(Clone)]
pub struct Credentials([u8; 32]);

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials")
    }
}

impl Credentials {
    /// A name, which has no `:`, and a password.
    #[must_use]
    pub fn new(name: &str, password: &str) -> Self {
        Self(hash(format!("{name}:{password}").as_bytes()))
    }

    /// Whether the value of an `Authorization` header is `Basic` and these.
    pub(super) fn admit(&self, header: Option<&[u8]>) -> bool {
        let Some((scheme, value)) = header.and_then(|value| value.split_at_checked(6)) else { return false };
        if !scheme.eq_ignore_ascii_case(b"basic ") {
            return false;
        }
        let Ok(offered) = BASE64.decode(value.trim_ascii()) else { return false };
        // Digests have one length, so that neither content nor length shows in the time.
        verify_slices_are_equal(&self.0, &hash(&offered)).is_ok()
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_name_and_password_are_admitted() {
        let credentials = Credentials::new("site", "s3cret:with colon");
        let right = BASE64.encode(b"site:s3cret:with colon");
        let table = [
            (Some(format!("Basic {right}")), true),
            (Some(format!("basic  {right} ")), true),
            (Some(format!("Bearer {right}")), false),
            (Some(format!("Basic {}", BASE64.encode(b"site:s3cret"))), false),
            (Some("Basic !!!".to_owned()), false),
            (Some("Basic ".to_owned()), false),
            (Some(String::new()), false),
            (None, false),
        ];
        for (header, wanted) in table {
            assert_eq!(credentials.admit(header.as_deref().map(str::as_bytes)), wanted, "{header:?}");
        }
        assert_eq!(format!("{credentials:?}"), "Credentials");
    }
}
