//! What ends soon: certificates, authorities, and the time in which new certificates can last as long as they should.
//!
//! It only tells; what has ended is refused by [`super::ensure`].

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::request::{LeafSpec, Policy};
use crate::state::Keys;
use crate::x509::authority::Authority;
use crate::x509::issue::Window;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// From when on the end of a certificate is worth a warning: renewing it takes a render and a boot.
const SOON: Duration = DAY.saturating_mul(30);
/// The same for an authority, which has no successor within a cluster: workloads have to move to a new one.
const AUTHORITY_SOON: Duration = DAY.saturating_mul(365);

/// Something that ends soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Warning {
    /// A certificate ends within 30 days.
    #[serde(rename_all = "camelCase")]
    Certificate {
        /// Which one: `apiserver of master-1`.
        certificate: String,
        /// Its last moment.
        not_after: Timestamp,
    },
    /// An authority ends within a year, and everything that it signed with it.
    #[serde(rename_all = "camelCase")]
    Authority {
        /// Which one: `kubernetes`, `etcd`, `front-proxy`.
        authority: &'static str,
        /// The last moment of its chain.
        not_after: Timestamp,
    },
    /// A certificate that was issued now would outlast its authority, so none could be.
    #[serde(rename_all = "camelCase")]
    Window {
        /// Which authority.
        authority: &'static str,
        /// The last moment of its chain.
        not_after: Timestamp,
        /// Until when a new certificate would hold.
        new_ends: Timestamp,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { certificate, not_after } => {
                write!(formatter, "{certificate} ends {not_after}; renew it with `kfimg pki renew`")
            }
            Self::Authority { authority, not_after } => write!(
                formatter,
                "the {authority} CA ends {not_after}, and the cluster with it: nothing that it signs outlasts it, and it has no \
                 successor; plan a new cluster with another --state, and move the workloads"
            ),
            Self::Window { authority, not_after, new_ends } => write!(
                formatter,
                "the {authority} CA ends {not_after}, a new certificate would end {new_ends}: no node can be added and nothing \
                 renewed before `pki.certificateValidityPeriod` is shorter"
            ),
        }
    }
}

/// Everything that ends soon: authorities first, then certificates in the order of the request.
pub(super) fn warnings(keys: &Keys, specs: &[LeafSpec], policy: &Policy, now: Timestamp) -> Vec<Warning> {
    let soon = later(now, SOON);
    let authorities = keys.authorities.values().flat_map(|authority| of_authority(authority, policy, now));
    let leaves = specs.iter().filter_map(|spec| {
        let not_after = keys.leaf(spec.node.as_deref(), spec.leaf)?.certificate.not_after;
        (not_after <= soon).then(|| Warning::Certificate { certificate: spec.label(), not_after })
    });
    authorities.chain(leaves).collect()
}

fn of_authority(authority: &Authority, policy: &Policy, now: Timestamp) -> Vec<Warning> {
    let (name, not_after) = (authority.ca.label(), authority.not_after());
    let mut warnings = Vec::new();
    if not_after <= later(now, AUTHORITY_SOON) {
        warnings.push(Warning::Authority { authority: name, not_after });
    }
    let new = Window::starting(now, policy.leaf_window).ok().filter(|window| window.not_after > not_after);
    warnings.extend(new.map(|window| Warning::Window { authority: name, not_after, new_ends: window.not_after }));
    warnings
}

fn later(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
