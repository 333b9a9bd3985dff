//! `kfimg completions` and `kfimg man`: what shells and `man` know of the command line.

use crate::args::Cli;
use crate::console::Console;
use crate::failure::Failure;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Arguments of `kfimg man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Folder to write a page for each command into; without it, the first page goes to standard output
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Prints a completion script.
pub(crate) fn run(args: &CompletionsArgs, console: &Console) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kfimg", &mut script);
    console.result(&String::from_utf8_lossy(&script))
}

/// Writes the manual.
pub(crate) fn man(args: &ManArgs, console: &Console) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.folder else {
        return console.result(&page(command, Path::new("standard output"))?);
    };
    fs_err::create_dir_all(folder).map_err(Failure::io("creating", folder))?;
    for (name, text) in pages(command, folder)? {
        let file = folder.join(name);
        fs_err::write(&file, text).map_err(Failure::io("writing", &file))?;
    }
    Ok(())
}

/// A page for the command and for each below it: file name and text.
fn pages(command: clap::Command, folder: &Path) -> Result<Vec<(String, String)>, Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let below: Vec<clap::Command> = command.get_subcommands().filter(|below| !below.is_hide_set()).cloned().collect();
    let mut all = vec![(format!("{name}.1"), page(command, folder)?)];
    for command in below {
        all.extend(pages(command, folder)?);
    }
    Ok(all)
}

fn page(command: clap::Command, folder: &Path) -> Result<String, Failure> {
    let mut text = Vec::new();
    // A page names no day: the same program prints the same manual.
    Man::new(command).date("").manual("kfimg").render(&mut text).map_err(Failure::io("writing", folder))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
