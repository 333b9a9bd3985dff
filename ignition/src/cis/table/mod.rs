//! The checks themselves, one file a section of the benchmark, in its order.
//!
//! Source: `cfg/cis-1.12` of kube-bench. `make interop` holds ids and kinds against that folder.

mod api_server;
mod control_plane;
mod etcd;
mod files;
mod kubelet;
mod kubelet_files;
mod managers;
mod policies;

use super::check::Check;
use super::require::Require;

/// Suites of ciphers with forward secrecy and authenticated encryption, in Go's names, old and new; and those of TLS 1.3,
/// which are always on.
const STRONG_CIPHERS: Require = Require::Only(&[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]);

/// What the checks of a part of the benchmark are about, by the beginning of their ids.
const HEADINGS: [(&str, &str); 16] = [
    ("1.1", "files of control planes"),
    ("1.2", "API server"),
    ("1.3", "controller-manager"),
    ("1.4", "scheduler"),
    ("2", "etcd"),
    ("3.1", "who may log in"),
    ("3.2", "what is written down"),
    ("4.1", "files of the kubelet"),
    ("4.2", "kubelet"),
    ("4.3", "kube-proxy"),
    ("5.1", "rights"),
    ("5.2", "pods"),
    ("5.3", "networks of pods"),
    ("5.4", "secrets"),
    ("5.5", "images"),
    ("5.6", "objects"),
];

/// The sections.
const SECTIONS: [&[Check]; 8] = [
    files::CHECKS,
    api_server::CHECKS,
    managers::CHECKS,
    etcd::CHECKS,
    control_plane::CHECKS,
    kubelet_files::CHECKS,
    kubelet::CHECKS,
    policies::CHECKS,
];

/// Every check, in the order of the benchmark.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    SECTIONS.into_iter().flatten()
}

/// What a check and its neighbours are about.
pub(super) fn heading(id: &str) -> &'static str {
    let part = id.rsplit_once('.').map_or(id, |(part, _)| part);
    HEADINGS.iter().find(|(prefix, _)| *prefix == part).map_or("", |(_, heading)| heading)
}

/// The check with an id.
pub fn find(id: &str) -> Option<&'static Check> {
    checks().find(|check| check.id == id)
}

#[cfg(test)]
mod tests {
    use super::checks;
    use crate::cis::Kind;

    /// Chapter, and the number of automated and manual checks that the benchmark has there.
    const COUNTS: [(&str, usize, usize); 5] = [("1", 47, 13), ("2", 6, 1), ("3", 0, 5), ("4", 12, 13), ("5", 0, 34)];

    #[test]
    fn no_check_is_missing_or_out_of_order() {
        for (chapter, automated, manual) in COUNTS {
            let count = |kind| checks().filter(|c| c.id.split('.').next() == Some(chapter) && c.kind == kind).count();
            assert_eq!((count(Kind::Automated), count(Kind::Manual)), (automated, manual), "chapter {chapter}");
        }
        let numbers: Vec<Vec<u32>> =
            checks().map(|c| c.id.split('.').map(|part| part.parse().unwrap()).collect()).collect();
        assert!(numbers.is_sorted_by(|one, next| one < next), "ids go up");
    }

    #[test]
    fn titles_fit_a_line_and_are_no_sentences() {
        for check in checks() {
            let fits = check.title.len() <= 54 && !check.title.ends_with('.');
            assert!(fits, "{}: {} has {} characters", check.id, check.title, check.title.len());
            assert!(!check.heading().is_empty(), "{}", check.id);
        }
    }
}
