//! `kfimg schema`: the cluster description, for programs and for people.

use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use kfimg_profiles::{reference, schema};

/// Arguments of `kfimg schema`.
#[derive(Args, Debug)]
pub(crate) struct SchemaArgs {
    /// Print a reference for people instead, as Markdown: every key, its type, its default, and which profiles set it
    #[arg(long)]
    markdown: bool,
}

/// Prints the schema, or the reference.
pub(crate) fn run(args: &SchemaArgs, console: &Console) -> Result<(), Failure> {
    if args.markdown { console.result(&reference::reference()) } else { console.json(&schema::schema()) }
}
