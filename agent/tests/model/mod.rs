//! A model of the guard's world, for exhaustive search. See `docs/guard.md`.

pub(crate) mod etcd;
pub(crate) mod search;
pub(crate) mod sight;
pub(crate) mod state;
pub(crate) mod steps;
