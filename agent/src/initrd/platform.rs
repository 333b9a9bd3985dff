//! `kfimg-agent platform`: where this machine's payload comes from, in Ignition's words.
//!
//! One image serves every machine, so the image does not say it. The kernel's command line may; else what somebody attached to
//! the machine counts more than the machine's kind: an address on the command line, a file in QEMU's firmware, a drive labelled
//! `config-2`, a drive with the payloads of all machines, VMware's guestinfo. A machine with none of them has no payload, or one that was kept.

use super::all_in_one::{self, Problem};
use super::command_line::CommandLine;
use super::{Mounted, say, settle, wait_for_any};
use crate::command;
use crate::failure::Failure;
use crate::files;
use crate::medium::LABEL;
use crate::root::Root;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What the units that call Ignition read (`EnvironmentFile=`).
const ENVIRONMENT: &str = "/run/kfimg/platform.env";
/// The configuration of a drive, for Ignition's platform `file`.
const COPY: &str = "/run/kfimg/user_data";
/// QEMU's firmware shows a configuration here (Ignition's `internal/providers/qemu`).
const FIRMWARE: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/com.coreos/config/raw";
/// Labels of OpenStack's config drive.
const DRIVES: [&str; 2] = ["/dev/disk/by-label/config-2", "/dev/disk/by-label/CONFIG-2"];
/// Labels of drives that cloud-init reads (`DataSourceNoCloud`, `DataSourceConfigDrive`).
const CLOUD_INIT_DRIVES: [&str; 4] = [DRIVES[0], DRIVES[1], "/dev/disk/by-label/CIDATA", "/dev/disk/by-label/cidata"];
/// The config drive's file with the configuration.
const USER_DATA: &str = "openstack/latest/user_data";
const VENDOR: &str = "/sys/class/dmi/id/sys_vendor";
/// Hypervisors that hand over a configuration by themselves: vendor, and Ignition's name.
const VENDORS: [(&str, &str); 2] = [("VMware, Inc.", "vmware"), ("innotek GmbH", "virtualbox")];
/// What a drive gets to appear where nothing else can bring a payload.
const PATIENCE: Duration = Duration::from_secs(15);
/// No configuration is larger than this, in bytes.
const LIMIT: u64 = 16 << 20;
/// What is asked where nothing was found: only an address on the command line, which is not there.
const NOTHING: &str = "metal";

/// Finds it out and writes it down.
pub(super) fn run(root: &Root, line: &CommandLine) -> Result<(), Failure> {
    let (platform, why) = find(root, line)?;
    std::fs::create_dir_all(root.run())?;
    let text = format!("PLATFORM_ID={platform}\nIGNITION_CONFIG_FILE={COPY}\n");
    files::replace(&root.at(ENVIRONMENT), text.as_bytes())?;
    say(format_args!("payload: looking for it by {why}"));
    Ok(())
}

/// Ignition's name, and a reason for people.
fn find(root: &Root, line: &CommandLine) -> Result<(String, String), Failure> {
    if let Some(platform) = line.value("ignition.platform.id") {
        return Ok((platform.to_owned(), format!("platform {platform}, as the kernel's command line says")));
    }
    if line.value("ignition.config.url").is_some() {
        return Ok((NOTHING.to_owned(), "the address on the kernel's command line".to_owned()));
    }
    settle();
    let _ = command::run(Command::new("modprobe").arg("qemu_fw_cfg"), Duration::from_secs(10), 4096);
    if root.at(FIRMWARE).exists() {
        return Ok(("qemu".to_owned(), "QEMU's firmware".to_owned()));
    }
    let vendor = std::fs::read_to_string(root.at(VENDOR)).unwrap_or_default();
    let hypervisor = VENDORS.iter().find(|(name, _)| vendor.trim() == *name).map(|(_, platform)| *platform);
    let patience = if hypervisor.is_some() { Duration::ZERO } else { PATIENCE };
    if let Some(found) = on_drives(root, patience)? {
        return Ok(("file".to_owned(), found));
    }
    Ok(match hypervisor {
        Some(platform) => (platform.to_owned(), format!("the guestinfo of {platform}")),
        None => (
            NOTHING.to_owned(),
            "nothing: this machine has no address, drive or hypervisor that could bring it".to_owned(),
        ),
    })
}

/// Copies the payload of the first drive that has one; the reason for people. A machine's own drive counts more than one for all.
fn on_drives(root: &Root, patience: Duration) -> Result<Option<String>, Failure> {
    let all = root.at("/dev/disk/by-label").join(LABEL);
    let own = DRIVES.map(|drive| root.at(drive));
    let drives: Vec<PathBuf> = own.into_iter().chain([all.clone()]).collect();
    let _ = wait_for_any(&drives, patience);
    for drive in drives.into_iter().filter(|drive| drive.exists()) {
        let copied = if drive == all {
            read_own_of_all(root, &drive)?
        } else {
            read_drive(root, &drive).map(|()| String::new())
        };
        match copied {
            Ok(node) => return Ok(Some(format!("the drive {}{node}", drive.display()))),
            Err(reason) => say(format_args!("payload: the drive {} holds none: {reason}", drive.display())),
        }
    }
    Ok(None)
}

/// Copies this machine's own configuration from a drive for all machines; whose it is, in words.
fn read_own_of_all(root: &Root, drive: &Path) -> Result<Result<String, String>, Failure> {
    match all_in_one::read_drive(root, drive) {
        Ok(chosen) => {
            files::replace(&root.at(COPY), &chosen.text)?;
            Ok(Ok(format!(", as {}", chosen.node)))
        }
        Err(Problem::Unreadable(reason)) => Ok(Err(reason)),
        Err(Problem::Stop(failure)) => Err(failure),
    }
}

/// Whether this machine has something that Ignition does not read and cloud-init does: a drive with its own format, or the
/// hypervisor's guestinfo, whose keys for cloud-init nobody can read before the root is there.
pub(super) fn cloud_init_may_have_one(root: &Root) -> bool {
    let vendor = std::fs::read_to_string(root.at(VENDOR)).unwrap_or_default();
    let is_vmware = VENDORS.iter().any(|(name, platform)| *platform == "vmware" && vendor.trim() == *name);
    is_vmware || CLOUD_INIT_DRIVES.iter().any(|drive| root.at(drive).exists())
}

/// Copies the drive's configuration to where Ignition reads it, if it is Ignition's.
fn read_drive(root: &Root, drive: &Path) -> Result<(), String> {
    let mounted = Mounted::read_only(drive, &root.run().join("drive"))?;
    let text = read(&mounted.path().join(USER_DATA))?;
    if text.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(format!("its {USER_DATA} is no Ignition configuration"));
    }
    files::replace(&root.at(COPY), &text).map_err(|error| error.to_string())
}

/// A file, up to [`LIMIT`].
pub(super) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let read = file.take(LIMIT + 1).read_to_end(&mut text);
    read.map_err(|error| format!("{}: {error}", path.display()))?;
    if text.len() as u64 > LIMIT {
        return Err(format!("{}: it has more than {LIMIT} bytes", path.display()));
    }
    Ok(text)
}
