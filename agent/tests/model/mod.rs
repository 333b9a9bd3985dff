//! A model of the guard's world, for exhaustive search. See `docs/guard.md`.

pub(crate) mod canonical;
pub(crate) mod case;
pub(crate) mod etcd;
pub(crate) mod fingerprint;
pub(crate) mod goal;
pub(crate) mod guard;
mod mutations;
pub(crate) mod plan;
pub(crate) mod search;
pub(crate) mod sight;
pub(crate) mod state;
pub(crate) mod steps;
pub(crate) mod world;
