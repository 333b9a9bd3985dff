//! A bundle on its way: written as one file or as chunks, verified, rebuilt, signed and served.

#![allow(clippy::unwrap_used, reason = "tests")]

mod archive;
mod clients;
mod join;
mod parity;
#[path = "../support/running.rs"]
mod running;
mod serve;
mod serve_access;
mod serve_damaged;
mod serve_direct;
mod serve_site;
mod sign;
mod support;
mod verify;
