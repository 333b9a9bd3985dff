//! Kubernetes versions: which ones are supported, and which one may follow another.

use super::{Subject, at};
use crate::description::values::KubernetesVersion;
use crate::flags::{NEWEST_MINOR, OLDEST_MINOR};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(version) = subject.description.kubernetes_version else { return };
    let minor = (version.major, version.minor);
    if (OLDEST_MINOR..=NEWEST_MINOR).contains(&minor) {
        return;
    }
    let relation = if minor < OLDEST_MINOR { "older" } else { "newer" };
    report
        .error(
            "unsupported-version",
            at("kubernetesVersion"),
            format!("{version} is {relation} than what this program knows"),
        )
        .help(format!(
            "write a version from v{}.{}.x to v{}.{}.x",
            OLDEST_MINOR.0, OLDEST_MINOR.1, NEWEST_MINOR.0, NEWEST_MINOR.1
        ));
}

/// Why one version may not follow another.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UpgradeError {
    /// A minor version would be skipped.
    #[error("{from} to {to} skips a minor version; go to v{}.{}.x first", from.major, from.minor + 1)]
    Skipped {
        /// The version of the cluster.
        from: KubernetesVersion,
        /// The version that is wanted.
        to: KubernetesVersion,
    },
    /// A minor version would be taken back.
    #[error("{from} to {to} goes back a minor version, and the older API server does not read what the newer one stored; keep v{}.{}.x", from.major, from.minor)]
    TakenBack {
        /// The version of the cluster.
        from: KubernetesVersion,
        /// The version that is wanted.
        to: KubernetesVersion,
    },
}

/// Whether a cluster of one version may become one of another.
///
/// Source: Kubernetes' version skew policy: components of a control plane differ by at most one minor version while it is
/// upgraded node by node, and minor versions are neither skipped nor taken back. Patch versions may go either way.
///
/// # Errors
/// Which rule is broken.
pub fn check_upgrade(from: KubernetesVersion, to: KubernetesVersion) -> Result<(), UpgradeError> {
    let (old, new) = ((from.major, from.minor), (to.major, to.minor));
    if new < old {
        return Err(UpgradeError::TakenBack { from, to });
    }
    if new.0 != old.0 || new.1 > old.1 + 1 {
        return Err(UpgradeError::Skipped { from, to });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_upgrade;

    #[test]
    fn minor_versions_are_neither_skipped_nor_taken_back() {
        let cases = [
            ("v1.35.2", "v1.36.3", true),
            ("v1.36.3", "v1.36.1", true),
            ("v1.34.9", "v1.36.3", false),
            ("v1.36.3", "v1.35.9", false),
        ];
        for (from, to, good) in cases {
            assert_eq!(check_upgrade(from.parse().unwrap(), to.parse().unwrap()).is_ok(), good, "{from} to {to}");
        }
    }
}
