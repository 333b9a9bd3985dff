//! The states of the model: disks, what runs, messages in flight, and how equal states are made to look equal.
//!
//! What may happen in a state is in `steps`; what etcd does is in `etcd`.

/// Most members that the model can hold.
pub(crate) const MOST: usize = 3;

/// Identity of an etcd cluster: incarnation and the founders' nonces. Incarnation 0: none.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Token {
    pub(crate) incarnation: u8,
    pub(crate) set: [u8; MOST],
}

/// A marker. `token.incarnation` 0: no cluster yet, `token.set` is only a proposal. Phase 0: no marker.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Mark {
    pub(crate) phase: u8,
    pub(crate) incarnation: u8,
    pub(crate) nonce: u8,
    pub(crate) token: Token,
}

pub(crate) const READY: u8 = 1;
pub(crate) const COMMITTED: u8 = 2;
pub(crate) const JOINED: u8 = 3;

/// A place in a member list: which life of that member, and whether it is a learner.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Entry {
    pub(crate) life: u8,
    pub(crate) learner: bool,
}

pub(crate) type Members = [Option<Entry>; MOST];

/// etcd's log. `number` is the last entry's place in the order of all entries; 0: only bootstrap entries.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Log {
    pub(crate) token: Token,
    pub(crate) number: u8,
    pub(crate) life: u8,
    pub(crate) members: Members,
}

/// An answer as it was when it was given.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Heard {
    #[default]
    NotAsked,
    Silent,
    Answer {
        data: u8,
        incarnation: u8,
        mark: Mark,
        quorum: Option<(Token, Members)>,
    },
}

pub(crate) const EMPTY: u8 = 1;
pub(crate) const HELD: u8 = 2;

/// A step that is still to be done.
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
}

/// The rest of a decision's effects, and what they carry.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Todo {
    pub(crate) steps: [Step; 5],
    pub(crate) mark: Mark,
    pub(crate) token: Token,
    pub(crate) life: u8,
}

/// A machine.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Machine {
    pub(crate) log: Option<Log>,
    /// Outside the etcd folder, and beside `member/`.
    pub(crate) places: [Mark; 2],
    /// Whether the place outside was written last; else both are equal or only one is there.
    pub(crate) outside_newer: bool,
    pub(crate) up: bool,
    pub(crate) unmounted: bool,
    pub(crate) incarnation: u8,
    pub(crate) running: bool,
    pub(crate) joining: Option<(Token, u8)>,
    pub(crate) todo: Todo,
    pub(crate) heard: [Heard; MOST],
}

impl Machine {
    /// The newer marker.
    pub(crate) fn mark(&self) -> Mark {
        let [outside, beside] = self.places;
        let outside_counts = self.outside_newer || beside.phase == 0 || outside.incarnation > beside.incarnation;
        if outside.phase != 0 && outside_counts { outside } else { beside }
    }

    /// Power is gone: what is not on the disk is forgotten.
    pub(crate) fn cut(&mut self) {
        let (log, places, outside_newer) = (self.log, self.places, self.outside_newer);
        *self = Self { log, places, outside_newer, incarnation: self.incarnation, ..Self::default() };
    }
}

/// Faults that may still happen, each counted down.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Faults {
    pub(crate) cuts: u8,
    pub(crate) wipes: u8,
    pub(crate) lost_logs: u8,
    pub(crate) lost_outside: u8,
    pub(crate) unmounts: u8,
    pub(crate) partitions: u8,
    /// Renders of a second incarnation with `recoverFrom`.
    pub(crate) recoveries: u8,
}

/// The world.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct State {
    pub(crate) count: u8,
    pub(crate) machines: [Machine; MOST],
    /// Links that are down: bit `a * MOST + b`, `a < b`.
    pub(crate) cut_links: u16,
    /// The last acknowledged entry, as long as a disk shows that its cluster existed.
    pub(crate) acknowledged: Option<(Token, u8)>,
    pub(crate) faults: Faults,
    /// The second incarnation's source, once it is rendered.
    pub(crate) recover_from: Option<u8>,
}

impl State {
    /// Machines that have never been switched on.
    pub(crate) fn new(count: usize, faults: Faults) -> Self {
        Self {
            count: count as u8,
            machines: [Machine::default(); MOST],
            cut_links: 0,
            acknowledged: None,
            faults,
            recover_from: None,
        }
    }

    pub(crate) fn all(&self) -> std::ops::Range<usize> {
        0..usize::from(self.count)
    }

