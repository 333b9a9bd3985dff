//! Between the model and the real decision: a state becomes a view, an action becomes steps.

use super::state::{EMPTY, HELD, Heard, MOST, Mark, Members, READY, State, Step, Todo, Token};
use kfimg_agent::guard::{
    Action, Answer, AnswerData, ClusterId, Effect, Etcd, Listed, Marker, MarkerRead, MemberId, Nonce, NonceSet,
    OwnData, Peer, Phase, Quorum, StartMode, View, Words,
};

fn nonce(member: usize, number: u8) -> Nonce {
    Nonce(member as u128 * 256 + u128::from(number))
}

fn nonce_set(token: Token) -> NonceSet {
    let drawn = (0..MOST).filter(|member| token.set[*member] != 0);
    drawn.map(|member| nonce(member, token.set[member])).collect::<Vec<_>>().into()
}

fn set_numbers(set: &NonceSet) -> [u8; MOST] {
    let mut numbers = [0; MOST];
    set.as_slice().iter().for_each(|nonce| numbers[(nonce.0 / 256) as usize] = (nonce.0 % 256) as u8);
    numbers
}

fn cluster(token: Token) -> ClusterId {
    let [a, b, c] = token.set;
    ClusterId(u32::from_be_bytes([token.incarnation, a, b, c]).into())
}

fn token(cluster: ClusterId) -> Token {
    let [incarnation, a, b, c] = (cluster.0 as u32).to_be_bytes();
    Token { incarnation, set: [a, b, c] }
}

fn member_id(token: Token, member: usize, life: u8) -> MemberId {
    MemberId(cluster(token).0 << 16 | (member as u64) << 8 | u64::from(life))
}

fn marker(member: usize, mark: Mark) -> Option<Marker> {
    let phase = match mark.phase {
        0 => return None,
        READY => Phase::Ready,
        super::state::COMMITTED => Phase::Committed,
        _ => Phase::Joined,
    };
    Some(Marker {
        uid: String::new(),
        incarnation: mark.incarnation.into(),
        nonce: nonce(member, mark.nonce),
        nonce_set: nonce_set(mark.token),
        cluster: (mark.token.incarnation != 0).then(|| cluster(mark.token)),
        phase,
        counter: 0,
    })
}

fn mark(marker: &Marker) -> Mark {
    let set = set_numbers(&marker.nonce_set);
    let incarnation = marker.incarnation as u8;
    let founded = Token { incarnation: if marker.phase == Phase::Ready { 0 } else { incarnation }, set };
    Mark {
        phase: marker.phase as u8 + READY,
        incarnation,
        nonce: (marker.nonce.0 % 256) as u8,
        token: marker.cluster.map_or(founded, token),
    }
}

fn digest(incarnation: u8) -> String {
    if incarnation == 1 { String::new() } else { incarnation.to_string() }
}

impl State {
    /// What `peer` answers `asker` now.
    pub(crate) fn answer(&self, asker: usize, peer: usize) -> Heard {
        let machine = &self.machines[peer];
        if !machine.up || machine.unmounted || !self.linked(asker, peer) {
            return Heard::Silent;
        }
        let same = machine.incarnation == self.machines[asker].incarnation;
        Heard::Answer {
            data: if machine.log.is_some() { HELD } else { EMPTY },
            incarnation: machine.incarnation,
            mark: machine.mark(),
            quorum: self.shows_quorum(peer).filter(|_| same).map(|leader| (leader.token, leader.members)),
        }
    }

    /// What a member knows, with these answers.
    pub(crate) fn view(&self, me: usize, heard: &[Heard; MOST]) -> View {
        let machine = &self.machines[me];
        let others = || self.all().filter(|member| *member != me);
        let own = match machine.log {
            _ if machine.unmounted => OwnData::Unknown,
            None => OwnData::None,
            Some(log) => OwnData::Log {
                cluster: cluster(log.token),
                member: member_id(log.token, me, log.life),
                only_bootstrap: log.number == 0 && !machine.running,
            },
        };
        let seen = self.sees(me);
        let running = Etcd::Running { leader: seen.is_some(), voter: seen.is_some_and(|(_, voter)| voter) };
        View {
            me,
            uid: String::new(),
            incarnation: machine.incarnation.into(),
            digest: digest(machine.incarnation),
            words: Words {
                recover_from: self.recover_from.filter(|_| machine.incarnation == 2).map(usize::from),
                ..Words::default()
            },
            now: 0,
            own,
            marker: marker(me, machine.mark()).map_or(MarkerRead::None, MarkerRead::Known),
            etcd: if machine.running { running } else { Etcd::Stopped },
            peers: others().map(|member| Peer { member, answer: answer(member, heard[member]) }).collect(),
            quorum: others().find_map(|member| quorum(heard[member])),
            fresh: nonce(me, self.fresh_nonce(me)),
        }
    }
}

fn answer(member: usize, heard: Heard) -> Option<Answer> {
    let Heard::Answer { data, incarnation, mark, .. } = heard else { return None };
    Some(Answer {
        uid: String::new(),
        incarnation: incarnation.into(),
        digest: digest(incarnation),
        data: if data == HELD { AnswerData::Held } else { AnswerData::Empty },
        marker: marker(member, mark),
        generation: 0,
    })
}

fn quorum(heard: Heard) -> Option<Quorum> {
    let Heard::Answer { mark, quorum: Some((token, members)), .. } = heard else { return None };
    Some(Quorum { cluster: cluster(token), nonce_set: nonce_set(mark.token), members: listed(token, &members) })
}

fn listed(token: Token, members: &Members) -> Vec<Listed> {
    let entries = members.iter().enumerate().filter_map(|(member, entry)| entry.map(|entry| (member, entry)));
    let listed = |(member, entry): (usize, super::state::Entry)| Listed {
        id: member_id(token, member, entry.life),
        member: Some(member),
        learner: entry.learner,
    };
    entries.map(listed).collect()
}

/// The steps of an action; none when it waits or stops.
pub(crate) fn todo(action: &Action) -> Option<Todo> {
    let Action::Run(effects) = action else { return None };
    let mut todo = Todo::default();
    for (step, effect) in todo.steps.iter_mut().zip(effects) {
        *step = match effect {
            Effect::StopEtcd => Step::StopEtcd,
            Effect::SetAside => Step::SetAside,
            Effect::WriteOutside(_) => Step::WriteOutside,
            Effect::WriteBeside(_) => Step::WriteBeside,
            Effect::RemoveEntries => Step::RemoveEntries,
            Effect::AddLearner => Step::AddLearner,
            Effect::Start(StartMode::New(_)) => Step::StartNew,
            Effect::Start(StartMode::Existing(_)) => Step::StartExisting,
            Effect::Start(StartMode::SelfOnly) => Step::StartSelfOnly,
            Effect::Start(StartMode::ForceNew) => Step::ForceNew,
            Effect::Promote => Step::Promote,
            Effect::BuildRestored(_) | Effect::AdoptRestored => unreachable!("no plan of the model names a snapshot"),
        };
        match effect {
            Effect::WriteOutside(written) => {
                todo.mark = mark(written);
                todo.token = todo.mark.token;
            }
            Effect::Start(StartMode::Existing(id)) => todo.token = token(*id),
            _ => {}
        }
    }
    assert!(effects.len() <= todo.steps.len(), "an action has more effects than the model can hold");
    Some(todo)
}
