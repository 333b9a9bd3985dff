//! Bringing a payload to a machine that is being switched on: applied to its root by the real Ignition, as its initrd would, or
//! laid down for the machine's own cloud-init.

use crate::command::{command, output, succeed};
use crate::{Error, Result};
use fs_err as fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Stages that have something to do: disks and mounts are the lab's, users are made by `files`.
const STAGES: [&str; 2] = ["fetch", "files"];

/// Runs Ignition's stages on `root`; its own state and log go to `folder`.
///
/// # Errors
/// What Ignition said, when it refuses the payload.
pub(crate) fn apply(ignition: &Path, payload: &Path, root: &Path, folder: &Path) -> Result<()> {
    let place = folder.join("ignition");
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    let helpers = place.join("helpers");
    fs::create_dir_all(&helpers)?;
    // Ignition relabels what it wrote for SELinux where it was built to. No kernel here has a policy.
    let relabel = helpers.join("setfiles");
    fs::write(&relabel, "#!/bin/sh\n")?;
    fs::set_permissions(&relabel, std::fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", helpers.display());
    for stage in STAGES {
        let mut ignition = command(ignition);
        ignition.arg(format!("--root={}", root.display())).arg(format!("--stage={stage}"));
        ignition.args(["--platform=file", "--log-to-stdout"]);
        for (option, file) in [("config-cache", "config"), ("state-file", "state"), ("neednet", "neednet")] {
            ignition.arg(format!("--{option}={}", place.join(file).display()));
        }
        let said = output(ignition.env("PATH", &path).env("IGNITION_CONFIG_FILE", payload))?;
        fs::write(place.join(format!("{stage}.log")), &said.stdout)?;
        if !said.status.success() {
            return Err(Error::unusable(payload.display().to_string(), reasons(&said.stdout)));
        }
    }
    Ok(())
}

/// Where NoCloud looks in a container, which has no drives with labels.
const SEED: &str = "lib/cloud/seed/nocloud";

/// Copies the files of a seed's image to where cloud-init looks, on the disk that the machine sees at `/var`; those of a former
/// seed go.
///
/// # Errors
/// What mtools said.
pub(crate) fn plant(seed: &Path, disk: &Path) -> Result<()> {
    let place = disk.join(SEED);
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    fs::create_dir_all(&place)?;
    // A drive is for root alone.
    fs::set_permissions(&place, std::fs::Permissions::from_mode(0o700))?;
    succeed(command("mcopy").arg("-s").arg("-i").arg(seed).arg("::*").arg(&place)).map(drop)
}

/// What Ignition calls critical. The rest of its log holds the whole payload, keys and all.
fn reasons(log: &[u8]) -> String {
    let log = String::from_utf8_lossy(log);
    let critical: Vec<&str> = log.lines().filter(|line| line.starts_with("CRITICAL")).collect();
    if critical.is_empty() { "Ignition failed without a word".to_owned() } else { critical.join("; ") }
}
