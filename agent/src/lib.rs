//! What kfimg writes for a node's agent, the plan, and the agent that obeys it.
//!
//! The renderer and the agent share the types of the plan and of the drive for all machines, so that neither can misread the other.
//! Everything else stands behind the feature `program`: the steps of a boot, each a subcommand of `kfimg-agent`, each one unit of systemd.

pub mod guard;
pub mod medium;
pub mod plan;

#[cfg(feature = "program")]
mod addons;
#[cfg(feature = "age")]
pub mod age;
#[cfg(feature = "program")]
mod check_api;
#[cfg(feature = "program")]
mod clock;
#[cfg(feature = "program")]
mod command;
#[cfg(feature = "program")]
mod copies;
#[cfg(feature = "program")]
mod data;
#[cfg(feature = "program")]
mod etcd;
#[cfg(feature = "program")]
pub mod failure;
#[cfg(test)]
#[cfg(feature = "program")]
mod fake;
#[cfg(feature = "program")]
mod fetch;
#[cfg(feature = "program")]
mod files;
#[cfg(feature = "program")]
mod http;
#[cfg(feature = "program")]
mod images;
#[cfg(feature = "program")]
mod initrd;
#[cfg(feature = "program")]
mod notify;
#[cfg(feature = "program")]
mod preflight;
#[cfg(feature = "program")]
pub mod program;
#[cfg(feature = "program")]
mod report;
#[cfg(feature = "program")]
mod root;
#[cfg(feature = "program")]
mod snapshot;
#[cfg(feature = "program")]
mod step;
#[cfg(feature = "program")]
mod support;
#[cfg(feature = "program")]
pub mod texts;
#[cfg(feature = "program")]
mod unseal;
#[cfg(feature = "program")]
mod wait;

pub use plan::Plan;
