//! A drive that carries the payloads of all machines, each known by its Ethernet addresses: what `kfimg render --all-in-one`
//! writes, and what `kfimg-agent platform` chooses from.
//!
//! The renderer and the agent share the format, so that neither can misread the other. Whether the drive is mounted, and which cards
//! a machine has, is not known here.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Label of the drive's file system, as `/dev/disk/by-label` has it.
pub const LABEL: &str = "KFIMG-ALL";
/// The file that says which payload is for which machine: a [`Medium`] as JSON.
pub const INDEX: &str = "kfimg.json";
/// The format that is written.
pub const VERSION: u32 = 1;

/// Which payload is for which machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Medium {
    /// [`VERSION`].
    pub version: u32,
    /// The cluster's name, for people.
    pub cluster: String,
    /// The node of each card: Ethernet addresses in lower case with colons, and names.
    pub machines: BTreeMap<String, String>,
}

/// Why none of the payloads is for a machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NotChosen {
    /// The drive is of another release.
    Version(u32),
    /// No card of the machine is on it.
    Unknown,
    /// Cards of the machine are those of several nodes.
    Several(Vec<String>),
    /// The name leads elsewhere than to a payload.
    Name(String),
}

impl Medium {
    /// The node that a machine with these cards is.
    ///
    /// # Errors
    /// [`NotChosen`].
    pub fn choose(&self, cards: &BTreeSet<String>) -> Result<&str, NotChosen> {
        if self.version != VERSION {
            return Err(NotChosen::Version(self.version));
        }
        let known: BTreeSet<&String> = cards.iter().filter_map(|card| self.machines.get(card)).collect();
        let mut known = known.into_iter();
        match (known.next(), known.next()) {
            (None, _) => Err(NotChosen::Unknown),
            (Some(node), None) if is_name(node) => Ok(node),
            (Some(node), None) => Err(NotChosen::Name(node.clone())),
            (Some(one), Some(other)) => {
                Err(NotChosen::Several([one, other].into_iter().chain(known).cloned().collect()))
            }
        }
    }
}

/// Where a node's payload lies on the drive: an Ignition configuration.
#[must_use]
pub fn payload(node: &str) -> String {
    format!("nodes/{node}/ignition.json")
}

/// Whether it is a node's name (RFC 1123), and so no path.
fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.chars().all(is_part)
}

impl fmt::Display for NotChosen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => write!(formatter, "its format is {version}, and this agent reads {VERSION}"),
            Self::Unknown => formatter.write_str("it has no payload for this machine"),
            Self::Several(nodes) => write!(formatter, "this machine has cards of {}", nodes.join(" and ")),
            Self::Name(name) => write!(formatter, "{name:?} is no name of a node"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Medium, NotChosen, VERSION};
    use std::collections::BTreeSet;

    fn medium(machines: &[(&str, &str)]) -> Medium {
        let machines = machines.iter().map(|(card, node)| ((*card).to_owned(), (*node).to_owned())).collect();
        Medium { version: VERSION, cluster: "demo".to_owned(), machines }
    }

    #[test]
    fn a_machine_is_known_by_any_of_its_cards_and_by_no_other() {
        let medium = medium(&[("52:54:00:00:00:01", "a"), ("52:54:00:00:00:02", "a"), ("52:54:00:00:00:03", "b.c")]);
        let chosen = |cards: &[&str]| {
            let cards: BTreeSet<String> = cards.iter().map(|card| (*card).to_owned()).collect();
            medium.choose(&cards).map(str::to_owned)
        };
        assert_eq!(chosen(&["52:54:00:00:00:01"]).unwrap(), "a");
        assert_eq!(chosen(&["52:54:00:00:00:ff", "52:54:00:00:00:02", "52:54:00:00:00:01"]).unwrap(), "a");
        assert_eq!(chosen(&["52:54:00:00:00:03"]).unwrap(), "b.c");
        assert_eq!(chosen(&["52:54:00:00:00:ff"]), Err(NotChosen::Unknown));
        assert_eq!(chosen(&[]), Err(NotChosen::Unknown));
        let several = chosen(&["52:54:00:00:00:03", "52:54:00:00:00:01"]).unwrap_err();
        assert_eq!(several.to_string(), "this machine has cards of a and b.c");
    }

    #[test]
    fn a_drive_that_leads_elsewhere_or_is_of_another_release_chooses_nothing() {
        let cards = BTreeSet::from(["52:54:00:00:00:01".to_owned()]);
        for name in ["", "..", ".hidden", "a/../b", "/etc", "A", "a b", "a\0"] {
            let medium = medium(&[("52:54:00:00:00:01", name)]);
            assert_eq!(medium.choose(&cards), Err(NotChosen::Name(name.to_owned())), "{name:?}");
        }
        let other = Medium { version: 2, ..medium(&[("52:54:00:00:00:01", "a")]) };
        assert_eq!(other.choose(&cards), Err(NotChosen::Version(2)));
    }
}
