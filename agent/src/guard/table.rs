//! The table of the design ("The etcd guard"), row by row: the first rule that matches decides.
//!
//! Each [`Row`] carries the design's words; what it does is a function of `rules`. Where a row differs from the design's first version, `docs/guard.md` says why.

use super::action::{Action, WaitCode};
use super::marker::Phase;
use super::rules::{
    foreign, foreign_discard, none_committed, none_digests, none_expired, none_found, none_quorum, none_quorum_lost,
    none_ready, none_recover, none_restore, none_restore_lost, none_running, none_silent, none_total_loss, old_restore,
    otherwise, ours, ours_only_bootstrap, ours_removed, ours_restored, previous, previous_quorum, previous_recover,
    unknown, unreadable, unreadable_quorum,
};
use super::view::{Etcd, Own, View};

/// A rule: the action, if it matches.
pub type Rule = fn(&View) -> Option<Action>;

/// A row: three columns for people, and the rule.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Short name, for logs and tests.
    pub name: &'static str,
    /// Column "own data".
    pub own: &'static str,
    /// Column "peers".
    pub peers: &'static str,
    /// Column "action".
    pub action: &'static str,
    /// The action, if the row matches.
    pub rule: Rule,
}

/// An action, and the row that demanded it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// [`Row::name`].
    pub row: &'static str,
    /// What to do.
    pub action: Action,
}

const fn row(name: &'static str, own: &'static str, peers: &'static str, action: &'static str, rule: Rule) -> Row {
    Row { name, own, peers, action, rule }
}

/// The table. First match wins.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("unknown", "unknown (mount missing, I/O error)", "any",
        "wait, report `unknown`", unknown),
    row("previous, quorum", "previous incarnation", "quorum",
        "set aside, join", previous_quorum),
    row("previous, recover", "previous incarnation",
        "the plan says `recoverFrom: <me>`, every other member answers with the new incarnation or is in `without`, none is joined in it",
        "force a new one-member cluster; leader seen: `joined`", previous_recover),
    row("old, restore", "previous incarnation or unreadable; not begun in this one",
        "the plan says `restore` with me, every other member answers with the new incarnation or is in `without`, none is committed or joined in it",
        "set aside, then as none", old_restore),
    row("previous", "previous incarnation", "otherwise",
        "wait", previous),
    row("ours, removed", "ours, quorum lacks my member id", "quorum",
        "write `joined`, set aside, then as none", ours_removed),
    row("ours, restored", "ours, `ready`", "otherwise",
        "marker `committed`, start, self-only", ours_restored),
    row("ours, committed, only bootstrap", "ours, `committed`, log holds only bootstrap entries",
        "there are others; all answer, all others empty, none joined, no peer's nonce is in my set",
        "set aside, then a new nonce", ours_only_bootstrap),
    row("ours", "ours", "otherwise",
        "start, self-only; if a learner, be promoted", ours),
    row("another cluster's, discard", "another cluster's", "the plan says `discard: [me]`",
        "set aside", foreign_discard),
    row("another cluster's", "another cluster's", "any",
        "stop; remedy: `discard: [node]`", foreign),
    row("unreadable, quorum", "unreadable", "quorum",
        "write `joined`, set aside, as none", unreadable_quorum),
    row("unreadable", "unreadable", "no quorum",
        "stop, keep; it counts as data", unreadable),
    row("none, running", "none, and etcd runs", "any",
        "wait for its log", none_running),
    row("none, ready", "none, `ready`", "a peer's committed set holds my stored nonce",
        "commit, `new`", none_ready),
    row("none, committed", "none, `committed`", "all answer, nobody joined",
        "new nonce, `ready` (never `new` with the old set)", none_committed),
    row("none, quorum", "none", "quorum",
        "remove my entries, add learner, marker `committed` (keep `joined`), start `existing`, be promoted", none_quorum),
    row("none, restore", "none, not begun in this incarnation",
        "the plan says `restore` with me, every other member answers with the new incarnation or is in `without`, none is committed or joined in it",
        "build from the snapshot, marker `ready` with its cluster, rename", none_restore),
    row("none, restore lost", "none, `committed` or `joined`", "the plan says `restore` with me",
        "stop: total loss; restore again in the next incarnation", none_restore_lost),
    row("none, recover", "none", "the plan says `recoverFrom` or `restore`",
        "wait for its quorum; never bootstrap", none_recover),
    row("none, found", "none",
        "all answer, all empty, none committed or joined, same digest, before `bootstrapNotAfter`",
        "publish nonce; when all report the same set: commit, `new`", none_found),
    row("none, digests", "none", "digests differ",
        "wait, name both", none_digests),
    row("none, quorum lost", "none", "data or `joined` somewhere, not all empty",
        "wait, `QUORUM_LOST`", none_quorum_lost),
    row("none, silent", "none", "some silent or unknown, no data seen",
        "wait; the operator renders the next incarnation and `without`", none_silent),
    row("none, total loss", "none", "all empty, some joined",
        "stop: total loss; restore from a snapshot", none_total_loss),
    row("none, expired", "none", "all empty, none committed or joined, too late",
        "stop, `EXPIRED`", none_expired),
    row("otherwise", "any", "otherwise",
        "wait", otherwise),
];

/// What to do now.
pub fn decide(view: &View) -> Decision {
    decide_by(ROWS, view)
}

/// The same with another table, for tests that show what a row is for.
pub fn decide_by(rows: &[Row], view: &View) -> Decision {
    let first = rows.iter().find_map(|row| (row.rule)(view).map(|action| Decision { row: row.name, action }));
    first.unwrap_or(Decision { row: "otherwise", action: Action::Wait(WaitCode::Settling, Vec::new()) })
}

/// Whether etcd, once it has run like this for a while, is to be stopped so that the table is read with a log that stands
/// still. A member that is `joined` and has its log waits for its quorum; one that is `joined` and has none is a learner
/// that may have been evicted before it started, and would wait for ever.
pub fn gives_up(view: &View) -> bool {
    let waits = matches!(view.etcd, Etcd::Running { leader: false, .. });
    waits && (view.phase() != Some(Phase::Joined) || view.own() == Own::None)
}
