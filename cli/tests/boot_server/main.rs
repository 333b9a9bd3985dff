//! `kfimg serve --out` over real sockets, asked by curl as machines ask: who gets which payload, what waits, what is refused.

#![allow(clippy::unwrap_used)]

mod clients;
mod command;
mod document;
mod files;
mod hostile;
mod https;
mod payloads;
mod reports;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

/// A folder of one test with an output.
fn rendered(name: &str) -> PathBuf {
    support::boot::rendered(&format!("boot-server/{name}"), support::boot::SITE)
}
