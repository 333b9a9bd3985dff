//! The boot server of a lab's cluster: `kfimg serve --out` over what was rendered, on the LAN of one lab.
//!
//! Machines of the lab have their payloads already; they fetch from it what a payload had no room for.

use crate::Result;
use crate::lan::{GATEWAY, Lan};
use crate::server::Server;
use std::path::PathBuf;

/// Its port, beside the registry at the same address.
pub const PORT: u16 = 8080;

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
    /// Images that it hands out, where this folder is there.
    pub(crate) images: PathBuf,
}

impl BootServer {
    /// Its URL, as a description names it.
    pub fn url() -> String {
        format!("http://{GATEWAY}:{PORT}")
    }

    /// Starts it; machines ask until it answers. One that runs stays.
    ///
    /// # Errors
    /// [`crate::Error::Start`].
    pub fn start(&self) -> Result<()> {
        if self.server().is_running() {
            return Ok(());
        }
        let mut serve = self.lan.command("setsid");
        serve
            .arg(&self.program)
            .args(["serve", "--boot-listen", &format!("{GATEWAY}:{PORT}"), "--out"])
            .arg(&self.output);
        if self.images.exists() {
            serve.arg("--images").arg(&self.images);
        }
        self.server().start(serve.arg("--access-log").arg(self.log()))
    }

    /// Ends it, as when its machine is switched off.
    ///
    /// # Errors
    /// [`crate::Error::Late`] when it goes on.
    pub fn stop(&self) -> Result<()> {
        self.server().stop()
    }

    /// Everything that was asked of it, a line for each request.
    pub fn log(&self) -> PathBuf {
        self.folder.join("boot-server.log")
    }

    fn server(&self) -> Server {
        Server::new("boot-server", self.folder.clone())
    }
}
