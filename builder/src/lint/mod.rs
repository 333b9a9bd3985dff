//! What an image is held against before it is written. The table [`LINTS`] is what `kfimg build --list-lints` prints.
//!
//! A lint only looks; what can be mended without asking is mended by [`crate::content`] before.

mod boot;
mod files;
mod kernel_config;
mod modules;
mod packages;

use crate::content::kernel::Kernel;
use crate::initrd::Contents;
use crate::packages::Package;
use crate::tree::Tree;
use kfimg_images::Architecture;
use serde::Serialize;

/// What a finding means for the build.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The image can't boot, or no node can work: it is refused, whatever is allowed.
    Fatal,
    /// The image is refused unless the lint is allowed by name.
    Refused,
    /// A person should look.
    Warning,
    /// For the record.
    Note,
}

impl Severity {
    /// The word in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fatal => "fatal",
            Self::Refused => "refused",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One lint.
#[derive(Clone, Copy)]
pub struct Lint {
    /// Its name in reports and in `--allow`.
    pub id: &'static str,
    /// What a finding means.
    pub severity: Severity,
    /// What is looked at, and why.
    pub what: &'static str,
    /// What to do about a finding.
    pub remedy: &'static str,
    check: fn(&Subject<'_>) -> Vec<String>,
}

impl std::fmt::Debug for Lint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// What lints look at.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) tree: &'a Tree,
    pub(crate) kernel: &'a Kernel,
    pub(crate) architecture: Architecture,
    /// Options that the kernel needs for this root image beside those that every node needs.
    pub(crate) root_options: &'a [&'static str],
    pub(crate) os_release: &'a [u8],
    /// What was found of [`initrd_programs`] and [`initrd_modules`] in the initrd, if there is one.
    pub(crate) initrd: Option<&'a Contents>,
    /// The packages of the base.
    pub(crate) packages: &'a [Package],
}

/// What a lint found.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The lint's name.
    pub lint: &'static str,
    /// What it means, after allowances.
    pub severity: Severity,
    /// What was found.
    pub text: String,
    /// What to do.
    pub remedy: &'static str,
}

