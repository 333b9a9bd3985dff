//! The boot board in the real Chromium: it shows what happens, takes texts of machines for texts, and can be read.

#![allow(clippy::unwrap_used)]

mod hostile;
mod pictures;
mod scene;
#[path = "../support/mod.rs"]
mod support;
