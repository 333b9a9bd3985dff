//! Every bootable output is judged by the programs of others, and is the same bytes wherever and however it is made.

#![allow(clippy::unwrap_used)]

mod made;
mod program;

mod appliance;
mod architectures;
mod disk;
mod medium;
mod refused;
#[cfg(target_arch = "x86_64")]
mod secure_boot;
mod unified;
