//! What differs between two locks, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Lock, Pin};
use crate::component::Architecture;
use crate::reference::Reference;

/// Which digest of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// That of the index.
    Index,
    /// That of one platform's manifest.
    Platform(Architecture),
    /// That of a host program's file.
    Binary,
}

/// One fact that was added, removed or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it is about.
    pub reference: Reference,
    /// Which digest.
    pub fact: Fact,
    /// What stood there; `None`: nothing.
    pub old: Option<Pin>,
    /// What stands there now; `None`: nothing.
    pub new: Option<Pin>,
}

/// Sorted by text and fact.
pub(super) fn between(old: &Lock, new: &Lock) -> Vec<Change> {
    let (old, new) = (facts(old), facts(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |key: &(String, Fact)| {
        let (before, after) = (old.get(key), new.get(key));
        let reference = before.or(after).map(|(reference, _)| (*reference).clone())?;
        let (before, after) = (before.map(|(_, pin)| *pin), after.map(|(_, pin)| *pin));
        (before != after).then(|| Change { reference, fact: key.1, old: before.cloned(), new: after.cloned() })
    };
    keys.into_iter().filter_map(change).collect()
}

fn facts(lock: &Lock) -> BTreeMap<(String, Fact), (&Reference, &Pin)> {
    let images = lock.images.iter().flat_map(|(reference, image)| {
        let index = image.index.iter().map(|pin| (Fact::Index, pin));
        let platforms = image.platforms.iter().map(|(one, pin)| (Fact::Platform(*one), pin));
        index.chain(platforms).map(move |(fact, pin)| (reference, fact, pin))
    });
    let binaries = lock.binaries.iter().map(|(reference, pin)| (reference, Fact::Binary, pin));
    images.chain(binaries).map(|(reference, fact, pin)| ((reference.to_string(), fact), (reference, pin))).collect()
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index => f.write_str("index"),
            Self::Platform(architecture) => write!(f, "{architecture}"),
            Self::Binary => f.write_str("file"),
        }
    }
}

/// `registry.k8s.io/pause:3.10.2 index: sha256:… -> sha256:…`
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |pin: &Option<Pin>| pin.as_ref().map_or_else(|| "none".to_owned(), |pin| pin.digest.to_string());
        write!(f, "{} {}: {} -> {}", self.reference, self.fact, shown(&self.old), shown(&self.new))
    }
}
