//! A program beside the machines: a registry, a boot server, a balancer. It outlives the process that started it, as the machines do, and is
//! found again by a file in its folder.
//!
//! What it serves, and whether it answers, its owner knows.

use crate::machine::process::Process;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Time for its end.
const BOUND: Duration = Duration::from_secs(20);

/// One such program, whether it runs or not.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    name: &'static str,
    folder: PathBuf,
}

impl Server {
    /// The one of this name, whose own files lie in this folder.
    pub(crate) fn new(name: &'static str, folder: PathBuf) -> Self {
        Self { name, folder }
    }

    /// Starts it, with all that it says in `<name>.said`. The command must begin with `setsid`: Ctrl-C on a terminal is for the lab.
    ///
    /// # Errors
    /// [`Error::Start`]; [`Error::Unusable`] when it ends at once.
    pub(crate) fn start(&self, command: &mut Command) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let said = fs::File::create(self.said())?.into_file();
        let child = command.stdout(said.try_clone()?).stderr(said).spawn();
        let child = child.map_err(|source| Error::Start { program: self.name.to_owned(), source })?;
        Process::of(child.id()).ok_or_else(|| self.ended())?.save(&self.process_file())
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`Error::Late`] when it goes on.
    pub(crate) fn stop(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        process.kill()?;
        let ended = || Ok(Look::when(!process.is_alive(), (), || "still running".to_owned()));
        wait_for(&format!("the end of {}", self.name), BOUND, ended).map(drop)
    }

    /// Whether it runs.
    pub(crate) fn is_running(&self) -> bool {
        self.process().is_some()
    }

    /// That it has ended by itself, with its last words.
    pub(crate) fn ended(&self) -> Error {
        let said = fs::read_to_string(self.said()).unwrap_or_default();
        let last = said.lines().last().unwrap_or("it said nothing");
        Error::unusable(self.name, format!("ended at once: {last}"))
    }

    fn process(&self) -> Option<Process> {
        Process::load(&self.process_file())
    }

    fn said(&self) -> PathBuf {
        self.folder.join(format!("{}.said", self.name))
    }

    fn process_file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.name))
    }
}
