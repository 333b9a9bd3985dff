//! Starts the program that writes an image, with a clean environment, and tells why it failed in its own words.

use super::RootFormat;
use crate::error::Error;
use crate::output::Growth;
use crate::output::child::{self, Ending, PATIENCE, Patient, RunningChild};
use kfimg_images::stop::Stop;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::time::Duration;

/// The first version of squashfs-tools whose mksquashfs reads a tar.
const SQUASHFS: (u32, u32) = (4, 5);
/// The first version of erofs-utils that reads a tar.
const EROFS: (u32, u32) = (1, 7);
/// How long a program may take to tell its version.
const SOON: Duration = Duration::from_secs(60);

/// A program that reads a tar from its standard input.
pub(super) struct Writer {
    name: &'static str,
    child: RunningChild,
    growth: RefCell<Growth>,
    stop: Stop,
}

impl Writer {
    /// Starts it; `epoch` bounds all times, what it has to put aside goes beside `target`.
    pub(super) fn start(
        format: RootFormat,
        arguments: &[OsString],
        epoch: &str,
        target: &Path,
        stop: &Stop,
    ) -> Result<Self, Error> {
        let name = format.program();
        let mut command = match format {
            RootFormat::Squashfs => as_root(name)?,
            RootFormat::Erofs => clean(name),
        };
        let folder = target.parent().unwrap_or(Path::new("."));
        command.args(arguments).env("SOURCE_DATE_EPOCH", epoch).env("TMPDIR", folder).stdin(Stdio::piped());
        let child = RunningChild::start(&mut command, false).map_err(|error| failed(name, error.to_string()))?;
        Ok(Self { name, child, growth: RefCell::new(Growth::of(target)), stop: stop.clone() })
    }

    /// Its standard input.
    pub(super) fn take_input(&mut self) -> Result<Patient<ChildStdin>, Error> {
        self.child.input(&self.stop).map_err(|error| failed(self.name, error.to_string()))
    }

    /// Looks how far it is.
    pub(super) fn look(&self) {
        self.growth.borrow_mut().look();
    }

    /// Waits for its end. What `streamed` failed with is told only where the program itself says nothing.
    pub(super) fn finish<T>(mut self, streamed: Result<T, Error>) -> Result<T, Error> {
        let fault_is_ours =
            matches!(&streamed, Err(error) if !matches!(error, Error::Io { action: "passing files to", .. }));
        if fault_is_ours {
            // Dropped, it is ended.
            return streamed;
        }
        let grows = || self.growth.borrow_mut().look() > 0;
        let ending =
            self.child.wait(&self.stop, PATIENCE, grows).map_err(|error| failed(self.name, error.to_string()))?;
        let status = match ending {
            Ending::Stopped => return Err(Error::Stopped),
            Ending::Silent => {
                let seconds = PATIENCE.as_secs();
                return Err(failed(self.name, format!("it has shown no sign of life for {seconds} s, and was ended")));
            }
            Ending::Ended(status) if status.success() => return streamed,
            Ending::Ended(status) => status,
        };
        let words = self.child.words();
        let words = if words.trim().is_empty() { "it said nothing" } else { words.trim() };
        Err(failed(self.name, format!("writing the root image ended with {status}: {words}")))
    }
}

/// Time, time zone and language of whoever builds never reach the program.
fn clean(name: &str) -> Command {
    let mut command = child::command(name);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
    command
}

/// The program as root, if only of a user namespace of its own: of a tar mksquashfs 4.5 gives the root folder to whoever runs it, and has
/// no option against it.
fn as_root(name: &'static str) -> Result<Command, Error> {
    if rustix::process::geteuid().is_root() {
        return Ok(clean(name));
    }
    let namespace = || {
        let mut command = clean("unshare");
        command.arg("--map-root-user");
        command
    };
    let probe = RunningChild::start(namespace().arg("true").stdin(Stdio::null()), false);
    let ending = probe.and_then(|mut child| child.wait(&Stop::new(), SOON, || false));
    if !matches!(ending, Ok(Ending::Ended(status)) if status.success()) {
        let reason = "an ordinary user needs a user namespace, or the image's root folder would be theirs, and \
                      `unshare --map-root-user true` (package util-linux) fails: allow user namespaces, or build as root";
        return Err(failed(name, reason.to_owned()));
    }
    let mut command = namespace();
    // Once more, for who joins a namespace may lose what was asked of Linux before.
    command.args(child::bound(name));
    Ok(command)
}

