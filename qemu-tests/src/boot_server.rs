//! The boot server of a lab: `kfimg serve` over what was rendered, over files for machines that boot, or both, on the LAN of one lab.
//!
//! Machines of the lab have their payloads already; they fetch from it what a payload, or an initrd, had no room for.

use crate::Result;
use crate::lan::{GATEWAY, Lan};
use crate::server::Server;
use std::path::{Path, PathBuf};

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
    /// What `kfimg render` wrote, where there is a cluster.
    pub(crate) output: Option<PathBuf>,
    /// Images that it hands out, where this folder is there.
    pub(crate) images: PathBuf,
}

impl BootServer {
    /// One without a cluster, with files of its own in this folder: it hands out what lies in `images` there.
    pub fn of_images(kfimg: &Path, lan: &Lan, folder: &Path) -> Self {
        let (program, lan, folder) = (kfimg.to_owned(), lan.clone(), folder.to_owned());
        Self { program, lan, images: folder.join("images"), folder, output: None }
    }

    /// Its URL, as a description names it.
    pub fn url() -> String {
        format!("http://{GATEWAY}:{PORT}")
    }

    /// The URL of the images that it hands out.
    pub fn images_url() -> String {
        format!("{}/images", Self::url())
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
        serve.arg(&self.program).args(["serve", "--boot-listen", &format!("{GATEWAY}:{PORT}")]);
        if let Some(output) = &self.output {
            serve.arg("--out").arg(output);
        }
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
