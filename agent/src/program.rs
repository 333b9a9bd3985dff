//! The command line: one word, the step.
//!
//! Units write it, people rarely do; so it is read without a library.

use crate::failure::Failure;
use crate::initrd::{self, Word};
use crate::plan::Plan;
use crate::root::Root;
use crate::step::{Step, StepLog, tell};
use crate::{addons, check_api, clock, data, etcd, fetch, images, preflight, report, snapshot, support, unseal};
use std::ffi::OsString;
use std::process::ExitCode;

const USAGE: &str = "\
kfimg-agent: obeys the plan in /etc/kfimg/plan.json

Usage: kfimg-agent [--root DIR] <step>

Steps of a boot, each run by a unit of its own (kfimg-<step>.service):
  data             find, make and grow the data partition on the disk of the right size
  unseal           open the secret part of the payload with a key from a second channel
  clock            bring the clock into the certificates' window
  preflight        check this machine against the plan; copy keys to /run/kfimg
  images           import the images of this node from a bundle on the machine
  etcd             the etcd guard: answers other members, lets etcd start when it is safe
  fetch            get what was too large for the payload from the boot server
  addons           apply addons and the site's own objects
  snapshot         take a snapshot of etcd, verify it, drop old ones
  report           tell how far this boot has come

Around a kfimg image's boot, run by units of the image (docs/image.md):
  platform         in the initrd: find out where the payload comes from
  root             in the initrd: find a root image that is no partition
  payload fetch    in the initrd: let Ignition fetch the payload
  payload choose   in the initrd: take the kept payload where none came, or an older one
  keep             keep this boot's payload for the next boot

Others:
  check-api URL    exit 0 when URL answers 200 within 2 seconds (keepalived's check)
  support [FILE]   collect logs and state, without secrets, into one archive
  --version, --help

Exit codes: 0 done; 1 a bug; 2 usage; 3 a person has to act; 4 another try may help.
";

/// What every step works on.
pub(crate) struct Context {
    /// Where the node's paths begin.
    pub(crate) root: Root,
    /// The node's plan.
    pub(crate) plan: Plan,
}

/// What the command line asks for.
enum Request {
    Step(Step),
    Report,
    Image(Word),
    CheckApi(String),
    Support(Option<String>),
    Print(String),
}

/// Runs the program.
pub fn main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match parse(arguments) {
        Ok((root, request)) => run(root, request),
        Err(problem) => {
            eprintln!("kfimg-agent: {problem}; `kfimg-agent --help` lists the steps");
            ExitCode::from(2)
        }
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> Result<(Root, Request), String> {
    let mut words = Vec::new();
    for argument in arguments {
        words.push(argument.into_string().map_err(|word| format!("{} is not text", word.display()))?);
    }
    let mut root = Root::new("/");
    if words.first().is_some_and(|word| word == "--root") {
        let folder = words.get(1).ok_or("--root needs a folder")?;
        root = Root::new(folder);
        words.drain(..2);
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let Some(word) = Word::parse(&words) {
        return Ok((root, Request::Image(word)));
    }
    let request = match words.as_slice() {
        [] => return Err("no step is named".to_owned()),
        ["--help" | "-h"] => Request::Print(USAGE.to_owned()),
        ["--version" | "-V"] => Request::Print(format!("kfimg-agent {}\n", env!("CARGO_PKG_VERSION"))),
        ["report"] => Request::Report,
        ["check-api", url] => Request::CheckApi((*url).to_owned()),
        ["support"] => Request::Support(None),
        ["support", file] => Request::Support(Some((*file).to_owned())),
        [name] => match Step::ALL.into_iter().find(|step| step.name() == *name) {
            Some(step) => Request::Step(step),
            None => return Err(format!("there is no step `{name}`")),
        },
        [name, ..] => return Err(format!("`{name}` takes other arguments")),
    };
    Ok((root, request))
}

fn run(root: Root, request: Request) -> ExitCode {
    match request {
        Request::Print(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Request::CheckApi(url) => check_api::run(&url),
        Request::Support(file) => ended(support::run(&root, file.as_deref())),
        Request::Image(word) => ended(initrd::run(&root, word)),
        Request::Report => ended(report::run(&root)),
        Request::Step(step) => run_step(root, step),
    }
}

fn run_step(root: Root, step: Step) -> ExitCode {
    let mut log = StepLog::begin(&root, step);
    let result = root.plan().and_then(|plan| {
        let context = Context { root, plan };
        match step {
            Step::Data => data::run(&context, &mut log),
            Step::Unseal => unseal::run(&context, &mut log),
            Step::Clock => clock::run(&context, &mut log),
            Step::Preflight => preflight::run(&context, &mut log),
            Step::Images => images::run(&context, &mut log),
            Step::Etcd => etcd::run(&context, &mut log),
            Step::Fetch => fetch::run(&context, &mut log),
            Step::Addons => addons::run(&context, &mut log),
            Step::Snapshot => snapshot::run(&context, &mut log),
        }
    });
    if let Err(failure) = &result {
        log.failed(failure);
    }
    ended(result)
}

fn ended(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            tell(format_args!("kfimg-agent: {failure}"));
            failure.exit_code()
        }
    }
}
