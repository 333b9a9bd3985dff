//! A member of the model: it asks, decides with the real table, and carries out one step after the other.
//!
//! What becomes of the steps in etcd's list of members is here too; etcd itself is in `etcd`.

use super::etcd::Leader;
use super::sight::{Scene, todo};
use super::state::{Entry, Heard, Log, Request, State, Step, Todo, Token};
use super::steps::{Add, Rounds, Setup};
use kfimg_agent::guard::{decide_by, gives_up};

pub(crate) fn acts<const N: usize>(setup: &Setup, scene: &Scene<'_, N>, me: usize, add: Add<'_, N>) {
    let state = scene.state;
    let machine = &state.machines[me];
    if !machine.up {
        return;
    }
    if machine.todo.steps[0] != Step::Nothing {
        step(scene, me, add);
        return;
    }
    if gives_up(&scene.view(me, &[Heard::NotAsked; N], None)) {
        let mut next = *state;
        stop(&mut next, me);
        add("gives up waiting for a leader", me, false, next);
    }
    // It would wait, whatever it hears.
    if machine.is_joined() && state.sees(&scene.leaders, me).is_some_and(|(_, voter)| voter) {
        return;
    }
    if setup.rounds == Rounds::AtOnce {
        let heard = std::array::from_fn(|peer| if peer == me { Heard::NotAsked } else { scene.answer(me, peer) });
        for (row, todo) in decisions(setup, scene, me, &heard) {
            let mut next = *state;
            next.machines[me].todo = todo.unwrap_or_default();
            if todo.is_some() {
                add(row, me, false, next);
            }
        }
        return;
    }
    let mut ring = (1..N).map(|step| (me + step) % N);
    let mut next = *state;
    if let Some(peer) = ring.find(|peer| machine.heard[*peer] == Heard::NotAsked) {
        next.machines[me].heard[peer] = scene.answer(me, peer);
        add("asks", me, false, next);
        return;
    }
    for (row, todo) in decisions(setup, scene, me, &machine.heard) {
        next.machines[me].heard = [Heard::NotAsked; N];
        next.machines[me].todo = todo.unwrap_or_default();
        add(if todo.is_some() { row } else { "waits" }, me, false, next);
    }
}

/// What the table says, once for each quorum that was shown.
fn decisions<const N: usize>(
    setup: &Setup,
    scene: &Scene<'_, N>,
    me: usize,
    heard: &[Heard<N>; N],
) -> Vec<(&'static str, Option<Todo<N>>)> {
    let decide = |view| {
        let decision = decide_by(&setup.rows, &view);
        (decision.row, todo(&decision.action))
    };
    scene.views(me, heard).into_iter().map(decide).collect()
}

/// The next step of a decision; without one, when it fails, the rest is dropped.
fn step<const N: usize>(scene: &Scene<'_, N>, me: usize, add: Add<'_, N>) {
    let state = scene.state;
    let todo = state.machines[me].todo;
    let mut next = *state;
    next.machines[me].todo.steps[0] = Step::Nothing;
    next.machines[me].todo.steps.rotate_left(1);
    let machine = &mut next.machines[me];
    match todo.steps[0] {
        Step::Nothing => return,
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
        Step::AdoptRestored => adopt(&mut next, me, todo.token),
        Step::RemoveEntries | Step::AddLearner | Step::Promote => {
            membership(scene, &next, me, todo.steps[0], add);
            return;
        }
    }
    add(name(todo.steps[0]), me, false, settled(next, me));
}

/// A finished list of steps leaves nothing behind.
fn settled<const N: usize>(mut next: State<N>, me: usize) -> State<N> {
    if next.machines[me].todo.steps[0] == Step::Nothing {
        next.machines[me].todo = Todo::default();
    }
    next
}

fn stop<const N: usize>(next: &mut State<N>, me: usize) {
    let machine = &mut next.machines[me];
    machine.running = false;
    machine.joining = None;
    machine.heard = [Heard::NotAsked; N];
}

