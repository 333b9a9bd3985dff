//! Fetches the root image of a machine that boots from the network without carrying it in its initrd.
//!
//! The initrd knows size and digest of the file, so a server that anybody can impersonate can withhold it and do nothing worse. A
//! server that is away is asked for ever: without its root a machine has nothing else to do. What has come is not
//! fetched again when a connection breaks.

use super::codes::{ROOT_FETCH, ROOT_IMAGE};
use super::say;
use crate::failure::Failure;
use crate::http;
use crate::root::Root;
use crate::wait::{Backoff, Deadline};
use data_encoding::HEXLOWER;
use fs_err::File;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bound of one request; what came by then is kept.
const TIME: Duration = Duration::from_secs(900);
/// What the next pause must not pass.
const FOR_EVER: Duration = Duration::from_secs(3600);
/// What the initrd knows of the file.
const EXPECTED: &str = "fetch.json";
const BLOCK: usize = 256 << 10;

/// What must come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Bytes.
    size: u64,
    /// Hexadecimal.
    sha256: String,
}

/// What has come.
struct Part {
    file: File,
    size: u64,
    digest: Sha256,
}

impl Part {
    fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: File::create(path)?, size: 0, digest: Sha256::new() })
    }

    fn write(&mut self, block: &[u8]) -> std::io::Result<()> {
        self.file.write_all(block)?;
        self.size += block.len() as u64;
        self.digest.update(block);
        Ok(())
    }
}

/// Why a try brought no file.
enum Trouble {
    /// The server's or the network's: asking again may help.
    Server(String),
    /// This machine's.
    Machine(std::io::Error),
}

/// Fetches `root.img` into this folder of the initrd, and gives the folder.
pub(super) fn root_image(root: &Root, url: &str, folder: &Path) -> Result<PathBuf, Failure> {
    let wrong = |reason: String| Failure::new(&ROOT_IMAGE, reason);
    let note = folder.join(EXPECTED);
    let text = std::fs::read(&note).map_err(|error| wrong(format!("{}: {error}", note.display())))?;
    let expected: Expected =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("{}: {error}", note.display())))?;
    say(format_args!("root: fetching {} MiB from {url}", expected.size >> 20));
    let file = folder.join("root.img");
    let machine = |error: std::io::Error| {
        wrong(format!("{}: {error}; the machine's memory must hold {} MiB twice", file.display(), expected.size >> 20))
    };
    let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(15));
    let mut part = Part::create(&file).map_err(machine)?;
    loop {
        let reason = match go_on(root, url, &expected, &mut part) {
            Ok(()) if HEXLOWER.encode(&part.digest.clone().finalize()) == expected.sha256 => {
                say(format_args!("root: it came whole"));
                return Ok(folder.to_owned());
            }
            Ok(()) => {
                part = Part::create(&file).map_err(machine)?;
                "what it gives is another file (its SHA-256 differs)".to_owned()
            }
            Err(Trouble::Machine(error)) => return Err(machine(error)),
            Err(Trouble::Server(reason)) => reason,
        };
        say(format_args!("root: warning {}: {url}: {reason}; {}", ROOT_FETCH.name, ROOT_FETCH.remedy));
        backoff.pause(Deadline::after(FOR_EVER));
    }
}

/// Asks for what is missing.
fn go_on(root: &Root, url: &str, expected: &Expected, part: &mut Part) -> Result<(), Trouble> {
    let server = |error: &dyn std::fmt::Display| Trouble::Server(error.to_string());
    let mut request = http::anonymous(root, TIME).get(url);
    if part.size > 0 {
        request = request.header("range", format!("bytes={}-", part.size));
    }
    let mut answer = match request.call() {
        // The server's file ends before what has come: it is another one.
        Err(ureq::Error::StatusCode(416)) => {
            *part = Part::create(part.file.path()).map_err(Trouble::Machine)?;
            return Err(Trouble::Server("its file is shorter".to_owned()));
        }
        answer => answer.map_err(|error| server(&error))?,
    };
    if part.size > 0 && answer.status().as_u16() != 206 {
        // A server that knows no ranges begins anew.
        *part = Part::create(part.file.path()).map_err(Trouble::Machine)?;
    }
    let mut body = answer.body_mut().with_config().limit(u64::MAX).reader();
    let mut block = vec![0; BLOCK];
    loop {
        let length = body.read(&mut block).map_err(|error| server(&error))?;
        if length == 0 {
            break;
        }
        if part.size + length as u64 > expected.size {
            *part = Part::create(part.file.path()).map_err(Trouble::Machine)?;
            return Err(Trouble::Server(format!("it gives more than the {} bytes of this build", expected.size)));
        }
        part.write(&block[..length]).map_err(Trouble::Machine)?;
    }
    if part.size == expected.size {
        return Ok(());
    }
    Err(Trouble::Server(format!("it gave {} of {} bytes", part.size, expected.size)))
}

#[cfg(test)]
mod tests;
