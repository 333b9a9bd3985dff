//! `kfimg pki`: one file a subcommand.

pub(crate) mod renew;
mod rotate;
pub(crate) mod show;