    /// The incarnation of the newest render.
    pub(crate) fn rendered(&self) -> u8 {
        if self.recover_from.is_some() { 2 } else { 1 }
    }

    pub(crate) fn linked(&self, one: usize, two: usize) -> bool {
        let (low, high) = (one.min(two), one.max(two));
        one == two || self.cut_links & (1 << (low * MOST + high)) == 0
    }

    /// A nonce of this member that occurs nowhere.
    pub(crate) fn fresh_nonce(&self, member: usize) -> u8 {
        let mut highest = 0;
        let mut copy = *self;
        copy.each_nonce(&mut |slot, nonce| {
            if slot == member {
                highest = highest.max(*nonce);
            }
        });
        highest + 1
    }

    /// A life of this member that occurs nowhere; 0 is that of a founder.
    pub(crate) fn fresh_life(&self, member: usize) -> u8 {
        let mut highest = 0;
        let mut copy = *self;
        copy.each_life(&mut |slot, life| {
            if slot == member {
                highest = highest.max(*life);
            }
        });
        highest + 1
    }

    /// Replaces nonces, lives and entry numbers by their ranks: only their order or equality means something.
    pub(crate) fn canonical(mut self) -> Self {
        let mut seen = [0_u64; MOST];
        self.each_nonce(&mut |slot, nonce| seen[slot] |= 1 << *nonce);
        if seen.iter().any(|bits| (*bits | 1).count_ones() != (*bits | 1).trailing_ones()) {
            self.each_nonce(&mut |slot, nonce| *nonce = rank(seen[slot], *nonce));
        }
        let mut seen = [0_u64; MOST];
        self.each_life(&mut |slot, life| seen[slot] |= 1 << *life);
        self.each_life(&mut |slot, life| *life = rank(seen[slot], *life));
        let mut seen = 0_u64;
        self.each_number(&mut |number| seen |= 1 << *number);
        self.each_number(&mut |number| *number = rank(seen, *number));
        self
    }

    fn each_nonce(&mut self, act: &mut dyn FnMut(usize, &mut u8)) {
        let token = |token: &mut Token, act: &mut dyn FnMut(usize, &mut u8)| {
            token.set.iter_mut().enumerate().for_each(|(slot, nonce)| act(slot, nonce));
        };
        for at in 0..usize::from(self.count) {
            let machine = &mut self.machines[at];
            for mark in machine.places.iter_mut().chain([&mut machine.todo.mark]) {
                act(at, &mut mark.nonce);
                token(&mut mark.token, act);
            }
            machine.log.iter_mut().for_each(|log| token(&mut log.token, act));
            machine.joining.iter_mut().for_each(|(joining, _)| token(joining, act));
            token(&mut machine.todo.token, act);
            for (other, heard) in machine.heard.iter_mut().enumerate() {
                if let Heard::Answer { mark, quorum, .. } = heard {
                    act(other, &mut mark.nonce);
                    token(&mut mark.token, act);
                    quorum.iter_mut().for_each(|(quorum, _)| token(quorum, act));
                }
            }
        }
        self.acknowledged.iter_mut().for_each(|(acknowledged, _)| token(acknowledged, act));
    }

    fn each_life(&mut self, act: &mut dyn FnMut(usize, &mut u8)) {
        let list = |members: &mut Members, act: &mut dyn FnMut(usize, &mut u8)| {
            let entries = members.iter_mut().enumerate();
            entries.for_each(|(slot, entry)| entry.iter_mut().for_each(|entry| act(slot, &mut entry.life)));
        };
        for at in 0..usize::from(self.count) {
            let machine = &mut self.machines[at];
            if let Some(log) = &mut machine.log {
                act(at, &mut log.life);
                list(&mut log.members, act);
            }
            machine.joining.iter_mut().for_each(|(_, life)| act(at, life));
            act(at, &mut machine.todo.life);
            for heard in &mut machine.heard {
                if let Heard::Answer { quorum: Some((_, members)), .. } = heard {
                    list(members, act);
                }
            }
        }
    }

    fn each_number(&mut self, act: &mut dyn FnMut(&mut u8)) {
        self.machines.iter_mut().filter_map(|machine| machine.log.as_mut()).for_each(|log| act(&mut log.number));
        self.acknowledged.iter_mut().for_each(|(_, number)| act(number));
    }
}

/// How many different values other than 0 are up to this one.
fn rank(seen: u64, value: u8) -> u8 {
    if value == 0 { 0 } else { ((seen & !1) & ((2 << value) - 1)).count_ones() as u8 }
}