/// etcd derives the same ids from the same token: what a founder gets does not depend on when it starts.
fn start_new<const N: usize>(state: &State<N>, next: &mut State<N>, me: usize, token: Token<N>) {
    let founder = |member: usize| (token.set[member] != 0).then_some(Entry { life: 0, learner: false });
    let fresh = Log { token, number: 0, life: 0, members: std::array::from_fn(founder) };
    next.machines[me].log = Some(state.machines[me].log.unwrap_or(fresh));
    next.machines[me].running = true;
}

/// The operator has chosen this log: what it lacks is given up knowingly.
fn force<const N: usize>(next: &mut State<N>, me: usize) {
    let number = next.next_number();
    let machine = &mut next.machines[me];
    if let Some(log) = &mut machine.log {
        log.members = [None; N];
        log.members[me] = Some(Entry { life: log.life, learner: false });
        log.number = number;
        machine.running = true;
        next.acknowledged = Some((log.token, number));
    }
}

/// The operator has chosen the snapshot: from now on it is what is acknowledged, and nothing of before may lead again.
fn adopt<const N: usize>(next: &mut State<N>, me: usize, token: Token<N>) {
    let number = next.next_number();
    let mut members = [None; N];
    members[me] = Some(Entry { life: 0, learner: false });
    next.machines[me].log = Some(Log { token, number, life: 0, members });
    next.acknowledged = Some((token, number));
}

fn membership<const N: usize>(scene: &Scene<'_, N>, next: &State<N>, me: usize, step: Step, add: Add<'_, N>) {
    let state = scene.state;
    let mut dropped = *next;
    dropped.machines[me].todo = Todo::default();
    if state.faults.delays > 0 && state.delayed.is_none() && step == Step::AddLearner {
        let faults = super::state::Faults { delays: state.faults.delays - 1, ..state.faults };
        let sent = State { delayed: Some(Request::Add(me as u8)), faults, ..dropped };
        add("asks to be added, and hears nothing", me, true, sent);
    }
    let wanted = state.machines[me].todo.token;
    let reached = |leader: &&Leader<N>| state.reaches(leader, me) && (step == Step::Promote || leader.token == wanted);
    let mut reached = scene.leaders.iter().filter(reached).peekable();
    if reached.peek().is_none() {
        add("fails to reach a leader", me, false, dropped);
    }
    for leader in reached {
        change(state, leader, next, &dropped, (me, step), add);
    }
}

/// What becomes of a request that reaches this leader.
fn change<const N: usize>(
    state: &State<N>,
    leader: &Leader<N>,
    next: &State<N>,
    dropped: &State<N>,
    (me, step): (usize, Step),
    add: Add<'_, N>,
) {
    let mut members = leader.members;
    let mut next = *next;
    match (step, members[me]) {
        (Step::RemoveEntries, None) => {
            add("has no entry to remove", me, false, next);
            return;
        }
        (Step::RemoveEntries, Some(_)) if state.may_remove(leader, me) => members[me] = None,
        (Step::AddLearner, None) if !members.iter().flatten().any(|entry| entry.learner) && state.may_add(leader) => {
            let life = state.fresh_life(me);
            next.machines[me].todo.life = life;
            members[me] = Some(Entry { life, learner: true });
        }
        (Step::Promote, Some(entry)) if caught_up(state, leader, me, entry) => {
            members[me] = Some(Entry { learner: false, ..entry });
        }
        _ => {
            add("is refused by the leader", me, false, *dropped);
            return;
        }
    }
    next.commit(leader, members).into_iter().for_each(|next| add(name(step), me, false, settled(next, me)));
}

fn caught_up<const N: usize>(state: &State<N>, leader: &Leader<N>, me: usize, entry: Entry) -> bool {
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
        Step::AdoptRestored => "takes the restored data",
    }
}
