//! The `kfimg` command.

mod args;
mod commands;
mod console;
mod diff;
mod failure;
mod interrupt;
mod names;
mod output;
mod place;
mod progress;
mod report;
mod rewrite;
mod size;
mod steps;
mod table;

use args::{Cli, Command, PkiCommand};
use clap::Parser;
use console::Console;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    failure::explain_panics();
    let cli = Cli::parse();
    let console = Console::new(cli.talk);
    match run(cli.command, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Differs) => ExitCode::from(Failure::Differs.exit_code()),
        Err(failure) => console.fail(&failure),
    }
}

fn run(command: Command, console: &Console) -> Result<(), Failure> {
    match command {
        Command::Init(args) => commands::init::run(&args, console),
        Command::Profiles => commands::profiles::run(console),
        Command::Schema(args) => commands::schema::run(&args, console),
        Command::Completions(args) => commands::completions::run(&args, console),
        Command::Man(args) => commands::man::run(&args, console),
        Command::Validate(args) => commands::validate::run(&args, console),
        Command::Render(args) => commands::render::run(&args, console),
        Command::Diff(args) => commands::diff::run(&args, console),
        Command::Pki(PkiCommand::Show(args)) => commands::pki::show::run(&args, console),
        Command::Pki(PkiCommand::Renew(args)) => commands::pki::renew::run(&args, console),
        Command::Bundle(command) => commands::bundle::run(&command, console),
        Command::Images(args) => commands::images::run(&args, console),
        Command::Build(args) => commands::build::run(&args, console),
        Command::Serve(args) => commands::serve::run(&args, console),
    }
}
