//! The registry that nodes pull from: `kfimg serve` over the lab's bundle, on the LAN of one lab.
//!
//! Its certificate is of the cluster's own authority, as a site without a registry would have it. What it serves is in
//! [`crate::bundle`].

use crate::Result;
use crate::command::succeed;
use crate::lan::{GATEWAY, Lan};
use crate::server::Server;
use crate::site::REGISTRY;
use crate::wait::{Look, wait_for};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const PORT: u16 = 443;
/// Time for a start.
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
    /// [`crate::Error::Late`] with what it answers instead; [`crate::Error::Unusable`] with its last words.
    pub fn start(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        // It would write to the end of the former one.
        let _ = fs::remove_file(self.log());
        let mut serve = self.lan.command("setsid");
        serve
            .arg(&self.program)
            .args(["serve", "--listen", &format!("{GATEWAY}:{PORT}"), "--bundle"])
            .arg(&self.bundle);
        serve.arg("--tls-state").arg(&self.state).args(["--name", REGISTRY, "--name", &GATEWAY.to_string()]);
        self.server().start(serve.arg("--access-log").arg(self.log()))?;
        wait_for("the registry", BOUND, || self.look()).map(drop)
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`crate::Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        self.server().stop()
    }

    /// Whether it runs.
    pub fn is_running(&self) -> bool {
        self.server().is_running()
    }

    /// Everything that was asked of it since its last start, a line for each request.
    pub fn log(&self) -> PathBuf {
        self.folder.join("registry.log")
    }

    /// The authority of its certificate, a PEM file.
    pub fn authority(&self) -> PathBuf {
        self.state.join("pki/ca.crt")
    }

    fn server(&self) -> Server {
        Server::new("registry", self.folder.clone())
    }

    fn look(&self) -> Result<Look<()>> {
        if !self.is_running() {
            return Err(self.server().ended());
        }
        let mut ask = ask(&self.lan, &self.authority());
        Ok(match succeed(ask.arg(format!("https://{REGISTRY}:{PORT}/v2/"))) {
            Ok(_) => Look::Found(()),
            Err(error) => Look::NotYet(error.to_string()),
        })
    }
}

/// `curl` on the LAN, for URLs of the registry.
pub fn ask(lan: &Lan, authority: &Path) -> std::process::Command {
    let mut ask = lan.command("curl");
    ask.args(["--silent", "--show-error", "--fail", "--max-time", "10", "--cacert"]).arg(authority);
    ask.args(["--resolve", &format!("{REGISTRY}:{PORT}:{GATEWAY}")]);
    ask
}
