//! `kfimg bundle` as people type it: against a registry on this machine that has what a cluster asks for.
//!
//! The registry is kfimg's own, which serves a bundle of small images under the real names; other registries are asked in
//! `docs/air-gap.md`'s test and in the crate `images`.

#![allow(clippy::unwrap_used)]

mod create;
mod damaged;
#[allow(dead_code, unreachable_pub)]
#[path = "../../../images/tests/support/distribution.rs"]
mod distribution;
mod everybody;
mod killed;
mod reached;
mod receipt;
mod refused;
mod relay;
mod stopped;
#[path = "../support/mod.rs"]
mod support;
mod upstream;

use support::said;
