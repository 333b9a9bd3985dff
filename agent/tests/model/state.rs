//! The states of the model: disks, what runs, messages in flight, plans.
//!
//! What may happen in a state is in `steps`, what etcd does in `etcd`, and how equal states are made to look equal in
//! `canonical`. `N` is the number of members.

use super::plan::Plan;

/// Identity of an etcd cluster: incarnation and the founders' nonces. Incarnation 0: none.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Token<const N: usize> {
    pub(crate) incarnation: u8,
    pub(crate) set: [u8; N],
}

/// The incarnation in the token of another Kubernetes cluster's data.
pub(crate) const FOREIGN: u8 = 9;

impl<const N: usize> Default for Token<N> {
    fn default() -> Self {
        Self { incarnation: 0, set: [0; N] }
    }
}

/// A marker. `token.incarnation` 0: no cluster yet, `token.set` is only a proposal. Phase 0: no marker.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Mark<const N: usize> {
    pub(crate) phase: u8,
    pub(crate) incarnation: u8,
    pub(crate) nonce: u8,
    pub(crate) token: Token<N>,
}

pub(crate) const READY: u8 = 1;
pub(crate) const COMMITTED: u8 = 2;
pub(crate) const JOINED: u8 = 3;

impl<const N: usize> Default for Mark<N> {
    fn default() -> Self {
        Self { phase: 0, incarnation: 0, nonce: 0, token: Token::default() }
    }
}

/// A place in a member list: which life of that member, and whether it is a learner.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Entry {
    pub(crate) life: u8,
    pub(crate) learner: bool,
}

pub(crate) type Members<const N: usize> = [Option<Entry>; N];

/// etcd's log. `number` is the last entry's place in the order of all entries; 0: only bootstrap entries.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Log<const N: usize> {
    pub(crate) token: Token<N>,
    pub(crate) number: u8,
    pub(crate) life: u8,
    pub(crate) members: Members<N>,
}

/// An answer as it was when it was given.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Heard<const N: usize> {
    #[default]
    NotAsked,
    Silent,
    Answer {
        held: bool,
        incarnation: u8,
        mark: Mark<N>,
        quorum: Option<(Token<N>, Members<N>)>,
    },
}

/// A step that is still to be done. Building a restored folder changes nothing that counts, and is none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Step {
    #[default]
    Nothing,
    StopEtcd,
    SetAside,
    WriteOutside,
    WriteBeside,
    RemoveEntries,
    AddLearner,
    StartNew,
    StartExisting,
    StartSelfOnly,
    ForceNew,
    Promote,
    AdoptRestored,
}

/// The rest of a decision's effects, and what they carry.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Todo<const N: usize> {
    pub(crate) steps: [Step; 5],
    pub(crate) mark: Mark<N>,
    pub(crate) token: Token<N>,
    pub(crate) life: u8,
}

/// A machine.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Machine<const N: usize> {
    pub(crate) log: Option<Log<N>>,
    /// Outside the etcd folder, and beside `member/`.
    pub(crate) places: [Mark<N>; 2],
    /// Whether the place outside was written last; else both are equal or only one is there.
    pub(crate) outside_newer: bool,
    pub(crate) up: bool,
    pub(crate) unmounted: bool,
    /// Of the payload that it runs; 0 when it is off.
    pub(crate) incarnation: u8,
    /// Of the payload that its disk keeps for a boot without a delivered one.
    pub(crate) kept: u8,
    /// Whether its clock is past `bootstrapNotAfter`.
    pub(crate) late: bool,
    /// Whether its plan names it under `discard`.
    pub(crate) discard: bool,
    pub(crate) running: bool,
    pub(crate) joining: Option<(Token<N>, u8)>,
    pub(crate) todo: Todo<N>,
    pub(crate) heard: [Heard<N>; N],
}

impl<const N: usize> Default for Machine<N> {
    fn default() -> Self {
        Self {
            log: None,
            places: [Mark::default(); 2],
            outside_newer: false,
            up: false,
            unmounted: false,
            incarnation: 0,
            kept: 0,
            late: false,
            discard: false,
            running: false,
            joining: None,
            todo: Todo::default(),
            heard: [Heard::NotAsked; N],
        }
    }
}

impl<const N: usize> Machine<N> {
    /// The newer marker.
    pub(crate) fn mark(&self) -> Mark<N> {
        let [outside, beside] = self.places;
        let outside_counts = self.outside_newer || beside.phase == 0 || outside.incarnation > beside.incarnation;
        if outside.phase != 0 && outside_counts { outside } else { beside }
    }

