//! What may happen next: a member asks, decides, carries out one step; etcd makes progress; the operator or a fault
//! strikes.

use super::canonical::Symmetry;
use super::guard;
use super::plan::Operator;
use super::sight::Scene;
use super::state::State;
use super::world;
use kfimg_agent::guard::Row;

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
    pub(crate) operator: Operator,
    /// Whether a clock that is late may be set right. Else time is really up.
    pub(crate) clocks_heal: bool,
}

impl Setup {
    pub(crate) fn symmetry(&self) -> Symmetry {
        if self.rounds == Rounds::AtOnce { Symmetry::All } else { Symmetry::Rotations }
    }
}

/// Something that happened: what, and to whom.
pub(crate) type Event = (&'static str, usize);

/// A state that follows, and whether a fault led there.
pub(crate) struct Next<const N: usize> {
    pub(crate) event: Event,
    pub(crate) fault: bool,
    pub(crate) state: State<N>,
}

/// Takes what is found: the event, its member, whether it is a fault, the state.
pub(crate) type Add<'a, const N: usize> = &'a mut dyn FnMut(&'static str, usize, bool, State<N>);

/// All states that may follow.
pub(crate) fn successors<const N: usize>(setup: &Setup, state: &State<N>) -> Vec<Next<N>> {
    let mut found = Vec::new();
    let mut add = |what, who, fault, state| found.push(Next { event: (what, who), fault, state });
    let scene = Scene::of(state);
    for member in 0..N {
        guard::acts(setup, &scene, member, &mut add);
        world::power(setup, state, member, &mut add);
        world::disk(state, member, &mut add);
        world::clock(setup, state, member, &mut add);
    }
    for leader in &scene.leaders {
        world::etcd(state, leader, &mut add);
    }
    world::network(state, &mut add);
    for (what, who, next) in state.renders(setup.operator) {
        add(what, who, true, next);
    }
    found
}
