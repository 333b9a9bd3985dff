//! The registry that nodes pull from: `kfimg serve` over the lab's bundle, on the LAN of one lab.
//!
//! Its certificate is of the cluster's own authority, as a site without a registry would have it. What it serves is in
//! [`crate::bundle`].

use crate::command::succeed;
use crate::lan::{GATEWAY, Lan};
use crate::machine::process::Process;
use crate::site::REGISTRY;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PORT: u16 = 443;
/// Time for a start and for an end.
const BOUND: Duration = Duration::from_secs(20);

/// The registry of one lab. It outlives the process that started it, as the machines do.
#[derive(Clone, Debug)]
pub struct Registry {
    /// `kfimg`.
    pub program: PathBuf,
    /// Where it listens.
    pub lan: Lan,
    /// Folder for its own files.
    pub folder: PathBuf,
    /// The bundle that it serves.
    pub bundle: PathBuf,
    /// The cluster's state folder.
    pub state: PathBuf,
}

impl Registry {
    /// Starts it and waits until it answers; one that runs stays.
    ///
    /// # Errors
    /// [`Error::Late`] with the end of its log.
    pub fn start(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        // It would write to the end of the former one.
        let _ = fs::remove_file(self.log());
        let said = fs::File::create(self.said())?.into_file();
        // A session of its own: Ctrl-C on a terminal is for the lab.
        let mut serve = self.lan.command("setsid");
        serve
            .arg(&self.program)
            .args(["serve", "--listen", &format!("{GATEWAY}:{PORT}"), "--bundle"])
            .arg(&self.bundle);
        serve.arg("--tls-state").arg(&self.state).args(["--name", REGISTRY, "--name", &GATEWAY.to_string()]);
        serve.arg("--access-log").arg(self.log()).stdout(said.try_clone()?).stderr(said);
        let child = serve.spawn().map_err(|source| Error::Start { program: "kfimg serve".to_owned(), source })?;
        let process = Process::of(child.id()).ok_or_else(|| self.ended())?;
        process.save(&self.process_file())?;
        wait_for("the registry", BOUND, || self.look()).map(drop)
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        process.kill()?;
        wait_for("the end of the registry", BOUND, || {
            Ok(Look::when(!self.is_running(), (), || "still running".to_owned()))
        })
        .map(drop)
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.process().is_some()
    }

    /// The number of its process.
    pub fn pid(&self) -> Option<u32> {
        self.process().map(|process| process.pid)
    }

    /// Everything that was asked of it since its last start, a line for each request.
    pub fn log(&self) -> PathBuf {
        self.folder.join("registry.log")
    }

    /// The authority of its certificate, a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.state.join("pki/ca.crt")
    }

    fn said(&self) -> PathBuf {
        self.folder.join("registry.said")
    }

    fn process_file(&self) -> PathBuf {
        self.folder.join("registry.json")
    }

    fn process(&self) -> Option<Process> {
        Process::load(&self.process_file())
    }

    fn look(&self) -> Result<Look<()>> {
        if !self.is_running() {
            return Err(self.ended());
        }
        let mut ask = ask(&self.lan, &self.authority());
        Ok(match succeed(ask.arg(format!("https://{REGISTRY}:{PORT}/v2/"))) {
            Ok(_) => Look::Found(()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    }

    fn ended(&self) -> Error {
        let said = fs::read_to_string(self.said()).unwrap_or_default();
        let last = said.lines().last().unwrap_or("it said nothing");
        Error::unusable("kfimg serve", format!("ended at once: {last}"))
    }
}

/// `curl` on the LAN, for URLs of the registry.
pub fn ask(lan: &Lan, authority: &Path) -> std::process::Command {
    let mut ask = lan.command("curl");
    ask.args(["--silent", "--show-error", "--fail", "--max-time", "10", "--cacert"]).arg(authority);
    ask.args(["--resolve", &format!("{REGISTRY}:{PORT}:{GATEWAY}")]);
    ask
}
