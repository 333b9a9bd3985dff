//! `kfimg pki`: one file a subcommand.

pub(crate) mod renew;
pub(crate) mod show;