fn failed(program: &'static str, reason: String) -> Error {
    Error::Program { program, reason }
}

/// What a program prints with this argument.
fn output(name: &'static str, argument: &str, package: &str) -> Result<String, Error> {
    let mut command = clean(name);
    command.arg(argument).stdin(Stdio::null());
    let mut child = RunningChild::start(&mut command, false).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            failed(name, format!("is not installed; the package {package} of Debian and Ubuntu brings it"))
        }
        _ => failed(name, error.to_string()),
    })?;
    match child.wait(&Stop::new(), SOON, || false) {
        Ok(Ending::Ended(_)) => Ok(child.words()),
        _ => Err(failed(name, format!("it did not tell its version within {} s", SOON.as_secs()))),
    }
}

/// `mksquashfs 4.5.1`.
pub(super) fn squashfs_version() -> Result<String, Error> {
    const PACKAGE: &str = "squashfs-tools (4.5 or newer)";
    let text = output("mksquashfs", "-version", PACKAGE)?;
    recent("mksquashfs", &text, SQUASHFS, &format!("install {PACKAGE}"))
}

/// `mkfs.erofs 1.8.6`. Versions before 1.7 know the short option alone.
pub(super) fn erofs_version() -> Result<String, Error> {
    const PACKAGE: &str = "erofs-utils (1.7 or newer: Debian 13, Ubuntu 24.04)";
    let text = output("mkfs.erofs", "-V", PACKAGE)?;
    recent("mkfs.erofs", &text, EROFS, &format!("install {PACKAGE}, or choose --root squashfs"))
}

/// Name and version, unless it is too old; `text` is what the program says of itself.
fn recent(name: &'static str, text: &str, least: (u32, u32), remedy: &str) -> Result<String, Error> {
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let Some(version) = text.split_whitespace().find(is_version).map(|word| word.trim_end_matches([',', ';'])) else {
        return Err(failed(name, format!("it does not tell its version; {remedy}")));
    };
    let number = |part: &str| part.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u32>().ok();
    let mut numbers = version.split('.').filter_map(number);
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= least => Ok(format!("{name} {version}")),
        _ => Err(failed(name, format!("version {version} reads no tar; {remedy}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{EROFS, SQUASHFS, recent};

    /// The first lines of what these versions say.
    #[test]
    fn versions_that_read_no_tar_are_refused() {
        for (name, text, least, wanted) in [
            ("mkfs.erofs", "mkfs.erofs 1.5\n", EROFS, Err("version 1.5 reads no tar")),
            ("mkfs.erofs", "mkfs.erofs 1.6-g0f0c9d8\n", EROFS, Err("version 1.6-g0f0c9d8 reads no tar")),
            ("mkfs.erofs", "mkfs.erofs (erofs-utils) 1.7.1\n\tavailable compressors: lz4\n", EROFS, Ok("1.7.1")),
            ("mkfs.erofs", "mkfs.erofs (erofs-utils) 1.8.6\n", EROFS, Ok("1.8.6")),
            ("mkfs.erofs", "mkfs.erofs: invalid option -- 'V'\n", EROFS, Err("does not tell its version")),
            ("mksquashfs", "mksquashfs version 4.4 (2019/08/29)\n", SQUASHFS, Err("version 4.4 reads no tar")),
            ("mksquashfs", "mksquashfs version 4.5.1 (2022/03/17)\n", SQUASHFS, Ok("4.5.1")),
            ("mksquashfs", "mksquashfs version 4.6-git (2023/03/17)\n", SQUASHFS, Ok("4.6-git")),
        ] {
            match (recent(name, text, least, "mend it"), wanted) {
                (Ok(found), Ok(version)) => assert_eq!(found, format!("{name} {version}")),
                (Err(error), Err(words)) => {
                    let error = error.to_string();
                    assert!(
                        error.starts_with(name) && error.contains(words) && error.ends_with("; mend it"),
                        "{error}"
                    );
                }
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
