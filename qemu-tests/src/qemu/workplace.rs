//! Where a document is walked through that goes from an empty folder to a booted machine: that folder, on the lab's LAN, with the
//! programs that its reader has installed.
//!
//! What its reader makes where there is an internet lies in it already, made by the lab: `base.tar`, `kfimg-agent`, `bundle`.

use super::{built, hosts};
use crate::lan::Lan;
use crate::programs::Programs;
use crate::wait::{Look, wait_for};
use crate::{Error, Result};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

/// Bound of one command, in seconds: it may build an image.
const COMMAND: &str = "1800";
/// Pause of a machine that works hard, between two tries of a command.
const PAUSE: Duration = Duration::from_secs(5);
/// The reader's own programs, and what servers say, beside the folder.
const PROGRAMS: &str = "bin";
const LOGS: &str = "logs";

/// Such a folder, and what runs in it. All of that ends when this is dropped.
#[derive(Debug)]
pub struct Workplace {
    place: PathBuf,
    lan: Lan,
    servers: Vec<Child>,
}

impl Workplace {
    /// Prepares it below a missing folder, with the images of that bundle, which is a folder.
    ///
    /// # Errors
    /// [`Error::Io`]; those of making the base, where it is not in the cache yet.
    pub fn prepare(place: &Path, programs: &Programs, images: &Path, lan: &Lan) -> Result<Self> {
        let workplace = Self { place: place.to_owned(), lan: lan.clone(), servers: Vec::new() };
        let folder = workplace.folder();
        for folder in [&folder, &place.join(PROGRAMS), &place.join(LOGS)] {
            fs::create_dir_all(folder)?;
        }
        workplace.install("kfimg", programs.kfimg())?;
        workplace.install("kubectl", &programs.path("kubectl")?)?;
        fs::hard_link(built::base()?, folder.join("base.tar"))?;
        fs::copy(programs.agent(), folder.join("kfimg-agent"))?;
        hosts::write(programs, Some(images), &folder.join("bundle"))?;
        Ok(workplace)
    }

    /// Installs another program.
    ///
    /// # Errors
    /// [`Error::Io`] when it is not there.
    pub fn install(&self, name: &str, program: &Path) -> Result<()> {
        Ok(fs::os::unix::fs::symlink(fs::canonicalize(program)?, self.place.join(PROGRAMS).join(name))?)
    }

    /// The reader's folder.
    pub fn folder(&self) -> PathBuf {
        self.place.join("work")
    }

    /// A line of shell, with a bound, in this folder.
    pub fn command(&self, line: &str, folder: &Path) -> Command {
        let mut timeout = self.lan.command("timeout");
        timeout.args(["--kill-after=10", COMMAND, "sh", "-euc", line]);
        self.at_home(timeout, folder)
    }

    /// Starts a server by this line, which says everything in a log of this name.
    ///
    /// # Errors
    /// [`Error::Start`].
    pub fn start(&mut self, line: &str, log: &str) -> Result<()> {
        let file = fs::File::create(self.log_file(log))?.into_file();
        // A test that is killed takes it along.
        let mut server = self.lan.command("setpriv");
        server.args(["--pdeathsig", "KILL", "--", "sh", "-euc", &format!("exec {line}")]);
        server.stdout(file.try_clone()?).stderr(file);
        let child = self.at_home(server, &self.folder()).spawn();
        self.servers.push(child.map_err(|source| Error::Start { program: line.to_owned(), source })?);
        Ok(())
    }

    /// What a server has said so far; empty when there is none.
    pub fn log(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file(name)).unwrap_or_default()).into_owned()
    }

    /// Waits until a server has said this; gives the time that it took.
    ///
    /// # Errors
    /// [`Error::Late`] with all that it has said.
    pub fn wait_for_log(&self, name: &str, text: &str, bound: Duration) -> Result<Duration> {
        let look = || {
            let log = self.log(name);
            Ok(Look::when(log.contains(text), (), || log.clone()))
        };
        wait_for(&format!("`{text}` of {name}"), bound, look).map(|((), time)| time)
    }

    /// Runs a line in the reader's folder again and again until it succeeds with an answer that fits; gives the time that it took.
    ///
    /// # Errors
    /// [`Error::Late`] with the last answer; [`Error::Start`].
    pub fn wait_for_answer(&self, line: &str, bound: Duration, fits: impl Fn(&str) -> bool) -> Result<Duration> {
        let look = || {
            let mut command = self.command(line, &self.folder());
            let output = command.output().map_err(|source| Error::Start { program: line.to_owned(), source })?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            if output.status.success() && fits(&said) {
                return Ok(Look::Found(()));
            }
            std::thread::sleep(PAUSE);
            Ok(Look::NotYet(said))
        };
        wait_for(&format!("the answer to `{line}`"), bound, look).map(|((), time)| time)
    }

    /// As its reader: with the programs installed, and a home that nothing else is in.
    fn at_home(&self, mut command: Command, folder: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.place.join(PROGRAMS).display()));
        command.env("HOME", &self.place).current_dir(folder);
        command
    }

    fn log_file(&self, name: &str) -> PathBuf {
        self.place.join(LOGS).join(name).with_extension("log")
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}
