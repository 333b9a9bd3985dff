//! Signatures, attestations and SBOMs that a repository keeps beside an image under tags made of its digest: the way of cosign before
//! registries listed referrers, and still that of most signed images.
//!
//! Source: `github.com/sigstore/cosign`, `specs/SIGNATURE_SPEC.md`, "Tag-based object discovery".

use crate::digest::Digest;
use crate::reference::Reference;

/// The ends of such tags.
const KINDS: [&str; 3] = [".sig", ".att", ".sbom"];
/// Digits of the only algorithm whose digests fit into a tag.
const DIGITS: usize = 64;

/// The tags under which something may lie beside the image of a digest.
pub(crate) fn tags(digest: &Digest) -> Vec<String> {
    let (algorithm, digits) = (digest.algorithm(), digest.hexadecimal());
    let kinds = KINDS.iter().filter(|_| digits.len() == DIGITS);
    kinds.map(|kind| format!("{algorithm}-{digits}{kind}")).collect()
}

/// Whether a reference names such a thing, and no image.
#[must_use]
pub fn is_attached(reference: &Reference) -> bool {
    let kept = reference.tag().and_then(|tag| KINDS.iter().find_map(|kind| tag.strip_suffix(kind)));
    let digits = kept.and_then(|kept| kept.strip_prefix("sha256-"));
    digits.is_some_and(|digits| digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{is_attached, tags};

    #[test]
    fn the_tags_of_a_digest_are_known_again() {
        let digits = "0a".repeat(32);
        for tag in tags(&format!("sha256:{digits}").parse().unwrap()) {
            assert!(is_attached(&format!("reg.local/app:{tag}").parse().unwrap()), "{tag}");
        }
        assert!(tags(&format!("sha512:{}", "0".repeat(128)).parse().unwrap()).is_empty(), "no tag is that long");
        for name in ["app:1.sig", "app:sha256-00.sig", "app"] {
            assert!(!is_attached(&name.parse().unwrap()), "{name}");
        }
        assert!(!is_attached(&format!("app:sha256-{digits}").parse().unwrap()));
    }
}
