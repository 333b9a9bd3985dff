//! What ends soon, told at every render: the support of the Kubernetes version, authorities, certificates.
//!
//! What has ended is refused elsewhere, but for the version: a cluster without internet may have to stay with it.

use crate::commands::description::plural;
use crate::console::Console;
use jiff::{SignedDuration, Timestamp};
use kfimg_ignition::SUPPORT_ENDS_SOON;
use kfimg_images::Catalog;
use kfimg_pki::Warning;
use kfimg_profiles::description::values::KubernetesVersion;

/// So many certificates are named each; of more, the first one.
const NAMED: usize = 6;

/// Warns of everything.
pub(super) fn tell(version: KubernetesVersion, warnings: &[Warning], now: Timestamp, console: &Console) {
    support(version, now).iter().chain(&lines(warnings)).for_each(|line| console.warn(line));
}

/// The end of the version's support, if it is near or over.
fn support(version: KubernetesVersion, now: Timestamp) -> Option<String> {
    let (major, minor) = (version.major, version.minor);
    let support = Catalog::for_version((major, minor))?.support();
    let left = support.end.duration_since(now);
    if left >= SignedDuration::from_secs(SUPPORT_ENDS_SOON) {
        return None;
    }
    let (day, source) = (support.end.strftime("%Y-%m-%d"), &support.source);
    let what = if left.is_negative() { "ended" } else { "ends" };
    let next = match Catalog::for_version((major, minor + 1)) {
        Some(next) => format!("the next step is `kubernetesVersion: v{}`", next.tested_version()),
        None => format!("this kfimg knows nothing after {major}.{minor}: look for a newer one"),
    };
    Some(format!("the Kubernetes project's support of {major}.{minor} {what} on {day} ({source}); {next}"))
}

/// One line for each, but only one for many certificates.
fn lines(warnings: &[Warning]) -> Vec<String> {
    let end = |warning: &Warning| match warning {
        Warning::Certificate { not_after, .. } => Some(*not_after),
        Warning::Authority { .. } | Warning::Window { .. } => None,
    };
    let count = warnings.iter().filter_map(end).count();
    let first = warnings.iter().filter_map(|warning| Some((end(warning)?, warning))).min_by_key(|(end, _)| *end);
    let is_told = |warning: &&Warning| count <= NAMED || end(warning).is_none();
    let mut lines: Vec<String> = warnings.iter().filter(is_told).map(ToString::to_string).collect();
    if let Some((end, Warning::Certificate { certificate, .. })) = first.filter(|_| count > NAMED) {
        let others = plural(count - 1, "other");
        lines.push(format!(
            "{certificate} ends {end}, and {others} within 30 days; renew them with `kfimg pki renew --before 30` \
             (`kfimg pki show` lists them)"
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{lines, support};
    use jiff::Timestamp;
    use kfimg_pki::Warning;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_end_of_support_is_told_from_two_months_before_it_on() {
        let told = |version: &str, now: &str| support(version.parse().unwrap(), at(now)).unwrap_or_default();
        assert_eq!(told("v1.36.3", "2027-04-29T23:59:59Z"), "");
        let near = "the Kubernetes project's support of 1.36 ends on 2027-06-28 (https://kubernetes.io/releases/1.36/); \
                    this kfimg knows nothing after 1.36: look for a newer one";
        assert_eq!(told("v1.36.3", "2027-04-30T00:00:00Z"), near);
        assert_eq!(told("v1.36.3", "2027-06-28T12:00:00Z"), near);
        let over = told("v1.34.9", "2026-10-28T00:00:00Z");
        assert!(over.contains("1.34 ended on 2026-10-27"), "{over}");
        assert!(over.ends_with("the next step is `kubernetesVersion: v1.35.4`"), "{over}");
    }

    #[test]
    fn a_thousand_certificates_are_one_line_and_authorities_are_never_left_out() {
        let not_after = at("2027-01-01T00:00:00Z");
        let certificate = |number: i64| Warning::Certificate {
            certificate: format!("kubelet-client of worker-{number}"),
            not_after: Timestamp::from_second(not_after.as_second() - number).unwrap(),
        };
        let mut warnings: Vec<Warning> = (0..6).map(certificate).collect();
        assert_eq!(lines(&warnings).len(), 6);
        warnings = (0..1000).map(certificate).collect();
        warnings.insert(0, Warning::Authority { authority: "etcd", not_after });
        let told = lines(&warnings);
        assert_eq!(told.len(), 2);
        assert!(told[0].starts_with("the etcd CA ends 2027-01-01T00:00:00Z"), "{told:?}");
        assert!(
            told[1].starts_with("kubelet-client of worker-999 ends 2026-12-31T23:43:21Z, and 999 others"),
            "{told:?}"
        );
    }
}
