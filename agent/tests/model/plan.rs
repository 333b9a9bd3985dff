//! What the operator renders: with what each incarnation begins, and who is not waited for.
//!
//! Who boots which plan, and when, is in `world`.

use super::state::State;

/// With what an incarnation begins.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Begin {
    /// Empty, as the first one.
    #[default]
    Empty,
    /// `recoverFrom` this member.
    Recover(u8),
    /// `restore` with this member.
    Restore(u8),
}

impl Begin {
    /// The member that begins it.
    pub(crate) fn first(self) -> Option<usize> {
        match self {
            Self::Empty => None,
            Self::Recover(member) | Self::Restore(member) => Some(member.into()),
        }
    }
}

/// The words of one incarnation.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Plan {
    pub(crate) begin: Begin,
    /// Bit by member.
    pub(crate) without: u8,
}

/// What an operator of this search may render, sensible or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Operator {
    pub(crate) empty: bool,
    pub(crate) recover: bool,
    pub(crate) restore: bool,
    /// Most members that `without` may name at once. They are off; from then on they boot no older payload.
    pub(crate) without: u32,
    /// Whether a machine that was off may boot the older payload that it keeps, as if it had not got the new one.
    pub(crate) kept: bool,
}

impl<const N: usize> State<N> {
    /// The newest plan.
    pub(crate) fn plan(&self) -> Plan {
        self.plan_of(self.rendered)
    }

    pub(crate) fn plan_of(&self, incarnation: u8) -> Plan {
        self.plans[usize::from(incarnation) - 1]
    }

    /// Whether a member may still boot the payload that it keeps: the operator has not promised to keep it off.
    pub(crate) fn boots_kept(&self, member: usize) -> bool {
        let kept = self.machines[member].kept;
        let newer = || (kept + 1..=self.rendered).map(|incarnation| self.plan_of(incarnation));
        kept != 0 && kept < self.rendered && newer().all(|plan| plan.without & (1 << member) == 0)
    }

    /// Each plan that may be rendered now.
    pub(crate) fn renders(&self, operator: Operator) -> Vec<(&'static str, usize, Self)> {
        if self.faults.renders == 0 || usize::from(self.rendered) == self.plans.len() {
            return Vec::new();
        }
        let members = || 0..N as u8;
        let empty = operator.empty.then_some(("an empty incarnation is rendered", Begin::Empty));
        let recover =
            members().filter(|_| operator.recover).map(|at| ("is named in `recoverFrom`", Begin::Recover(at)));
        let restore = members().filter(|_| operator.restore).map(|at| ("is named in `restore`", Begin::Restore(at)));
        let mut found = Vec::new();
        for (what, begin) in empty.into_iter().chain(recover).chain(restore) {
            for without in (0..1_u8 << N).filter(|without| self.may_do_without(*without, begin, operator)) {
                let mut next = *self;
                next.rendered += 1;
                next.plans[usize::from(self.rendered)] = Plan { begin, without };
                next.faults.renders -= 1;
                next.forget();
                found.push((what, begin.first().unwrap_or(0), next));
            }
        }
        found
    }

    fn may_do_without(&self, without: u8, begin: Begin, operator: Operator) -> bool {
        let off = |member: usize| without & (1 << member) == 0 || !self.machines[member].up;
        let few = without.count_ones() <= operator.without && without.count_ones() < N as u32;
        few && (0..N).all(off) && begin.first().is_none_or(|first| without & (1 << first) == 0)
    }
}