/// Every lint, in the order in which they are told.
pub const LINTS: &[Lint] = &[
    Lint {
        id: "kernel-missing",
        severity: Severity::Fatal,
        what: "a Linux kernel for these machines with its modules",
        remedy: "install a kernel package into the base (linux-image-amd64 on Debian, linux-image-generic on Ubuntu)",
        check: boot::kernel,
    },
    Lint {
        id: "initrd-missing",
        severity: Severity::Fatal,
        what: "an initrd that belongs to the kernel",
        remedy: "let dracut make one in the base; `make base` shows how",
        check: boot::initrd,
    },
    Lint {
        id: "initrd-contents",
        severity: Severity::Refused,
        what: "the initrd has Ignition, systemd-veritysetup and what else the boot of a kfimg image begins with",
        remedy: "let dracut make it with the modules that builder/base/initrd.sh names, or take the base of `make base`",
        check: boot::initrd_contents,
    },
    Lint {
        id: "initrd-damaged",
        severity: Severity::Refused,
        what: "the initrd is one: archives of cpio, packed or not, to its last byte",
        remedy: "make the initrd anew, with room on the disk; look whether it was copied whole",
        check: boot::initrd_damaged,
    },
    Lint {
        id: "initrd-unread",
        severity: Severity::Warning,
        what: "the initrd can be read, so that somebody has looked into it (packed by gzip, zstd, xz, lzma, bzip2 or lz4)",
        remedy: "install the program that is named, or let dracut pack the initrd by zstd",
        check: boot::initrd_unread,
    },
    Lint {
        id: "initrd-kernel",
        severity: Severity::Refused,
        what: "the modules of the initrd are for the kernel beside it",
        remedy: "make the initrd anew after a change of kernels, and remove the kernel that is not meant",
        check: modules::kernel,
    },
    Lint {
        id: "initrd-devices",
        severity: Severity::Refused,
        what: "kernel or initrd have what the root is opened with: dm-verity, overlay, loop, the root's file system, ext4",
        remedy: "let dracut add the modules that are named (`--add-drivers`), as builder/base/initrd.sh does",
        check: modules::devices,
    },
    Lint {
        id: "initrd-drivers",
        severity: Severity::Warning,
        what: "kernel or initrd have the drivers of the disks and network cards that hypervisors show and servers have",
        remedy: "nothing, where no machine has them; else let dracut add the drivers (`--no-hostonly`, `--add-drivers`), with a kernel that has them",
        check: modules::drivers,
    },
    Lint {
        id: "init-missing",
        severity: Severity::Fatal,
        what: "systemd 252 or newer as /sbin/init",
        remedy: "install systemd and systemd-sysv into the base",
        check: boot::init,
    },
    Lint {
        id: "architecture",
        severity: Severity::Fatal,
        what: "every program in the places that a boot needs is made for these machines",
        remedy: "choose a base, a bundle and an agent of one architecture, or give --arch",
        check: boot::architecture,
    },
    Lint {
        id: "dynamic-linker",
        severity: Severity::Fatal,
        what: "the dynamic linkers that kfimg's programs ask for are in the base (another libc has others)",
        remedy: "take the static agent of `make agent`, or a base with that libc",
        check: boot::linker,
    },
    Lint {
        id: "os-release",
        severity: Severity::Fatal,
        what: "the base says what it is",
        remedy: "take a base with usr/lib/os-release; without it this is no system",
        check: boot::os_release,
    },
    Lint {
        id: "kernel-config",
        severity: Severity::Fatal,
        what: "the kernel has what the root image, containers and pod networks need, and its modules are there",
        remedy: "install the distribution's whole kernel package (on Ubuntu also linux-modules-extra)",
        check: kernel_config::check,
    },
    Lint {
        id: "programs",
        severity: Severity::Refused,
        what: "programs that the agent, the kubelet and systemd call at every boot",
        remedy: "install the packages that are named into the base",
        check: boot::programs,
    },
    Lint {
        id: "second-kubelet",
        severity: Severity::Refused,
        what: "no kubelet, container runtime or Docker of the base beside those of the bundle",
        remedy: "remove the packages that are named from the base",
        check: files::second_kubelet,
    },
    Lint {
        id: "ssh-host-keys",
        severity: Severity::Refused,
        what: "no SSH host key, which all machines would share",
        remedy: "remove the file from the base",
        check: files::ssh_host_keys,
    },
    Lint {
        id: "secrets",
        severity: Severity::Refused,
        what: "no private key, no password hash, no login to a registry: everybody who has the image reads it",
        remedy: "remove the file or the password from the base; users and keys come with the payload",
        check: files::secrets,
    },
    Lint {
        id: "world-writable",
        severity: Severity::Refused,
        what: "nothing that everybody may write to, but folders with the sticky bit",
        remedy: "correct the modes in the base (`chmod o-w`)",
        check: files::world_writable,
    },
    Lint {
        id: "time-zone",
        severity: Severity::Warning,
        what: "the clock is told in UTC, as logs and certificates have it",
        remedy: "link /etc/localtime to /usr/share/zoneinfo/Etc/UTC in the base",
        check: files::time_zone,
    },
    Lint {
        id: "licences",
        severity: Severity::Warning,
        what: "every package of the base has a copyright file that names its licences (usr/share/doc/<package>/copyright)",
        remedy: "keep these files when the base is made (`path-include=/usr/share/doc/*/copyright`); read those that name none",
        check: packages::licences,
    },
    Lint {
        id: "licences-unfree",
        severity: Severity::Warning,
        what: "packages that their distribution does not count as free software: not everybody may hand them on",
        remedy: "read their terms before you hand the image on, or leave them out of the base",
        check: packages::unfree,
    },
    Lint {
        id: "licence-list",
        severity: Severity::Note,
        what: "licences of the packages of the base; build.json lists them by package, with those of what kfimg adds",
        remedy: "",
        check: packages::licence_list,
    },
    Lint {
        id: "setuid",
        severity: Severity::Note,
        what: "programs that run as somebody else than who calls them, and those with capabilities",
        remedy: "remove those that nobody needs from the base",
        check: files::setuid,
    },
    Lint {
        id: "packages",
        severity: Severity::Note,
        what: "how many packages the base is made of",
        remedy: "",
        check: packages::count,
    },
];

/// Looks for everything. Lints of `allowed` that would refuse only warn.
pub(crate) fn run(subject: &Subject<'_>, allowed: &[String]) -> Vec<Finding> {
    let severity = |lint: &Lint| match lint.severity {
        Severity::Refused if allowed.iter().any(|id| id == lint.id) => Severity::Warning,
        severity => severity,
    };
    let found = |lint: &Lint| {
        let (lint, severity) = (*lint, severity(lint));
        (lint.check)(subject).into_iter().map(move |text| Finding {
            lint: lint.id,
            severity,
            text,
            remedy: lint.remedy,
        })
    };
    LINTS.iter().flat_map(found).collect()
}

/// Whether findings refuse the image.
#[must_use]
pub fn refuses(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| matches!(finding.severity, Severity::Fatal | Severity::Refused))
}

/// Names of the programs that the lint `programs` wants.
pub(crate) fn called_programs() -> impl Iterator<Item = &'static str> {
    boot::CALLED.iter().map(|(name, _)| *name)
}

/// A kernel configuration with everything.
pub(crate) fn whole_config() -> String {
    kernel_config::whole()
}

/// What [`Subject::initrd`] has to be looked for.
pub(crate) fn initrd_programs() -> &'static [&'static str] {
    boot::IN_INITRD
}

/// Modules that [`Subject::initrd`] has to be looked for.
pub(crate) fn initrd_modules() -> Vec<&'static str> {
    modules::names()
}

/// At most a few of many, so that a line stays a line.
fn listed(paths: &[String]) -> String {
    const MOST: usize = 12;
    let shown = paths.iter().take(MOST).map(String::as_str).collect::<Vec<_>>().join(", ");
    match paths.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests;
