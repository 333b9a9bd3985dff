//! A drive that carries the payloads of all machines: this machine's own is found by its network cards.
//!
//! Somebody attached the drive on purpose, so a machine that it does not know stops and says which cards it has: a payload from
//! elsewhere would be another one than was meant. What lies on the drive is in [`crate::medium`].

use super::Mounted;
use super::codes::MACHINE_UNKNOWN;
use super::platform::read;
use crate::failure::Failure;
use crate::medium::{INDEX, Medium, NotChosen, payload};
use crate::preflight::own_macs;
use crate::root::Root;
use crate::wait::{Backoff, Deadline};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// What drivers of network cards get to find their cards.
const CARDS: Duration = Duration::from_secs(10);

/// This machine's payload, and the name of its node.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Chosen {
    pub(super) node: String,
    pub(super) text: Vec<u8>,
}

/// Why there is none.
#[derive(Debug)]
pub(super) enum Problem {
    /// The drive can't be read, so that it is as if it were not there.
    Unreadable(String),
    /// It holds nothing for this machine.
    Stop(Failure),
}

/// Reads the drive.
pub(super) fn read_drive(root: &Root, drive: &Path) -> Result<Chosen, Problem> {
    let mounted = Mounted::read_only(drive, &root.run().join("drive")).map_err(Problem::Unreadable)?;
    let name = drive.display().to_string();
    choose(&name, mounted.path(), || own_macs(root), CARDS)
}

/// Chooses from what lies in a folder; cards may come late.
fn choose(
    drive: &str,
    folder: &Path,
    own: impl Fn() -> BTreeSet<String>,
    patience: Duration,
) -> Result<Chosen, Problem> {
    let text = read(&folder.join(INDEX)).map_err(Problem::Unreadable)?;
    let medium: Medium =
        serde_json::from_slice(&text).map_err(|error| Problem::Unreadable(format!("its {INDEX}: {error}")))?;
    let deadline = Deadline::after(patience);
    let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
    loop {
        let cards = own();
        match medium.choose(&cards) {
            Ok(node) => {
                let text = read(&folder.join(payload(node))).map_err(Problem::Unreadable)?;
                return Ok(Chosen { node: node.to_owned(), text });
            }
            Err(NotChosen::Unknown) if !deadline.over() => backoff.pause(deadline),
            Err(reason) => return Err(Problem::Stop(unknown(drive, &medium.cluster, &reason, &cards))),
        }
    }
}

fn unknown(drive: &str, cluster: &str, reason: &NotChosen, cards: &BTreeSet<String>) -> Failure {
    let cards = if cards.is_empty() {
        "no network card".to_owned()
    } else {
        Vec::from_iter(cards.iter().map(String::as_str)).join(", ")
    };
    let cluster: String = cluster.chars().filter(|c| !c.is_control()).take(63).collect();
    Failure::new(&MACHINE_UNKNOWN, format!("{drive}, of the cluster {cluster}: {reason}; this machine has {cards}"))
}

#[cfg(test)]
mod tests {
    use super::{Chosen, Problem, choose};
    use crate::medium::{INDEX, Medium, VERSION, payload};
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::time::Duration;

    const CARD: &str = "52:54:00:00:00:01";

    fn drive() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let machines = [(CARD.to_owned(), "master1".to_owned()), ("52:54:00:00:00:02".to_owned(), "gone".to_owned())];
        let medium = Medium { version: VERSION, cluster: "demo\u{1b}[2J".to_owned(), machines: machines.into() };
        fs_err::write(folder.path().join(INDEX), serde_json::to_vec(&medium).unwrap()).unwrap();
        let file = folder.path().join(payload("master1"));
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, "{\"ignition\":{}}").unwrap();
        folder
    }

    fn cards(cards: &[&str]) -> BTreeSet<String> {
        cards.iter().map(|card| (*card).to_owned()).collect()
    }

    #[test]
    fn a_machine_gets_its_own_payload_also_when_its_card_comes_late() {
        let (drive, looks) = (drive(), Cell::new(0));
        let own = || {
            looks.set(looks.get() + 1);
            cards(if looks.get() < 3 { &[] } else { &["52:54:00:00:00:99", CARD] })
        };
        let chosen = choose("/dev/x", drive.path(), own, Duration::from_secs(60)).unwrap();
        assert_eq!(chosen, Chosen { node: "master1".to_owned(), text: b"{\"ignition\":{}}".to_vec() });
        assert_eq!(looks.get(), 3);
    }

    #[test]
    fn a_machine_that_the_drive_does_not_know_stops_with_its_cards_and_no_control_characters() {
        let drive = drive();
        let own = || cards(&["52:54:00:00:00:98", "52:54:00:00:00:99"]);
        let Err(Problem::Stop(failure)) = choose("/dev/x", drive.path(), own, Duration::ZERO) else { panic!("a stop") };
        assert_eq!(failure.code.name, "MACHINE_UNKNOWN");
        assert_eq!(
            failure.message,
            "/dev/x, of the cluster demo[2J: it has no payload for this machine; this machine has 52:54:00:00:00:98, \
             52:54:00:00:00:99"
        );
    }

    #[test]
    fn a_drive_that_cannot_be_read_is_as_none() {
        let drive = drive();
        let of = |card: &'static str| choose("/dev/x", drive.path(), || cards(&[card]), Duration::ZERO);
        assert!(matches!(of("52:54:00:00:00:02"), Err(Problem::Unreadable(reason)) if reason.contains("nodes/gone")));
        for text in ["", "{}", "[1]", "{\"version\":1}"] {
            fs_err::write(drive.path().join(INDEX), text).unwrap();
            assert!(matches!(of(CARD), Err(Problem::Unreadable(reason)) if reason.contains(INDEX)), "{text}");
        }
        fs_err::remove_file(drive.path().join(INDEX)).unwrap();
        assert!(matches!(of(CARD), Err(Problem::Unreadable(_))));
    }
}
