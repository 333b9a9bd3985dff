//! `kfimg-agent payload` and `kfimg-agent keep`: a node boots when the boot server is away and guestinfo was erased.
//!
//! Ignition's first stage writes the whole configuration to `/run/ignition.json`, from where its later stages read it. So this
//! is what is kept on the data partition once a boot has got so far that its payload is known to be fit, and what is put in that place
//! where nothing newer came. Of two payloads for the same node the higher generation wins; where they are for different
//! nodes, somebody has given the machine another task, and what was delivered counts.

mod generation;

use super::codes::{NOT_KEPT, PAYLOAD_DAMAGED, PAYLOAD_FOREIGN, PAYLOAD_KEPT, PAYLOAD_MISSING, PAYLOAD_OLDER};
use super::command_line::CommandLine;
use super::platform::{cloud_init_may_have_one, read};
use super::{Mounted, say, settle, wait_for_any};
use crate::command::{self, CommandError};
use crate::data;
use crate::failure::{Code, Failure};
use crate::files;
use crate::root::Root;
use generation::{Origin, is_empty, named_disk};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

/// Where Ignition's stages hand the configuration to each other.
const CACHE: &str = "/run/ignition.json";
/// Where a payload is kept, and the same seen from the partition that is mounted at `/var`.
const KEPT: &str = "/var/lib/kfimg/payload.json";
const KEPT_ON_PARTITION: &str = "lib/kfimg/payload.json";
const PARTITION: &str = "/dev/disk/by-partlabel/kfimg-data";
const LABEL: &str = "kfimg-data";
/// What was read of the partition, for as long as this boot lasts.
const COPY: &str = "/run/kfimg/kept.json";
/// A configuration that asks for nothing, for Ignition's later stages.
const NOTHING: &[u8] = br#"{"ignition":{"version":"3.3.0"}}"#;
/// What is written to `/etc` in this boot.
const ETC: &str = "/run/kfimg/etc/upper";
const IGNITION: &str = "/usr/bin/ignition";
/// What a disk gets to appear while there is something else that may bring a payload, and where there is nothing else.
const SHORT: Duration = Duration::from_secs(15);
const LONG: Duration = Duration::from_secs(60);
/// What a disk that the payload names gets to appear; Ignition would wait as long.
const NAMED: Duration = Duration::from_secs(90);
/// What the boot server gets where a payload was kept; `kfimg.wait=SECONDS` on the command line says otherwise.
const WAIT: u64 = 120;

/// Has Ignition fetch the configuration: for ever, as it is its way, or within a bound where a payload was kept.
pub(super) fn fetch(root: &Root, line: &CommandLine) -> Result<(), Failure> {
    let mut ignition = Command::new(IGNITION);
    let platform = std::env::var("PLATFORM_ID").unwrap_or_default();
    ignition.args(["--root=/sysroot", "--stage=fetch", &format!("--platform={platform}")]);
    if copy_kept(root, SHORT).is_none() {
        say(format_args!("payload: fetching it; none was kept, so the server is asked until it answers"));
        return Err(ignition.exec().into());
    }
    let wait = line.value("kfimg.wait").and_then(|seconds| seconds.parse().ok()).unwrap_or(WAIT);
    say(format_args!("payload: fetching it, for {wait} s at most"));
    match command::run(&mut ignition, Duration::from_secs(wait), 4096) {
        Ok(said) if said.success => Ok(()),
        // What choosing does then is told there; Ignition itself has told the journal why.
        Ok(_) | Err(CommandError::Timeout { .. }) => Ok(files::remove(&root.at(CACHE))?),
        Err(error) => Err(Failure::internal(error)),
    }
}

/// Puts the payload of the higher generation in Ignition's place.
pub(super) fn choose(root: &Root) -> Result<(), Failure> {
    let cache = root.at(CACHE);
    let delivered = read(&cache).ok().filter(|text| !is_empty(text));
    let patience = if delivered.is_some() { SHORT } else { LONG };
    let kept = match read(&root.at(COPY)) {
        Ok(text) => Some(text),
        Err(_) => copy_kept(root, patience),
    };
    let kept = kept.and_then(|text| match Origin::of(&text) {
        Ok(origin) => Some((text, origin)),
        Err(reason) => {
            warn(&PAYLOAD_DAMAGED, &reason);
            None
        }
    });
    let origin = delivered.as_deref().map(Origin::of);
    let taken = judge(origin, kept.as_ref().map(|(_, origin)| origin), cloud_init_may_have_one(root))?;
    let text = match (taken, &kept) {
        (Taken::Kept, Some((text, _))) => text,
        (Taken::Nothing, _) => NOTHING,
        _ => delivered.as_deref().unwrap_or(NOTHING),
    };
    settle_data(root, text)?;
    if taken != Taken::Delivered {
        files::replace(&cache, text)?;
    }
    if taken != Taken::Nothing {
        disable_cloud_init(root)?;
    }
    Ok(files::remove(&root.at(COPY))?)
}

