//! What may happen next: a member asks, decides, carries out one step; etcd makes progress; a fault strikes.

use super::etcd::Leader;
use super::sight::todo;
use super::state::{Entry, Heard, JOINED, Log, MOST, Mark, State, Step, Todo, Token};
use kfimg_agent::guard::{Row, decide_by, gives_up};

/// When answers of one round may be given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rounds {
    /// All at the moment of the decision; effects still come one by one.
    AtOnce,
    /// Each at its own time; anything may happen between two of them.
    OneByOne,
}

/// What the model is asked to search.
pub(crate) struct Setup {
    pub(crate) rows: Vec<Row>,
    pub(crate) rounds: Rounds,
}

/// Something that happened: what, and to whom.
pub(crate) type Event = (&'static str, usize);

/// A state that follows, and whether a fault led there.
pub(crate) struct Next {
    pub(crate) event: Event,
    pub(crate) fault: bool,
    pub(crate) state: State,
}

/// All states that may follow.
pub(crate) fn successors(setup: &Setup, state: &State) -> Vec<Next> {
    let mut found = Vec::new();
    let mut add = |event: Event, fault: bool, state: State| found.push(Next { event, fault, state });
    for member in state.all() {
        guard(setup, state, member, &mut |what, next| add((what, member), false, next));
        power(state, member, &mut |what, fault, next| add((what, member), fault, next));
        disk(state, member, &mut |what, next| add((what, member), true, next));
    }
    for leader in state.leaders() {
        etcd(state, &leader, &mut |what, at, next| add((what, at), false, next));
    }
    network(state, &mut |what, at, fault, next| add((what, at), fault, next));
    found
}

fn guard(setup: &Setup, state: &State, me: usize, add: &mut dyn FnMut(&'static str, State)) {
    let machine = &state.machines[me];
    if !machine.up {
        return;
    }
    if machine.todo.steps[0] != Step::Nothing {
        step(state, me).into_iter().for_each(|(what, next)| add(what, next));
        return;
    }
    let mark = machine.mark();
    let joined = mark.phase == JOINED && mark.incarnation == machine.incarnation;
    if gives_up(&state.view(me, &[Heard::NotAsked; MOST])) {
        let mut next = *state;
        stop(&mut next, me);
        add("gives up waiting for a leader", next);
    }
    if setup.rounds == Rounds::AtOnce {
        let mut heard = [Heard::NotAsked; MOST];
        state.all().filter(|peer| *peer != me).for_each(|peer| heard[peer] = state.answer(me, peer));
        if let Some((row, todo)) = decision(setup, state, me, &heard) {
            let mut next = *state;
            next.machines[me].todo = todo;
            add(row, next);
        }
        return;
    }
    if joined && machine.running && state.sees(me).is_some_and(|(_, voter)| voter) {
        return;
    }
    let mut next = *state;
    let unasked = |peer: &usize| *peer != me && machine.heard[*peer] == Heard::NotAsked;
    let ring = (1..MOST).map(|step| (me + step) % MOST).filter(|peer| *peer < state.all().end);
    if let Some(peer) = ring.into_iter().find(unasked) {
        next.machines[me].heard[peer] = state.answer(me, peer);
        add("asks", next);
        return;
    }
    let decided = decision(setup, state, me, &machine.heard);
    next.machines[me].heard = Default::default();
    next.machines[me].todo = decided.map(|(_, todo)| todo).unwrap_or_default();
    add(decided.map_or("waits", |(row, _)| row), next);
}

fn decision(setup: &Setup, state: &State, me: usize, heard: &[Heard; MOST]) -> Option<(&'static str, Todo)> {
    let decision = decide_by(&setup.rows, &state.view(me, heard));
    todo(&decision.action).map(|todo| (decision.row, todo))
}

/// The next step of a decision; without one, when it fails, the rest is dropped.
fn step(state: &State, me: usize) -> Vec<(&'static str, State)> {
    let todo = state.machines[me].todo;
    let mut next = *state;
    next.machines[me].todo.steps[0] = Step::Nothing;
    next.machines[me].todo.steps.rotate_left(1);
    let machine = &mut next.machines[me];
    match todo.steps[0] {
        Step::Nothing => return Vec::new(),
        Step::StopEtcd => stop(&mut next, me),
        Step::SetAside => machine.log = None,
        Step::WriteOutside => {
            machine.outside_newer = machine.places[1] != todo.mark;
            machine.places[0] = todo.mark;
            if state.faults.lost_outside == 0 {
                machine.outside_newer = false;
                machine.places[1] = todo.mark;
            }
        }
        Step::WriteBeside => {
            machine.outside_newer = false;
            machine.places[1] = todo.mark;
        }
        Step::StartNew => start_new(state, &mut next, me, todo.token),
        Step::StartExisting => {
            machine.running = true;
            machine.joining = machine.log.is_none().then_some((todo.token, todo.life));
        }
        Step::StartSelfOnly => machine.running = machine.log.is_some(),
        Step::ForceNew => force(&mut next, me),
        Step::RemoveEntries | Step::AddLearner | Step::Promote => return membership(state, &next, me, todo.steps[0]),
    }
    vec![(name(todo.steps[0]), settled(next, me))]
}

/// A finished list of steps leaves nothing behind.
fn settled(mut next: State, me: usize) -> State {
    if next.machines[me].todo.steps[0] == Step::Nothing {
        next.machines[me].todo = Todo::default();
    }
    next
}

fn stop(next: &mut State, me: usize) {
    let machine = &mut next.machines[me];
    machine.running = false;
    machine.joining = None;
    machine.heard = Default::default();
}

/// etcd derives the same ids from the same token: what a founder gets does not depend on when it starts.
fn start_new(state: &State, next: &mut State, me: usize, token: Token) {
    let founder = |member: usize| (token.set[member] != 0).then_some(Entry { life: 0, learner: false });
    let fresh = Log { token, number: 0, life: 0, members: std::array::from_fn(founder) };
    next.machines[me].log = Some(state.machines[me].log.unwrap_or(fresh));
    next.machines[me].running = true;
}

/// The operator has chosen this log: what it lacks is given up knowingly.
fn force(next: &mut State, me: usize) {
    let highest = next.machines.iter().filter_map(|machine| machine.log.map(|log| log.number)).max();
    let acknowledged = next.acknowledged.map(|(_, number)| number);
    let number = highest.max(acknowledged).unwrap_or(0) + 1;
    let machine = &mut next.machines[me];
    if let Some(log) = &mut machine.log {
        log.members = Default::default();
        log.members[me] = Some(Entry { life: log.life, learner: false });
        log.number = number;
        machine.running = true;
        next.acknowledged = Some((log.token, number));
    }
}

fn membership(state: &State, next: &State, me: usize, step: Step) -> Vec<(&'static str, State)> {
    let mut dropped = *next;
    dropped.machines[me].todo = Todo::default();
    let wanted = state.machines[me].todo.token;
    let reached = |leader: &Leader| state.linked(leader.at, me) && (step == Step::Promote || leader.token == wanted);
    let Some(leader) = state.leaders().find(reached) else { return vec![("fails to reach a leader", dropped)] };
    let mut members = leader.members;
    let mut next = *next;
    match (step, members[me]) {
        (Step::RemoveEntries, None) => return vec![("has no entry to remove", next)],
        (Step::RemoveEntries, Some(_)) => members[me] = None,
        (Step::AddLearner, None) if !members.iter().flatten().any(|entry| entry.learner) => {
            let life = state.fresh_life(me);
            next.machines[me].todo.life = life;
            members[me] = Some(Entry { life, learner: true });
        }
        (Step::Promote, Some(entry)) if caught_up(state, &leader, me, entry) => {
            members[me] = Some(Entry { learner: false, ..entry });
        }
        _ => return vec![("is refused by the leader", dropped)],
    }
    let committed = next.commit(&leader, members);
    committed.into_iter().map(|next| (name(step), settled(next, me))).collect()
}

fn caught_up(state: &State, leader: &Leader, me: usize, entry: Entry) -> bool {
    let log = state.machines[me].log;
    log.is_some_and(|log| log.token == leader.token && log.life == entry.life && log.number == leader.number)
}

fn name(step: Step) -> &'static str {
    match step {
        Step::Nothing => "nothing",
        Step::StopEtcd => "stops etcd",
        Step::SetAside => "sets aside",
        Step::WriteOutside => "writes the marker",
        Step::WriteBeside => "writes the marker's copy",
        Step::RemoveEntries => "removes its entry",
        Step::AddLearner => "adds itself as a learner",
        Step::StartNew => "starts new",
        Step::StartExisting => "starts existing",
        Step::StartSelfOnly => "starts self-only",
        Step::ForceNew => "forces a new cluster",
        Step::Promote => "is promoted",
    }
}

fn etcd(state: &State, leader: &Leader, add: &mut dyn FnMut(&'static str, usize, State)) {
    state.commit(leader, leader.members).into_iter().for_each(|next| add("acknowledges a write", leader.at, next));
    state.append(leader).into_iter().for_each(|next| add("appends", leader.at, next));
    for member in state.all().filter(|member| *member != leader.at) {
        state.catch_up(leader, member).into_iter().for_each(|next| add("catches up", member, next));
        let entry = leader.members[member].filter(|entry| entry.learner);
        let machine = &state.machines[member];
        let life = machine.joining.map(|(_, life)| life).or(machine.log.map(|log| log.life));
        let runs = machine.running && state.linked(leader.at, member);
        if entry.is_some_and(|entry| !runs || life != Some(entry.life)) {
            let mut members = leader.members;
            members[member] = None;
            state.commit(leader, members).into_iter().for_each(|next| add("is evicted as a learner", member, next));
        }
    }
}

fn power(state: &State, me: usize, add: &mut dyn FnMut(&'static str, bool, State)) {
    let machine = &state.machines[me];
    let mut next = *state;
    if !machine.up {
        next.machines[me].up = true;
        next.machines[me].incarnation = state.rendered();
        add("boots", false, next);
        if state.faults.unmounts > 0 {
            next.machines[me].unmounted = true;
            next.faults.unmounts -= 1;
            add("boots without its disk", true, next);
        }
        return;
    }
    next.machines[me].cut();
    if machine.unmounted || machine.incarnation < state.rendered() {
        add("is rebooted", false, next);
    }
    if state.faults.cuts > 0 {
        next.faults.cuts -= 1;
        add("loses power", true, next);
    }
}

fn disk(state: &State, me: usize, add: &mut dyn FnMut(&'static str, State)) {
    let mut base = *state;
    base.machines[me].cut();
    let lost = |mut next: State| {
        next.forget();
        next
    };
    if state.faults.wipes > 0 {
        let mut next = base;
        next.machines[me] = Default::default();
        next.faults.wipes -= 1;
        add("is wiped", lost(next));
    }
    if state.faults.lost_logs > 0 {
        let mut next = base;
        next.machines[me].log = None;
        next.machines[me].places[1] = Mark::default();
        next.machines[me].outside_newer = false;
        next.faults.lost_logs -= 1;
        add("loses its etcd folder", lost(next));
    }
    if state.faults.lost_outside > 0 {
        let mut next = base;
        next.machines[me].places[0] = Mark::default();
        next.machines[me].outside_newer = false;
        next.faults.lost_outside -= 1;
        add("loses the marker outside", lost(next));
    }
}

fn network(state: &State, add: &mut dyn FnMut(&'static str, usize, bool, State)) {
    for (low, high) in [(0, 1), (0, 2), (1, 2)].into_iter().filter(|(_, high)| *high < state.all().end) {
        let mut next = *state;
        next.cut_links ^= 1 << (low * MOST + high);
        if !state.linked(low, high) {
            add("gets its link back", low, false, next);
        } else if state.faults.partitions > 0 {
            next.faults.partitions -= 1;
            add("loses its link", low, true, next);
        }
    }
    if state.faults.recoveries == 0 || state.recover_from.is_some() {
        return;
    }
    for source in state.all() {
        let mut next = *state;
        next.faults.recoveries -= 1;
        next.recover_from = Some(source as u8);
        add("is named in `recoverFrom`", source, true, next);
    }
}

impl State {
    /// What no disk shows any more can't be demanded: neither a log with an entry nor a marker `joined` is left.
    fn forget(&mut self) {
        let Some((token, _)) = self.acknowledged else { return };
        let shows = |at: usize| {
            let machine = &self.machines[at];
            let log = machine.log.is_some_and(|log| log.token == token && log.number > 0);
            log || machine.places.iter().any(|mark| mark.phase == JOINED && mark.token == token)
        };
        if !self.all().any(shows) {
            self.acknowledged = None;
        }
    }
}
