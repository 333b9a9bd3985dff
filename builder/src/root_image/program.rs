//! Starts the program that writes an image, with a clean environment, and tells why it failed in its own words.

use crate::error::Error;
use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

/// Most bytes that are kept of what a program says.
const WORDS: u64 = 16 << 10;
/// The first version of erofs-utils that reads a tar.
const EROFS: (u32, u32) = (1, 7);

/// A program that reads a tar from its standard input.
pub(super) struct Writer {
    name: &'static str,
    child: Child,
    words: Option<JoinHandle<String>>,
}

impl Writer {
    /// Starts it; `epoch` bounds all times, `folder` takes what it has to put aside.
    pub(super) fn start(name: &'static str, arguments: &[OsString], epoch: &str, folder: &Path) -> Result<Self, Error> {
        let mut command = clean(name);
        command.args(arguments).env("SOURCE_DATE_EPOCH", epoch).env("TMPDIR", folder);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(name, error.to_string()))?;
        let words = child.stderr.take().map(|stream| std::thread::spawn(move || words(stream)));
        Ok(Self { name, child, words })
    }

    /// Its standard input.
    pub(super) fn take_input(&mut self) -> Result<ChildStdin, Error> {
        self.child.stdin.take().ok_or_else(|| failed(self.name, "it has no standard input".to_owned()))
    }

    /// Waits for its end. What `streamed` failed with is told only where the program itself says nothing.
    pub(super) fn finish<T>(mut self, streamed: Result<T, Error>) -> Result<T, Error> {
        let fault_is_ours =
            matches!(&streamed, Err(error) if !matches!(error, Error::Io { action: "passing files to", .. }));
        if fault_is_ours {
            let _ = self.child.kill();
        }
        let status = self.child.wait().map_err(|error| failed(self.name, error.to_string()))?;
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        if status.success() || fault_is_ours {
            return streamed;
        }
        let words = if words.trim().is_empty() { "it said nothing".to_owned() } else { words.trim().to_owned() };
        Err(failed(self.name, format!("writing the root image ended with {status}: {words}")))
    }
}

impl Drop for Writer {
    /// Nobody waits for it any more.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first and last of what a program says, without warnings that nobody needs.
fn words(mut stream: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stream).take(WORDS).read_to_end(&mut kept);
    // A full pipe would stop it for ever.
    let _ = std::io::copy(&mut stream, &mut std::io::sink());
    String::from_utf8_lossy(&kept).into_owned()
}

/// Time, time zone and language of whoever builds never reach the program.
fn clean(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env_clear().env("LC_ALL", "C").env("TZ", "UTC");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
    command
}

fn failed(program: &'static str, reason: String) -> Error {
    Error::Program { program, reason }
}

/// What a program prints with these arguments.
fn output(name: &'static str, arguments: &[&str], package: &str) -> Result<String, Error> {
    let output = clean(name).args(arguments).stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            failed(name, format!("is not installed; the package {package} of Debian and Ubuntu brings it"))
        }
        _ => failed(name, error.to_string()),
    })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
}

/// `mksquashfs 4.5.1`.
pub(super) fn squashfs_version() -> Result<String, Error> {
    let text = output("mksquashfs", &["-version"], "squashfs-tools (4.5 or newer)")?;
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1).unwrap_or("of unknown version");
    Ok(format!("mksquashfs {version}"))
}

/// `mkfs.erofs 1.8.6`.
pub(super) fn erofs_version() -> Result<String, Error> {
    const PACKAGE: &str = "erofs-utils (1.7 or newer: Debian 13, Ubuntu 24.04)";
    let text = output("mkfs.erofs", &["--version"], PACKAGE)?;
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit()) && word.contains('.');
    let version = text.split_whitespace().find(is_version).unwrap_or_default().trim_end_matches([',', ';']).to_owned();
    let mut numbers = version.split('.').filter_map(|number| number.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) >= EROFS => Ok(format!("mkfs.erofs {version}")),
        _ => Err(failed(
            "mkfs.erofs",
            format!("version {version} reads no tar; install {PACKAGE}, or choose --root squashfs"),
        )),
    }
}
