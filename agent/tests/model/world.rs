//! What is not the guard's doing: etcd's own progress, power, disks, clocks and the network.

use super::canonical::pairs;
use super::etcd::Leader;
use super::state::{Entry, FOREIGN, Faults, Log, Mark, Request, State, Token};
use super::steps::{Add, Setup};

pub(crate) fn etcd<const N: usize>(state: &State<N>, leader: &Leader<N>, add: Add<'_, N>) {
    let at = leader.candidates.trailing_zeros() as usize;
    let written = state.commit(leader, leader.members).into_iter();
    written.for_each(|next| add("acknowledges a write", at, false, next));
    state.append(leader).into_iter().for_each(|next| add("appends", at, false, next));
    for member in 0..N {
        state.catch_up(leader, member).into_iter().for_each(|next| add("catches up", member, false, next));
        let Some(entry) = leader.members[member].filter(|entry| entry.learner && is_dead(state, leader, member, entry))
        else {
            continue;
        };
        let mut members = leader.members;
        members[member] = None;
        let evicted = state.commit(leader, members).into_iter();
        evicted.for_each(|next| add("is evicted as a learner", member, false, next));
        if state.faults.delays > 0 && state.delayed.is_none() {
            let faults = Faults { delays: state.faults.delays - 1, ..state.faults };
            let delayed = Some(Request::Remove(member as u8, entry.life));
            add(
                "is about to be evicted by one who then stands still",
                member,
                true,
                State { delayed, faults, ..*state },
            );
        }
    }
    delayed(state, leader, add);
}

/// Whether nobody answers as this entry.
fn is_dead<const N: usize>(state: &State<N>, leader: &Leader<N>, member: usize, entry: &Entry) -> bool {
    let machine = &state.machines[member];
    let life = machine.joining.map(|(_, life)| life).or(machine.log.map(|log| log.life));
    !(machine.running && state.reaches(leader, member)) || life != Some(entry.life)
}

/// A change that was decided long ago reaches the leader, whatever has become of the member.
fn delayed<const N: usize>(state: &State<N>, leader: &Leader<N>, add: Add<'_, N>) {
    let Some(request) = state.delayed else { return };
    let next = State { delayed: None, ..*state };
    let mut members = leader.members;
    let (what, member) = match request {
        Request::Remove(member, life) => {
            let member = usize::from(member);
            let may = state.may_remove(leader, member);
            members[member] = members[member].filter(|entry| entry.life != life || !may);
            ("is removed late", member)
        }
        Request::Add(member) => {
            let member = usize::from(member);
            let may = state.may_add(leader) && !members.iter().flatten().any(|entry| entry.learner);
            let added = Entry { life: state.fresh_life(member), learner: true };
            members[member] = members[member].or(may.then_some(added));
            ("is added late", member)
        }
    };
    if members == leader.members {
        add("is named in a change that comes too late", member, false, next);
        return;
    }
    next.commit(leader, members).into_iter().for_each(|next| add(what, member, false, next));
}

pub(crate) fn power<const N: usize>(setup: &Setup, state: &State<N>, me: usize, add: Add<'_, N>) {
    let machine = &state.machines[me];
    if !machine.up {
        boots(setup, state, me, add);
        return;
    }
    let mut next = *state;
    next.machines[me].cut();
    if machine.unmounted || machine.incarnation < state.rendered {
        add("is rebooted", me, false, next);
    }
    if machine.log.is_some_and(|log| log.token.incarnation == FOREIGN) && !machine.discard {
        let mut told = next;
        told.machines[me].discard = true;
        add("is rebooted with `discard`", me, false, told);
    }
    if state.faults.cuts > 0 {
        next.faults.cuts -= 1;
        add("loses power", me, true, next);
    }
}

fn boots<const N: usize>(setup: &Setup, state: &State<N>, me: usize, add: Add<'_, N>) {
    let boot = |incarnation: u8, unmounted: bool| {
        let mut next = *state;
        let machine = &mut next.machines[me];
        (machine.up, machine.unmounted, machine.incarnation) = (true, unmounted, incarnation);
        if !unmounted {
            machine.kept = incarnation;
        }
        next
    };
    add("boots", me, false, boot(state.rendered, false));
    if setup.operator.kept && state.boots_kept(me) {
        add("boots the payload that it keeps", me, false, boot(state.machines[me].kept, false));
    }
    if state.faults.unmounts > 0 {
        let mut next = boot(state.rendered, true);
        next.faults.unmounts -= 1;
        add("boots without its disk", me, true, next);
    }
}

pub(crate) fn disk<const N: usize>(state: &State<N>, me: usize, add: Add<'_, N>) {
    let mut lost = |what: &'static str, count: fn(&mut Faults) -> &mut u8, change: &dyn Fn(&mut State<N>)| {
        let mut next = *state;
        if *count(&mut next.faults) == 0 {
            return;
        }
        *count(&mut next.faults) -= 1;
        next.machines[me].cut();
        next.machines[me].outside_newer = false;
        change(&mut next);
        next.forget();
        add(what, me, true, next);
    };
    let foreign = Log { token: Token { incarnation: FOREIGN, set: [0; N] }, number: 1, life: 0, members: [None; N] };
    lost("is wiped", |faults| &mut faults.wipes, &|next| next.machines[me].wipe());
    lost("loses its etcd folder", |faults| &mut faults.lost_logs, &|next| {
        next.machines[me].log = None;
        next.machines[me].places[1] = Mark::default();
    });
    // Its marker outside is from the last write of both, or from the one that was cut: it counts alone.
    lost("gets another cluster's etcd folder", |faults| &mut faults.used, &|next| {
        next.machines[me].log = Some(foreign);
        next.machines[me].places[1] = Mark::default();
    });
    lost("gets a used disk", |faults| &mut faults.used, &|next| {
        next.machines[me].wipe();
        next.machines[me].log = Some(foreign);
    });
    lost("loses the marker outside", |faults| &mut faults.lost_outside, &|next| {
        next.machines[me].places[0] = Mark::default();
    });
}

pub(crate) fn clock<const N: usize>(setup: &Setup, state: &State<N>, me: usize, add: Add<'_, N>) {
    let mut next = *state;
    next.machines[me].late = !state.machines[me].late;
    if !next.machines[me].late {
        if setup.clocks_heal {
            add("gets its clock set right", me, false, next);
        }
    } else if state.faults.late > 0 {
        next.faults.late -= 1;
        add("has a clock past the time to found", me, true, next);
    }
}

pub(crate) fn network<const N: usize>(state: &State<N>, add: Add<'_, N>) {
    for (low, high) in pairs::<N>() {
        let bit = 1 << (low * N + high);
        let mut next = State { cut_links: state.cut_links ^ bit, ..*state };
        if state.cut_links & bit != 0 {
            add("gets its link back", low, false, next);
        } else if state.faults.links > 0 {
            next.faults.links -= 1;
            add("loses its link", low, true, next);
        }
    }
    if state.side != 0 {
        add("sees the network heal", 0, false, State { side: 0, ..*state });
        return;
    }
    for side in (2..1_u8 << N).step_by(2).filter(|_| state.faults.splits > 0) {
        let mut next = State { side, ..*state };
        next.faults.splits -= 1;
        add("sees the network split", side.trailing_zeros() as usize, true, next);
    }
}