/// Ignition makes the data partition where the payload says, whatever is elsewhere: what speaks against that is found here, and
/// stops the boot. The image is smaller than the disk that it was written to; what is more is the data partition's. One that
/// stays small is told of here, and judged by `preflight`.
fn settle_data(root: &Root, configuration: &[u8]) -> Result<(), Failure> {
    if let Some(wanted) = named_disk(configuration) {
        data::before_ignition(root, &wanted, NAMED, &mut |text| say(format_args!("data: {text}")))?;
    }
    match data::grow(root, LABEL) {
        Ok(None) => {}
        Ok(Some((node, bytes))) => say(format_args!("data: {} got the {} MiB behind it", node.display(), bytes >> 20)),
        Err(failure) => say(format_args!("data: the partition stays as it is: {}", failure.message)),
    }
    Ok(())
}

/// A machine that has its payload from Ignition has no use for another that would do the same again. The file lies where
/// `kfimg-layers.service` keeps what is written to `/etc`, and comes into sight with it.
fn disable_cloud_init(root: &Root) -> std::io::Result<()> {
    let file = root.at(ETC).join("cloud/cloud-init.disabled");
    std::fs::create_dir_all(file.parent().unwrap_or(&file))?;
    std::fs::write(&file, "Ignition applied a payload.\n")
}

/// Which of the two counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Taken {
    Delivered,
    Kept,
    /// Ignition has none; cloud-init, which runs later, may.
    Nothing,
}

fn judge(delivered: Option<Result<Origin, String>>, kept: Option<&Origin>, cloud_init: bool) -> Result<Taken, Failure> {
    match (delivered, kept) {
        (None, None) if cloud_init => {
            say(format_args!("payload: none for Ignition, and none is kept; cloud-init may find one"));
            Ok(Taken::Nothing)
        }
        (None, None) => Err(Failure::new(&PAYLOAD_MISSING, "nothing came, and nothing is kept")),
        (None, Some(kept)) => {
            warn(&PAYLOAD_KEPT, &format!("{kept}"));
            Ok(Taken::Kept)
        }
        (Some(Ok(delivered)), Some(kept)) if delivered.is_older_than(kept) => {
            warn(&PAYLOAD_OLDER, &format!("{delivered} came, {kept} is kept"));
            Ok(Taken::Kept)
        }
        (Some(Ok(delivered)), _) => {
            say(format_args!("payload: {delivered}"));
            Ok(Taken::Delivered)
        }
        (Some(Err(reason)), Some(kept)) => {
            warn(&PAYLOAD_FOREIGN, &format!("{reason}; {kept} is kept, and used"));
            Ok(Taken::Kept)
        }
        (Some(Err(reason)), None) => {
            warn(&PAYLOAD_FOREIGN, &reason);
            Ok(Taken::Delivered)
        }
    }
}

/// Keeps this boot's payload, now that the steps before have found it fit for this machine.
pub(super) fn keep(root: &Root) -> Result<(), Failure> {
    let not_kept = |reason: String| Failure::new(&NOT_KEPT, reason);
    let text = read(&root.at(CACHE)).map_err(not_kept)?;
    let origin = Origin::of(&text).map_err(not_kept)?;
    let file = root.at(KEPT);
    if read(&file).is_ok_and(|kept| kept == text) {
        say(format_args!("payload: {origin} is kept"));
        return Ok(());
    }
    std::fs::create_dir_all(root.state()).map_err(|error| not_kept(error.to_string()))?;
    files::replace(&file, &text).map_err(|error| not_kept(error.to_string()))?;
    say(format_args!("payload: {origin} is kept from now on"));
    Ok(())
}

/// Reads what the data partition keeps, if it appears within this time, and copies it to memory: nothing may be mounted
/// while Ignition looks at disks.
fn copy_kept(root: &Root, patience: Duration) -> Option<Vec<u8>> {
    settle();
    wait_for_any(&[root.at(PARTITION)], patience)?;
    let device = match data::filled(root, LABEL) {
        Ok(device) => device.unwrap_or_else(|| root.at(PARTITION)),
        Err(failure) => {
            warn(failure.code, &failure.message);
            return None;
        }
    };
    let mounted = match Mounted::read_only(&device, &root.run().join("data")) {
        Ok(mounted) => mounted,
        Err(reason) => {
            // A power cut before the file system was made leaves none.
            say(format_args!("payload: nothing is kept: {reason}"));
            return None;
        }
    };
    let file = mounted.path().join(KEPT_ON_PARTITION);
    if !file.exists() {
        return None;
    }
    match read(&file)
        .and_then(|text| files::replace(&root.at(COPY), &text).map(|()| text).map_err(|error| error.to_string()))
    {
        Ok(text) => Some(text),
        Err(reason) => {
            warn(&PAYLOAD_DAMAGED, &reason);
            None
        }
    }
}

fn warn(code: &Code, message: &str) {
    say(format_args!("payload: warning {}: {message}; {}", code.name, code.remedy));
}

#[cfg(test)]
mod tests;
