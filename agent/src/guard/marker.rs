//! The marker that a member keeps in two places, and the small words of which it is made.
//!
//! Reading, writing and fsync are not here; see the effects in [`crate::guard::action`].

use serde::{Deserialize, Serialize};

/// A number drawn at random by a member for one attempt to found the cluster; written as 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Nonce(pub u128);

/// etcd's id of a cluster, written as etcd prints it: hexadecimal without leading zeros.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterId(pub u64);

/// etcd's id of a member, written as etcd prints it: hexadecimal without leading zeros.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct MemberId(pub u64);

/// A number that is no hexadecimal number of the expected width.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadNumber(String);

impl std::fmt::Display for BadNumber {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "`{}` is no hexadecimal number of this width", self.0)
    }
}

impl std::error::Error for BadNumber {}

/// Reads and writes a number as hexadecimal digits.
macro_rules! hexadecimal {
    ($type:ident, $number:ty, $format:literal) => {
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                format!($format, value.0)
            }
        }

        impl TryFrom<String> for $type {
            type Error = BadNumber;

            fn try_from(text: String) -> Result<Self, BadNumber> {
                <$number>::from_str_radix(&text, 16).map(Self).map_err(|_| BadNumber(text))
            }
        }
    };
}
hexadecimal!(Nonce, u128, "{:032x}");
hexadecimal!(ClusterId, u64, "{:x}");
hexadecimal!(MemberId, u64, "{:x}");

/// The nonces of all founders, sorted. The cluster's token is a hash over it, so that two attempts never merge.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "Vec<Nonce>", into = "Vec<Nonce>")]
pub struct NonceSet(Vec<Nonce>);

impl From<Vec<Nonce>> for NonceSet {
    fn from(mut nonces: Vec<Nonce>) -> Self {
        nonces.sort_unstable();
        nonces.dedup();
        Self(nonces)
    }
}

impl From<NonceSet> for Vec<Nonce> {
    fn from(set: NonceSet) -> Self {
        set.0
    }
}

impl NonceSet {
    /// Whether the nonce is one of the set.
    pub fn contains(&self, nonce: Nonce) -> bool {
        self.0.binary_search(&nonce).is_ok()
    }

    /// The nonces, sorted.
    pub fn as_slice(&self) -> &[Nonce] {
        &self.0
    }
}

/// How far a member has come in an incarnation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It has drawn a nonce and has not started etcd with it.
    Ready,
    /// etcd may have started with the stored set.
    Committed,
    /// It has seen a leader and been a voter.
    Joined,
}

/// What a member remembers beside its log, fsynced, in two places.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Marker {
    /// Identity of the Kubernetes cluster, from the plan.
    pub uid: String,
    /// Incarnation in which the marker was written.
    pub incarnation: u32,
    /// The member's own nonce.
    pub nonce: Nonce,
    /// The set that the member is about to commit to, or has committed to; empty while it is being agreed.
    pub nonce_set: NonceSet,
    /// Id of the cluster that the member's log must have. [`None`] before a commit, and in a [`Marker`] that the
    /// decision returns for founding: who writes it fills in the id that etcd will derive from the token. It is stored,
    /// and not derived again, because a log that was forced into a new incarnation keeps its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterId>,
    /// How far the member has come.
    pub phase: Phase,
    /// Number of writes so far: of two places of one incarnation the higher counts.
    pub counter: u64,
}

/// One place of the marker, as it was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PlaceRead {
    /// It could not be read: a mount is missing, an I/O error, damaged contents.
    Unknown,
    /// It was read, and there is no marker.
    None,
    /// The marker.
    Known(Marker),
}

/// The marker of a member, from both places.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MarkerRead {
    /// A place could not be read.
    Unknown,
    /// Both places were read, and there is none.
    None,
    /// The newer one.
    Known(Marker),
}

/// The newer of two places: by incarnation, then by counter. A place that can't be read makes the whole unknown.
pub fn newest(outside: PlaceRead, beside: PlaceRead) -> MarkerRead {
    match (outside, beside) {
        (PlaceRead::Unknown, _) | (_, PlaceRead::Unknown) => MarkerRead::Unknown,
        (PlaceRead::None, PlaceRead::None) => MarkerRead::None,
        (PlaceRead::Known(one), PlaceRead::None) | (PlaceRead::None, PlaceRead::Known(one)) => MarkerRead::Known(one),
        (PlaceRead::Known(one), PlaceRead::Known(two)) => {
            let older = (one.incarnation, one.counter) < (two.incarnation, two.counter);
            MarkerRead::Known(if older { two } else { one })
        }
    }
}
