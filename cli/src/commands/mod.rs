//! One file a subcommand: its arguments and what it does.

pub(crate) mod build;
pub(crate) mod bundle;
mod charts;
pub(crate) mod completions;
mod description;
pub(crate) mod diff;
pub(crate) mod images;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod pki;
pub(crate) mod profiles;
mod proof;
pub(crate) mod render;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod validate;
