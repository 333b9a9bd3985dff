//! `kfimg diff`: what changes from one output to another, and in which order to boot; or from one build to another.

use crate::console::Console;
use crate::diff::{self, Trouble};
use crate::failure::Failure;
use crate::interrupt::end_at_once;
use crate::output::{Kind, Output};
use clap::Args;
use kfimg_builder::compare::{compare, is_build};
use std::path::PathBuf;

/// Arguments of `kfimg diff`.
#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// The output of `kfimg render`, or the build, that the machines run
    old: PathBuf,
    /// The one that they are to run
    new: PathBuf,
    /// End with code 8 when there is a difference
    #[arg(long)]
    exit_code: bool,
}

/// Compares two outputs; `-v` shows the lines that differ in files without secrets.
pub(crate) fn run(args: &DiffArgs, console: &Console) -> Result<(), Failure> {
    end_at_once(console);
    if is_build(&args.old) && is_build(&args.new) {
        return builds(args, console);
    }
    let (old, new) = match (Output::open(&args.old), Output::open(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => {
            let troubles: Vec<Trouble> = [old.err(), new.err()].into_iter().flatten().map(Trouble::from).collect();
            return Err(refuse(&troubles, console));
        }
    };
    let compared = diff::compare(&old, &new, console.is_verbose(), console);
    let difference = compared.map_err(|troubles| refuse(&troubles, console))?;
    if console.is_json() {
        console.json(&difference)?;
    } else {
        console.result(&diff::text::text(&difference))?;
    }
    if args.exit_code && difference.differs { Err(Failure::Differs) } else { Ok(()) }
}

/// Compares two builds; `-v` lists every file.
fn builds(args: &DiffArgs, console: &Console) -> Result<(), Failure> {
    let difference = compare(&args.old, &args.new)?;
    if console.is_json() {
        console.json(&difference)?;
    } else {
        console.result(&diff::builds::text(&difference, console.is_verbose()))?;
    }
    if args.exit_code && difference.differs() { Err(Failure::Differs) } else { Ok(()) }
}

/// Names everything that is wrong; what is damaged is graver than what is missing.
fn refuse(troubles: &[Trouble], console: &Console) -> Failure {
    troubles.iter().for_each(|trouble| console.error(&trouble.to_string()));
    let is_missing = |trouble: &Trouble| matches!(trouble, Trouble::Output(error) if error.kind() == Kind::Input);
    let summary = match troubles.len() {
        1 => "the outputs can't be compared".to_owned(),
        count => format!("the outputs can't be compared: {count} files are missing or damaged"),
    };
    Failure::Outputs { summary, missing_input: troubles.iter().all(is_missing) }
}
