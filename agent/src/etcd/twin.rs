//! Does another member have this machine's machine-id? Then one of the two was cloned, and Kubernetes, DHCP and the journal
//! take them for one machine.
//!
//! Members tell each other a digest, because `machine-id(5)` wants the number itself kept from others. Workers are not asked.

use super::codes::MACHINE_ID_TWICE;
use super::member::Member;
use crate::guard::{MemberIndex, View};
use crate::root::Root;
use crate::step::StepLog;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Digits of the digest that are told.
const DIGITS: usize = 16;

/// What this machine tells others of its machine-id; [`None`] while it has none (`machine-id(5)`, "First Boot Semantics").
pub(super) fn machine(root: &Root, uid: &str) -> Option<String> {
    let text = fs_err::read_to_string(root.at("/etc/machine-id")).ok()?;
    let id = text.trim();
    let digest = || HEXLOWER.encode(&Sha256::digest(format!("kfimg machine-id {uid} {id}")))[..DIGITS].to_owned();
    (id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(digest)
}

/// Warns of each member that has it too.
pub(super) fn warn(member: &Member, view: &View, log: &mut StepLog) {
    for other in twins(member.machine.as_deref(), view) {
        let text = format!("{} has the same machine-id as {}", member.name(other), member.own().name);
        log.warn(&MACHINE_ID_TWICE, &text);
    }
}

fn twins(machine: Option<&str>, view: &View) -> Vec<MemberIndex> {
    let same = |told: Option<&str>| machine.is_some() && told == machine;
    view.heard().filter(|(_, answer)| same(answer.machine.as_deref())).map(|(other, _)| other).collect()
}

#[cfg(test)]
mod tests {
    use super::{machine, twins};
    use crate::guard::{Answer, AnswerData, Etcd, MarkerRead, Nonce, OwnData, Peer, View, Words};
    use crate::root::Root;

    /// Digests that machines with these contents of `/etc/machine-id` tell.
    fn told(text: &str, uid: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::new(folder.path());
        std::fs::create_dir(root.at("/etc")).unwrap();
        std::fs::write(root.at("/etc/machine-id"), text).unwrap();
        machine(&root, uid)
    }

    #[test]
    fn a_machine_tells_a_digest_that_is_its_own_in_each_cluster() {
        let id = "0123456789abcdef0123456789abcdef\n";
        let digest = told(id, "uid").unwrap();
        assert!(digest.len() == 16 && !id.contains(&digest));
        assert_eq!(told(id, "uid"), Some(digest.clone()));
        assert!(told(id, "other") != Some(digest.clone()) && told(&id.replace('0', "1"), "uid") != Some(digest));
        assert_eq!((told("uninitialized\n", "uid"), told("", "uid")), (None, None));
    }

    #[test]
    fn who_tells_the_same_is_a_twin_and_who_tells_nothing_is_none() {
        let answer = |machine: Option<&str>| Answer {
            uid: "uid".to_owned(),
            incarnation: 1,
            digest: String::new(),
            data: AnswerData::Empty,
            marker: None,
            generation: 1,
            machine: machine.map(str::to_owned),
        };
        let peer = |(number, machine)| Peer { member: number + 1, answer: Some(answer(machine)) };
        let view = View {
            me: 0,
            uid: "uid".to_owned(),
            incarnation: 1,
            digest: String::new(),
            words: Words::default(),
            now: 0,
            own: OwnData::None,
            marker: MarkerRead::None,
            etcd: Etcd::Stopped,
            peers: [Some("a"), None, Some("b"), Some("a")].into_iter().enumerate().map(peer).collect(),
            quorum: None,
            fresh: Nonce(1),
        };
        assert_eq!(twins(Some("a"), &view), [1, 4]);
        assert!(twins(Some("c"), &view).is_empty() && twins(None, &view).is_empty());
    }
}
