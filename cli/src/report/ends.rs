//! What ends and when: the version's support, the first certificates of each day, authorities.

use super::model::{Certificate, End};
use jiff::Timestamp;
use kfimg_ignition::SUPPORT_ENDS_SOON;
use kfimg_images::Catalog;
use kfimg_profiles::description::values::KubernetesVersion;
use std::collections::BTreeMap;

/// Days before their end from which ends are near, as `kfimg render` warns of them.
const CERTIFICATE_SOON: i64 = 30;
const AUTHORITY_SOON: i64 = 365;

/// Everything, the first one first.
pub(super) fn ends(version: KubernetesVersion, certificates: &[Certificate]) -> Vec<End> {
    let mut ends: Vec<End> = support(version).into_iter().collect();
    let (authorities, leaves): (Vec<_>, Vec<_>) = certificates.iter().partition(|one| one.is_authority);
    ends.extend(authorities.into_iter().map(|authority| End {
        what: format!("the authority {}", authority.name),
        when: authority.not_after,
        soon: soon(true),
        remedy: "nothing that it signed outlasts it: move to a new cluster before",
        is_support: false,
    }));
    let mut days: BTreeMap<String, (Timestamp, usize)> = BTreeMap::new();
    for leaf in leaves {
        let (first, count) = days.entry(day(leaf.not_after)).or_insert((leaf.not_after, 0));
        *first = (*first).min(leaf.not_after);
        *count += leaf.count;
    }
    ends.extend(days.into_values().map(|(when, count)| End {
        what: if count == 1 { "1 certificate".to_owned() } else { format!("{count} certificates") },
        when,
        soon: soon(false),
        remedy: "kfimg pki renew, kfimg render, boot the nodes one after the other",
        is_support: false,
    }));
    ends.sort_by(|one, other| (one.when, &one.what).cmp(&(other.when, &other.what)));
    ends
}

/// After it the version goes on working, and gets no corrections any more.
fn support(version: KubernetesVersion) -> Option<End> {
    let minor = (version.major, version.minor);
    Some(End {
        what: format!("the Kubernetes project's support of {}.{}", minor.0, minor.1),
        when: Catalog::for_version(minor)?.support().end,
        soon: SUPPORT_ENDS_SOON / 86_400,
        remedy: "render the next minor version, boot the nodes one after the other",
        is_support: true,
    })
}

/// How many days before its end a certificate is near it.
pub(super) fn soon(is_authority: bool) -> i64 {
    if is_authority { AUTHORITY_SOON } else { CERTIFICATE_SOON }
}

/// `2027-06-28`, in UTC.
pub(super) fn day(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%d").to_string()
}
