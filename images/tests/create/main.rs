//! Whole bundles, made of what servers on this machine publish: as folder, tar and chunks, with a lock, after cuts, and proven.

#![allow(clippy::unwrap_used)]

mod asked;
mod bundles;
mod programs;
mod runs;
#[path = "../support/mod.rs"]
mod support;
