//! The bundle of a lab's cluster: made by `kfimg bundle create` from a registry of distribution with the lab's images, which
//! stands for all upstream ones and lives no longer than that.
//!
//! Nodes never see that registry: images reach them from the bundle only, by [`crate::registry`] or on a medium.

use crate::command::succeed;
use crate::images::{Store, WORKLOAD, architecture};
use crate::lan::Lan;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

/// Where the data partition, a machine's `/var`, keeps a bundle.
pub const PLACE: &str = "lib/kfimg/bundle";
/// Where the upstream listens: on the LAN's own loopback, so that labs do not meet.
const UPSTREAM: &str = "127.0.0.1:5001";
/// Time for its start.
const BOUND: Duration = Duration::from_secs(20);

/// Who makes a bundle, and where.
#[derive(Clone, Debug)]
pub struct Maker {
    /// `kfimg`.
    pub kfimg: PathBuf,
    /// The registry of distribution.
    pub registry: PathBuf,
    /// The network, which leads nowhere else.
    pub lan: Lan,
    /// The bundle, a folder; a former one is brought up to date.
    pub bundle: PathBuf,
}

impl Maker {
    /// Makes the bundle of the cluster that these options of `kfimg render` describe, with the image of the workloads. The
    /// images are packed already.
    ///
    /// # Errors
    /// Those of `kfimg bundle create`.
    pub fn make<S: AsRef<OsStr>>(&self, description: impl IntoIterator<Item = S>) -> Result<()> {
        let upstream = Upstream::start(self)?;
        let mut create = self.lan.command(&self.kfimg);
        create.args(["bundle", "create", "--images-only", "--arch", architecture(), "--image", WORKLOAD]);
        create.args(["--mirror", UPSTREAM, "--mirrors-only", "--plain-http", UPSTREAM]).args(description);
        // The images may have been built anew since: no lock of an earlier one holds.
        create.arg("--update").arg("--lock").arg(self.bundle.with_extension("lock"));
        succeed(create.arg("-o").arg(&self.bundle))?;
        drop(upstream);
        Ok(())
    }
}

/// Copies a bundle to a medium.
///
/// # Errors
/// What `cp` said.
pub fn copy(bundle: &Path, target: &Path) -> Result<()> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    succeed(crate::command::command("cp").arg("-r").args([bundle, target])).map(drop)
}

/// The registry that runs while a bundle is made.
struct Upstream(Child);

impl Upstream {
    fn start(maker: &Maker) -> Result<Self> {
        let folder = maker.bundle.with_extension("upstream");
        fs::create_dir_all(&folder)?;
        let configuration = folder.join("registry.yml");
        fs::write(&configuration, text())?;
        let log = fs::File::create(folder.join("registry.log"))?.into_file();
        let mut registry = maker.lan.command(&maker.registry);
        registry.arg("serve").arg(configuration).stdout(log.try_clone()?).stderr(log);
        // It asks a collector for traces by default.
        registry.env("OTEL_TRACES_EXPORTER", "none");
        let child = registry.spawn().map_err(|source| Error::Start { program: "registry".to_owned(), source })?;
        let upstream = Self(child);
        wait_for("the upstream registry", BOUND, || {
            let mut ask = maker.lan.command("curl");
            ask.args(["--silent", "--show-error", "--fail", "--max-time", "2", &format!("http://{UPSTREAM}/v2/")]);
            Ok(match succeed(&mut ask) {
                Ok(_) => Look::Found(()),
                Err(error) => Look::NotYet(error.to_string()),
            })
        })?;
        Ok(upstream)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn text() -> String {
    format!(
        "\
version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {storage}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: {UPSTREAM}}}
",
        storage = Store::open().folder().display(),
    )
}
