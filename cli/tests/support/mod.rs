//! What the tests share that let other programs judge kfimg's output: one render, applied to folders by the real Ignition,
//! and namespaces in which a component finds its files where the payload put them.
//!
//! No judgement is made here, and nothing is skipped: a program that is missing fails the test that needs it.

// Each test binary uses its own part, and a test may panic wherever it is.
#![allow(dead_code, clippy::unwrap_used)]

pub(crate) mod boot;
pub(crate) mod browser;
pub(crate) mod bundle;
pub(crate) mod cluster;
pub(crate) mod dhcp;
pub(crate) mod document;
pub(crate) mod fenced;
pub(crate) mod internet;
pub(crate) mod issuer;
pub(crate) mod machine;
pub(crate) mod name_server;
pub(crate) mod named;
pub(crate) mod nginx;
pub(crate) mod node;
pub(crate) mod noise;
pub(crate) mod payload;
pub(crate) mod pod;
pub(crate) mod program;
pub(crate) mod registry;
pub(crate) mod runtime;
pub(crate) mod said;
pub(crate) mod steps;
pub(crate) mod upstream;
pub(crate) mod vcenter;
