//! The boot server of a lab's cluster: `kfimg serve --out` over what was rendered, on the LAN of one lab.
//!
//! Machines of the lab have their payloads already; they fetch from it what a payload had no room for.

use crate::lan::{GATEWAY, Lan};
use crate::machine::process::Process;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::PathBuf;
use std::time::Duration;

/// Its port, beside the registry at the same address.
pub const PORT: u16 = 8080;
/// Time for its end.
const BOUND: Duration = Duration::from_secs(10);

/// The boot server of one lab. It outlives the process that started it, as the machines do.
#[derive(Clone, Debug)]
pub struct BootServer {
    /// `kfimg`.
    pub(crate) program: PathBuf,
    /// Where it listens.
    pub(crate) lan: Lan,
    /// Folder for its own files.
    pub(crate) folder: PathBuf,
    /// What `kfimg render` wrote.
    pub(crate) output: PathBuf,
}

impl BootServer {
    /// Its URL, as a description names it.
    pub fn url() -> String {
        format!("http://{GATEWAY}:{PORT}")
    }

    /// Starts it; machines ask until it answers. One that runs stays.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(&self) -> Result<()> {
        if self.process().is_some() {
            return Ok(());
        }
        fs::create_dir_all(&self.folder)?;
        let said = fs::File::create(self.folder.join("boot-server.said"))?.into_file();
        // A session of its own: Ctrl-C on a terminal is for the lab.
        let mut serve = self.lan.command("setsid");
        serve
            .arg(&self.program)
            .args(["serve", "--boot-listen", &format!("{GATEWAY}:{PORT}"), "--out"])
            .arg(&self.output);
        serve.arg("--access-log").arg(self.log()).stdout(said.try_clone()?).stderr(said);
        let child = serve.spawn().map_err(|source| Error::Start { program: "kfimg serve".to_owned(), source })?;
        let process = Process::of(child.id()).ok_or_else(|| Error::unusable("kfimg serve", "ended at once"))?;
        process.save(&self.process_file())
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        let Some(process) = self.process() else { return Ok(()) };
        process.kill()?;
        let ended = || Ok(Look::when(!process.is_alive(), (), || "still running".to_owned()));
        wait_for("the end of the boot server", BOUND, ended).map(drop)
    }

    /// Everything that was asked of it, a line for each request.
    pub fn log(&self) -> PathBuf {
        self.folder.join("boot-server.log")
    }

    fn process(&self) -> Option<Process> {
        Process::load(&self.process_file())
    }

    fn process_file(&self) -> PathBuf {
        self.folder.join("boot-server.json")
    }
}
