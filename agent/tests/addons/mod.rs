//! A cluster that is an API server and nothing else, and control planes in folders that are an agent and nothing else.

#![allow(clippy::unwrap_used, unreachable_pub)]

pub mod api_server;
pub mod authority;
pub mod node;
pub mod render;
