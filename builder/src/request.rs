//! [`Request`]: what a build is asked for.

use crate::content::Preload;
use crate::disk::DiskSizes;
use crate::lint::Finding;
use crate::root_image::RootFormat;
use crate::sign::Signer;
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// One kind of output.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum OutputKind {
    /// Kernel, initrd with the root, and an iPXE script.
    Pxe,
    /// A disk image for UEFI.
    Raw,
    /// The same for QEMU.
    Qcow2,
    /// The same for VMware, compressed.
    Vmdk,
    /// A virtual machine for VMware.
    Ova,
    /// A live medium for UEFI.
    Iso,
    /// A system extension for stock systems.
    Sysext,
    /// The parts themselves: kernel, initrd, root image, verity tree.
    Parts,
}

impl OutputKind {
    /// All of them with their names.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Pxe, "pxe"),
        (Self::Raw, "raw"),
        (Self::Qcow2, "qcow2"),
        (Self::Vmdk, "vmdk"),
        (Self::Ova, "ova"),
        (Self::Iso, "iso"),
        (Self::Sysext, "sysext"),
        (Self::Parts, "parts"),
    ];
}

impl fmt::Display for OutputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = Self::ALL.iter().find(|(kind, _)| kind == self);
        f.pad(row.map_or("", |(_, name)| name))
    }
}

impl FromStr for OutputKind {
    type Err = String;

    /// Accepted: the names of [`OutputKind::ALL`].
    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        let row = Self::ALL.iter().find(|(_, name)| *name == text);
        row.map(|(kind, _)| *kind).ok_or_else(|| format!("write some of {}", names()))
    }
}

/// What a build is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The base: a path, `PATH#REFERENCE`, or a reference in the bundle.
    pub base: &'a str,
    /// Where host programs and images come from.
    pub bundle: &'a Content,
    /// The agent; without one, the bundle's.
    pub agent: Option<&'a Path>,
    /// For which machines.
    pub architecture: Architecture,
    /// What to write.
    pub outputs: &'a BTreeSet<OutputKind>,
    /// The format of the root.
    pub root: RootFormat,
    /// `IMAGE_ID`.
    pub image_id: &'a str,
    /// `IMAGE_VERSION`; without one, the kubelet's version.
    pub image_version: Option<&'a str>,
    /// The time of everything in the image, in seconds since 1970; without one, that of the newest file of the base.
    pub source_date_epoch: Option<u64>,
    /// Whose images are laid into the image.
    pub preload: Option<Preload>,
    /// Lints that only warn.
    pub allowed: &'a [String],
    /// From which folder of a server machines that boot from the network fetch the root; without one, their initrd carries it.
    pub root_url: Option<&'a str>,
    /// Sizes of what is a disk.
    pub disk: DiskSizes,
    /// Signs unified kernel images for Secure Boot.
    pub signer: Option<&'a Signer>,
    /// What the kernel is told beside [`crate::boot::COMMAND_LINE`] and the root hash.
    pub command_line: &'a str,
    /// An empty folder, on the file system of the output, which gets everything.
    pub folder: &'a Path,
}

/// What a build tells while it runs.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// It begins something, in words for a person; as many bytes will go through it.
    Phase {
        /// A gerund and its object: `writing the root image`.
        name: &'static str,
        /// Bytes, 0 where nobody knows.
        bytes: u64,
    },
    /// Bytes of the phase that were done last.
    Advanced(u64),
    /// Something that a person should know.
    Remark(&'a str),
    /// A lint found something.
    Finding(&'a Finding),
}
