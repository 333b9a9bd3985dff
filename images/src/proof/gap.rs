//! What a proof misses, and its words for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::component::Architecture;
use crate::digest::Digest;
use crate::reason::{Cause, Reason, Scope, joined};
use crate::reference::Reference;

/// Most digests that a message names.
const NAMED: usize = 3;

/// An image that some node will not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The image.
    pub reference: Reference,
    /// What is wrong with it.
    pub lack: Lack,
    /// Everybody who asks for it and does not get it, sorted.
    pub asked_by: Vec<Asker>,
}

/// Somebody who asks for an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// What asks, with file and line where it stands in one.
    pub reason: Reason,
    /// The nodes that do not get it, by name.
    pub nodes: Vec<String>,
}

/// What is wrong with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lack {
    /// The bundle does not have it.
    Missing,
    /// The bundle has it for other machines only.
    Architecture {
        /// For which it is asked.
        wanted: Vec<Architecture>,
        /// The platforms that there are.
        found: Vec<String>,
    },
    /// The bundle names it, but these parts are not there.
    Incomplete(Vec<Digest>),
    /// The bundle is a delta that leaves these layers to what it stands on, and the nodes have a medium only.
    LeftOut(Vec<Digest>),
    /// Its documents are damaged or make no sense, in the reader's words.
    Unreadable(String),
    /// The bundle may have it, but the node's containerd does not look there.
    Unreached,
    /// It is named after the site's registry itself: nodes ask there for that very name, and a bundle's images lie below their
    /// upstream's.
    Own,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("is not in the bundle; create it again with this image"),
            Self::Architecture { wanted, found } => {
                let wanted: Vec<&str> = wanted.iter().map(|one| one.as_str()).collect();
                write!(f, "is not in the bundle for {}; it is there for ", wanted.join(" and "))?;
                f.write_str(&if found.is_empty() { "no platform".to_owned() } else { found.join(", ") })
            }
            Self::Incomplete(absent) => {
                write!(f, "is in the bundle without {}; create it again", named(absent))
            }
            Self::LeftOut(absent) => {
                write!(f, "is in the bundle without {}, which a delta leaves out", named(absent))?;
                f.write_str("; on a medium it must be whole: create it without --since")
            }
            Self::Unreadable(reason) => write!(f, "cannot be read in the bundle: {reason}"),
            Self::Unreached => f.write_str("lies on a host that nodes do not reach through the site's registry"),
            Self::Own => f.write_str(
                "is named after the site's registry, where no bundle brings it; name it by its upstream host",
            ),
        }
    }
}

/// The first digests, and how many more there are.
fn named(digests: &[Digest]) -> String {
    let first: Vec<&str> = digests.iter().take(NAMED).map(Digest::as_str).collect();
    match digests.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// One line for the image, and an indented one for each cause, with the nodes that it is about.
impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.reference, self.lack)?;
        let mut causes: BTreeMap<&Cause, BTreeSet<Scope>> = BTreeMap::new();
        for asker in &self.asked_by {
            causes.entry(&asker.reason.cause).or_default().insert(asker.reason.scope.clone());
        }
        causes.iter().try_for_each(|(cause, scopes)| write!(f, "\n  asked for by {cause} on {}", joined(scopes)))
    }
}
