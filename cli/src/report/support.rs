//! Until when the Kubernetes project supports a minor version: the dates of <https://kubernetes.io/releases/>.
//!
//! A version has patch releases for fourteen months; then it goes on working and gets no corrections of faults any more.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use kfimg_profiles::description::values::KubernetesVersion;

/// Minor versions of Kubernetes 1, and the last day.
const ENDS: [(u32, Date); 3] = [(34, date(2026, 10, 27)), (35, date(2027, 2, 28)), (36, date(2027, 6, 28))];

/// The end of support of a version, where it is known: the end of that day.
pub(super) fn end(version: KubernetesVersion) -> Option<Timestamp> {
    let (_, day) = ENDS.into_iter().find(|(minor, _)| version.major == 1 && version.minor == *minor)?;
    day.at(23, 59, 59, 0).to_zoned(TimeZone::UTC).ok().map(|end| end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::end;
    use kfimg_images::Catalog;

    #[test]
    fn every_version_that_has_a_catalog_has_an_end() {
        for minor in 30..50 {
            let version = format!("v1.{minor}.0").parse().unwrap();
            assert_eq!(Catalog::for_version((1, minor)).is_some(), end(version).is_some(), "1.{minor}");
        }
    }
}
