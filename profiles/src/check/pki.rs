//! Windows of certificates, and authorities that are brought along.

use std::time::Duration;

use super::{Subject, at};
use crate::description::Pki;
use crate::problem::Report;
use crate::resolve::site::{DEFAULT_CA_WINDOW, DEFAULT_LEAF_WINDOW};

const DAY: Duration = Duration::from_secs(24 * 3600);
const LEAF: &str = "pki.certificateValidityPeriod";
const CA: &str = "pki.caCertificateValidityPeriod";

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let pki = &subject.description.pki;
    windows(pki, report);
    same_authority(pki, report);
    let leaf = pki.certificate_validity_period.unwrap_or(DEFAULT_LEAF_WINDOW);
    if let Some(window) = subject.description.etcd.bootstrap_window.filter(|window| *window > leaf) {
        report
            .warning(
                "bootstrap-beyond-certificates",
                at("etcd.bootstrapWindow"),
                format!("the cluster may be founded for {window}, but certificates last {leaf}"),
            )
            .note(at(LEAF), "the window of certificates")
            .help("write a bootstrap window within the certificates' one");
    }
}

fn windows(pki: &Pki, report: &mut Report) {
    let leaf = pki.certificate_validity_period.unwrap_or(DEFAULT_LEAF_WINDOW);
    let ca = pki.ca_certificate_validity_period.unwrap_or(DEFAULT_CA_WINDOW);
    for (setting, what, window, most_years) in [(LEAF, "certificates", leaf, 10), (CA, "authorities", ca, 100)] {
        let years = window.get().as_secs() / (365 * DAY.as_secs());
        if window.get() < DAY {
            report
                .error(
                    "certificate-window",
                    at(setting),
                    format!("{what} would last {window}, and clocks of machines differ by more than people think"),
                )
                .help("write at least 24h; the defaults are 26280h (3 years) and 87600h (10 years)");
        } else if years > 100 {
            report
                .error("certificate-window", at(setting), format!("{what} would last {years} years"))
                .help("write at most 876000h (100 years)");
        } else if years > most_years {
            report
                .warning(
                    "certificate-window",
                    at(setting),
                    format!("{what} would last {years} years, and what leaks today is good for so long"),
                )
                .help(format!("write at most {}h ({most_years} years)", most_years * 8760));
        }
    }
    // An authority that is brought along has a window of its own, which is examined with its certificate.
    let makes_one = pki.kubernetes.is_none() || pki.etcd.is_none() || pki.front_proxy.is_none();
    if leaf > ca && makes_one {
        let (blamed, other) = if pki.certificate_validity_period.is_some() { (LEAF, CA) } else { (CA, LEAF) };
        report
            .error(
                "window-beyond-ca",
                at(blamed),
                format!("certificates would last {leaf}, longer than the authorities above them, which last {ca}"),
            )
            .note(at(other), "the other window")
            .help("write a `certificateValidityPeriod` within the `caCertificateValidityPeriod`");
    }
}

/// etcd and the front proxy trust everyone whom their authority signed, so they need authorities of their own.
fn same_authority(pki: &Pki, report: &mut Report) {
    let all = [("kubernetes", &pki.kubernetes), ("etcd", &pki.etcd), ("frontProxy", &pki.front_proxy)];
    for (index, (key, authority)) in all.iter().enumerate() {
        let Some(authority) = authority else { continue };
        let earlier = all[..index].iter().find(|(_, other)| {
            other.as_ref().is_some_and(|other| other.certificate == authority.certificate || other.key == authority.key)
        });
        if let Some((other, _)) = earlier {
            report
                .error("shared-authority", at("pki").key(key).key("certificate"), format!("`{key}` and `{other}` would have the same authority, and each would trust the other's certificates"))
                .note(at("pki").key(other).key("certificate"), "given here as well")
                .help("bring an authority for each, or leave one out: kfimg then makes it");
        }
    }
}
