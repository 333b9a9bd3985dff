//! The etcd guard's decision: from what a member sees in one round to what it does next, as one pure function.
//!
//! Nothing here reads a disk, a clock or the network, or draws a random number: all of that comes in as a [`View`].
//! `docs/guard.md` tells which states a search has covered and what the table promises.

pub mod action;
pub mod marker;
mod rules;
pub mod table;
pub mod view;
mod writes;

pub use action::{Action, Effect, StartMode, StopCode, WaitCode};
pub use marker::{ClusterId, Marker, MarkerRead, MemberId, Nonce, NonceSet, Phase, PlaceRead, newest};
pub use table::{Decision, ROWS, Row, Rule, decide, decide_by, gives_up};
pub use view::{Answer, AnswerData, Etcd, Listed, MemberIndex, OwnData, Peer, Quorum, View, Words};
