//! `kfimg man`: a page of the manual for each command, made of what `--help` says.

mod page;

use crate::args::Cli;
use crate::console::Console;
use crate::failure::Failure;
use clap::{Args, CommandFactory};
use std::path::PathBuf;

/// Arguments of `kfimg man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Folder to write a page for each command into; without it, the first page goes to standard output
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Writes the manual.
pub(crate) fn run(args: &ManArgs, console: &Console) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let pages = pages(&command, None);
    let Some(folder) = &args.folder else {
        return console.result(&pages[0].1);
    };
    fs_err::create_dir_all(folder).map_err(Failure::io("creating", folder))?;
    for (name, text) in pages {
        let file = folder.join(format!("{name}.1"));
        fs_err::write(&file, text).map_err(Failure::io("writing", &file))?;
    }
    Ok(())
}

/// Name and text of the command's page and of each below it.
fn pages(command: &clap::Command, above: Option<&str>) -> Vec<(String, String)> {
    let name = page::name(command);
    let mut all = vec![(name.to_owned(), page::text(command, above))];
    all.extend(page::below(command).flat_map(|below| pages(below, Some(name))));
    all
}
