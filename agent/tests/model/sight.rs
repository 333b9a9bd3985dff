//! Between the model and the real decision: a state becomes a view, an action becomes steps.

use super::etcd::Leader;
use super::plan::Begin;
use super::state::{COMMITTED, Entry, Heard, Mark, Members, READY, State, Step, Todo, Token};
use kfimg_agent::guard::{
    Action, Answer, AnswerData, ClusterId, Effect, Etcd, Listed, Marker, MarkerRead, MemberId, Nonce, NonceSet,
    OwnData, Peer, Phase, Quorum, StartMode, View, Words,
};

/// A state, and what many decisions in it need.
pub(crate) struct Scene<'a, const N: usize> {
    pub(crate) state: &'a State<N>,
    pub(crate) leaders: Vec<Leader<N>>,
    highest_nonces: [u8; N],
}

fn nonce(member: usize, number: u8) -> Nonce {
    Nonce(member as u128 * 256 + u128::from(number))
}

fn nonce_set<const N: usize>(token: Token<N>) -> NonceSet {
    let drawn = (0..N).filter(|member| token.set[*member] != 0);
    drawn.map(|member| nonce(member, token.set[member])).collect::<Vec<_>>().into()
}

fn set_numbers<const N: usize>(set: &NonceSet) -> [u8; N] {
    let mut numbers = [0; N];
    set.as_slice().iter().for_each(|nonce| numbers[(nonce.0 / 256) as usize] = (nonce.0 % 256) as u8);
    numbers
}

fn cluster<const N: usize>(token: Token<N>) -> ClusterId {
    let number = token.set.iter().fold(u64::from(token.incarnation), |number, nonce| number << 8 | u64::from(*nonce));
    ClusterId(number)
}

fn token<const N: usize>(cluster: ClusterId) -> Token<N> {
    let byte = |at: usize| (cluster.0 >> (8 * at)) as u8;
    Token { incarnation: byte(N), set: std::array::from_fn(|at| byte(N - 1 - at)) }
}

fn member_id<const N: usize>(token: Token<N>, member: usize, life: u8) -> MemberId {
    MemberId(cluster(token).0 << 16 | (member as u64) << 8 | u64::from(life))
}