    /// Whether it is joined in the incarnation that it runs.
    pub(crate) fn is_joined(&self) -> bool {
        let mark = self.mark();
        mark.phase == JOINED && mark.incarnation == self.incarnation && !self.unmounted
    }

    /// Power is gone: what is not on the disk is forgotten.
    pub(crate) fn cut(&mut self) {
        let Self { log, places, outside_newer, kept, late, discard, .. } = *self;
        *self = Self { log, places, outside_newer, kept, late, discard, ..Self::default() };
    }

    /// The disk is empty; the clock and the plan are not on it.
    pub(crate) fn wipe(&mut self) {
        *self = Self { late: self.late, discard: self.discard, ..Self::default() };
    }
}

/// Faults that may still happen, each counted down. What the operator does counts too.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Faults {
    pub(crate) cuts: u8,
    pub(crate) wipes: u8,
    pub(crate) lost_logs: u8,
    pub(crate) lost_outside: u8,
    pub(crate) unmounts: u8,
    /// One link between two members goes down.
    pub(crate) links: u8,
    /// The network falls into two parts.
    pub(crate) splits: u8,
    /// A next incarnation is rendered.
    pub(crate) renders: u8,
    /// A clock passes `bootstrapNotAfter`.
    pub(crate) late: u8,
    /// A member gets a used disk.
    pub(crate) used: u8,
    /// A change of the list of members is carried out long after it was decided: the lock's lease has ended meanwhile.
    pub(crate) delays: u8,
}

/// A change of the list of members that is on its way, or about to be sent by a process that stands still.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Request {
    /// Add this member as a learner.
    Add(u8),
    /// Remove this life of this member.
    Remove(u8, u8),
}

/// The world.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct State<const N: usize> {
    pub(crate) machines: [Machine<N>; N],
    /// Links that are down: bit `a * N + b`, `a < b`.
    pub(crate) cut_links: u32,
    /// Members on the other side of a split; never the first member.
    pub(crate) side: u8,
    /// The last acknowledged entry, as long as it can be demanded.
    pub(crate) acknowledged: Option<(Token<N>, u8)>,
    pub(crate) delayed: Option<Request>,
    pub(crate) faults: Faults,
    /// Of incarnations 1, 2, …
    pub(crate) plans: [Plan; 3],
    /// The newest incarnation.
    pub(crate) rendered: u8,
}

impl<const N: usize> State<N> {
    /// Machines that have never been switched on.
    pub(crate) fn fresh(faults: Faults) -> Self {
        Self {
            machines: [Machine::default(); N],
            cut_links: 0,
            side: 0,
            acknowledged: None,
            delayed: None,
            faults,
            plans: [Plan::default(); 3],
            rendered: 1,
        }
    }

    /// A cluster in which all have joined and run, and have all entries.
    pub(crate) fn founded(faults: Faults) -> Self {
        let token = Token { incarnation: 1, set: [1; N] };
        let members = [Some(Entry { life: 0, learner: false }); N];
        let machine = Machine {
            log: Some(Log { token, number: 1, life: 0, members }),
            places: [Mark { phase: JOINED, incarnation: 1, nonce: 1, token }; 2],
            up: true,
            incarnation: 1,
            kept: 1,
            running: true,
            ..Machine::default()
        };
        Self { machines: [machine; N], acknowledged: Some((token, 1)), ..Self::fresh(faults) }
    }

    pub(crate) fn linked(&self, one: usize, two: usize) -> bool {
        let (low, high) = (one.min(two), one.max(two));
        let same_side = (self.side >> one) & 1 == (self.side >> two) & 1;
        one == two || same_side && self.cut_links & (1 << (low * N + high)) == 0
    }

    /// What no disk shows any more can't be demanded: no log with an entry and no marker `joined` is left, but on members
    /// that the operator gave up.
    pub(crate) fn forget(&mut self) {
        let Some((token, _)) = self.acknowledged else { return };
        let shows = |at: usize| {
            let machine = &self.machines[at];
            let log = machine.log.is_some_and(|log| log.token == token && log.number > 0);
            log || machine.places.iter().any(|mark| mark.phase == JOINED && mark.token == token)
        };
        let without = self.plan().without;
        if !(0..N).any(|at| without & (1 << at) == 0 && shows(at)) {
            self.acknowledged = None;
        }
    }
}