fn marker<const N: usize>(member: usize, mark: Mark<N>) -> Option<Marker> {
    let phase = match mark.phase {
        0 => return None,
        READY => Phase::Ready,
        COMMITTED => Phase::Committed,
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

/// `built`: the cluster of a restored folder is known before etcd has started with it.
fn mark<const N: usize>(marker: &Marker, built: bool) -> Mark<N> {
    let incarnation = marker.incarnation as u8;
    let known = built || marker.phase != Phase::Ready;
    let founded = Token { incarnation: if known { incarnation } else { 0 }, set: set_numbers(&marker.nonce_set) };
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

impl<'a, const N: usize> Scene<'a, N> {
    pub(crate) fn of(state: &'a State<N>) -> Self {
        Self { state, leaders: state.leaders(), highest_nonces: state.highest_nonces() }
    }

    /// What `peer` answers `asker` now.
    pub(crate) fn answer(&self, asker: usize, peer: usize) -> Heard<N> {
        let machine = &self.state.machines[peer];
        if !machine.up || machine.unmounted || !self.state.linked(asker, peer) {
            return Heard::Silent;
        }
        let same = machine.incarnation == self.state.machines[asker].incarnation;
        let quorum = self.state.shows_quorum(&self.leaders, peer).filter(|_| same);
        Heard::Answer {
            held: machine.log.is_some(),
            incarnation: machine.incarnation,
            mark: machine.mark(),
            quorum: quorum.map(|leader| (leader.token, leader.members)),
        }
    }

    /// What a member knows, with these answers: one view for each quorum that was shown.
    pub(crate) fn views(&self, me: usize, heard: &[Heard<N>; N]) -> Vec<View> {
        let mut quorums: Vec<Quorum> = Vec::new();
        for quorum in heard.iter().filter_map(|heard| quorum(*heard)) {
            if !quorums.contains(&quorum) {
                quorums.push(quorum);
            }
        }
        if quorums.is_empty() {
            return vec![self.view(me, heard, None)];
        }
        quorums.into_iter().map(|quorum| self.view(me, heard, Some(quorum))).collect()
    }

    /// What a member knows, with these answers and this quorum.
    pub(crate) fn view(&self, me: usize, heard: &[Heard<N>; N], quorum: Option<Quorum>) -> View {
        let machine = &self.state.machines[me];
        let own = match machine.log {
            _ if machine.unmounted => OwnData::Unknown,
            None => OwnData::None,
            Some(log) => OwnData::Log {
                cluster: cluster(log.token),
                member: member_id(log.token, me, log.life),
                only_bootstrap: log.number == 0 && !machine.running,
            },
        };
        let seen = self.state.sees(&self.leaders, me);
        let running = Etcd::Running { leader: seen.is_some(), voter: seen.is_some_and(|(_, voter)| voter) };
        let others = (0..N).filter(|member| *member != me);
        View {
            me,
            uid: String::new(),
            incarnation: machine.incarnation.into(),
            digest: digest(machine.incarnation),
            words: self.words(me),
            now: machine.late.into(),
            own,
            marker: marker(me, machine.mark()).map_or(MarkerRead::None, MarkerRead::Known),
            etcd: if machine.running { running } else { Etcd::Stopped },
            peers: others.map(|member| Peer { member, answer: answer(member, heard[member]) }).collect(),
            quorum,
            fresh: nonce(me, self.highest_nonces[me] + 1),
        }
    }

    /// The words of the plan that this member runs. A clock that is not late reads 0.
    fn words(&self, me: usize) -> Words {
        let machine = &self.state.machines[me];
        let plan = self.state.plan_of(machine.incarnation);
        let named = |begin: Begin| begin.first();
        Words {
            recover_from: named(plan.begin).filter(|_| matches!(plan.begin, Begin::Recover(_))),
            restore: named(plan.begin).filter(|_| matches!(plan.begin, Begin::Restore(_))),
            without: (0..N).filter(|member| plan.without & (1 << member) != 0).collect(),
            discard: machine.discard.then_some(me).into_iter().collect(),
            bootstrap_not_after: 0,
        }
    }
}

fn answer<const N: usize>(member: usize, heard: Heard<N>) -> Option<Answer> {
    let Heard::Answer { held, incarnation, mark, .. } = heard else { return None };
    Some(Answer {
        uid: String::new(),
        incarnation: incarnation.into(),
        digest: digest(incarnation),
        data: if held { AnswerData::Held } else { AnswerData::Empty },
        marker: marker(member, mark),
        generation: 0,
        machine: None,
    })
}

fn quorum<const N: usize>(heard: Heard<N>) -> Option<Quorum> {
    let Heard::Answer { mark, quorum: Some((token, members)), .. } = heard else { return None };
    Some(Quorum { cluster: cluster(token), nonce_set: nonce_set(mark.token), members: listed(token, &members) })
}

fn listed<const N: usize>(token: Token<N>, members: &Members<N>) -> Vec<Listed> {
    let entries = members.iter().enumerate().filter_map(|(member, entry)| entry.map(|entry| (member, entry)));
    let listed = |(member, entry): (usize, Entry)| Listed {
        id: member_id(token, member, entry.life),
        member: Some(member),
        learner: entry.learner,
    };
    entries.map(listed).collect()
}

/// The steps of an action; none when it waits or stops.
pub(crate) fn todo<const N: usize>(action: &Action) -> Option<Todo<N>> {
    let Action::Run(effects) = action else { return None };
    let built = effects.iter().any(|effect| matches!(effect, Effect::BuildRestored(_)));
    let mut todo = Todo::default();
    let mut steps = effects.iter().filter_map(step);
    for free in &mut todo.steps {
        *free = steps.next().unwrap_or_default();
    }
    assert!(steps.next().is_none(), "an action has more effects than the model can hold");
    for effect in effects {
        match effect {
            Effect::WriteOutside(written) => {
                todo.mark = mark(written, built);
                todo.token = todo.mark.token;
            }
            Effect::Start(StartMode::Existing(id)) => todo.token = token(*id),
            _ => {}
        }
    }
    Some(todo)
}

fn step(effect: &Effect) -> Option<Step> {
    Some(match effect {
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
        Effect::BuildRestored(_) => return None,
        Effect::AdoptRestored => Step::AdoptRestored,
    })
}
