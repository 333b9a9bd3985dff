//! Which function writes which output.

use super::boot_words;
use crate::content::kernel::Kernel;
use crate::disk::{self, DiskSizes};
use crate::error::Error;
use crate::iso;
use crate::output::Medium;
use crate::ova::{self, Machine};
use crate::parts::Parts;
use crate::pxe::{self, Way};
use crate::qcow2;
use crate::request::{OutputKind, Request};
use crate::root_image::{self, Options, RootFormat};
use crate::sysext::{self, SYSEXT_FILE};
use crate::tree::Tree;
use crate::uki;
use crate::vmdk;
use fs_err as fs;
use kfimg_images::stop::Stop;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Below which path of a boot server the output is handed out.
const SERVED: &str = "images";

/// What outputs are made of.
pub(super) struct Context<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) parts: &'a Parts,
    pub(super) tree: &'a Tree,
    /// Where intermediate files may lie.
    pub(super) work: &'a Path,
    pub(super) stop: &'a Stop,
}

/// Every stock system mounts squashfs.
const SYSEXT_FORMAT: RootFormat = RootFormat::Squashfs;
/// Outputs with the content of a disk.
const DISKS: [OutputKind; 3] = [OutputKind::Raw, OutputKind::Qcow2, OutputKind::Vmdk];

/// Whether anything is asked for, and every option is about it.
pub(super) fn check(request: &Request<'_>) -> Result<(), Error> {
    let asked = |kinds: &[OutputKind]| kinds.iter().any(|kind| request.outputs.contains(kind));
    let has_disk = asked(&DISKS) || asked(&[OutputKind::Ova]);
    let problem = if request.outputs.is_empty() {
        "--output: name at least one output"
    } else if request.root_url.is_some() && !asked(&[OutputKind::Pxe]) {
        "--root-url is about machines that boot from the network; add pxe to --output, or leave it out"
    } else if request.signer.is_some() && !is_unified(request.outputs) {
        "--secure-boot-key signs the kernel image of disks and ISO; add raw, qcow2, vmdk, ova or iso to --output, or leave it out"
    } else if request.disk != DiskSizes::default() && !has_disk {
        "--disk-size, --slot-size and --esp-size are about disks; add raw, qcow2, vmdk or ova to --output, or leave them out"
    } else if let Some(problem) =
        Some(request.command_line).filter(|_| asked(&[OutputKind::Pxe])).and_then(boot_words::arguments)
    {
        return Err(Error::Usage(problem));
    } else {
        return Ok(());
    };
    Err(Error::Usage(problem.to_owned()))
}

/// Whether something boots from a unified kernel image.
fn is_unified(outputs: &BTreeSet<OutputKind>) -> bool {
    DISKS.iter().chain(&[OutputKind::Ova, OutputKind::Iso]).any(|kind| outputs.contains(kind))
}

/// What outputs need of the base, before the root is written.
pub(super) fn check_base(request: &Request<'_>, kernel: &Kernel) -> Result<(), Error> {
    if is_unified(request.outputs) && kernel.stub.is_none() {
        return Err(uki::no_stub(request.architecture).into());
    }
    Ok(())
}

/// The programs that write images, with their versions. One that is missing is told before a long build, not at its end.
pub(super) fn programs(request: &Request<'_>) -> Result<Vec<String>, Error> {
    let mut programs = vec![request.root.check()?];
    if request.outputs.contains(&OutputKind::Sysext) && request.root != SYSEXT_FORMAT {
        programs.push(SYSEXT_FORMAT.check()?);
    }
    if request.outputs.contains(&OutputKind::Iso) {
        programs.push(iso::program()?);
    }
    Ok(programs)
}

/// Writes all outputs.
pub(super) fn all(context: &Context<'_>) -> Result<(), Error> {
    let Context { request, parts, stop, .. } = context;
    let folder = request.folder;
    let asked = |kind: OutputKind| request.outputs.contains(&kind);
    if asked(OutputKind::Pxe) {
        let way = request.root_url.map_or(Way::Carried, |server| Way::Fetched { server: server.trim_end_matches('/') });
        pxe::write(parts, way, SERVED, folder).map_err(Error::io("writing the PXE files of", folder))?;
    }
    if DISKS.into_iter().chain([OutputKind::Ova]).any(asked) {
        disks(context)?;
    }
    if stop.is_asked() {
        return Err(Error::Stopped);
    }
    if asked(OutputKind::Iso) {
        let kernel_image = unified(context, Medium::Iso)?;
        iso::write(parts, &kernel_image, &folder.join("live.iso"))?;
    }
    if asked(OutputKind::Sysext) {
        extension(context)?;
    }
    // The parts are moved, so they come last.
    if asked(OutputKind::Parts) { self::parts(context) } else { Ok(()) }
}

/// A unified kernel image in the work folder.
fn unified(context: &Context<'_>, medium: Medium) -> Result<PathBuf, Error> {
    let path = context.work.join(match medium {
        Medium::Disk => "disk.efi",
        Medium::Iso => "live.efi",
    });
    uki::write(context.parts, medium, context.request.signer, &path)?;
    Ok(path)
}

/// The disk in each form that is asked for.
fn disks(context: &Context<'_>) -> Result<(), Error> {
    let (folder, parts) = (context.request.folder, context.parts);
    let kernel_image = unified(context, Medium::Disk)?;
    let content = disk::content(parts, &kernel_image, context.request.disk)?;
    for kind in DISKS.into_iter().filter(|kind| context.request.outputs.contains(kind)) {
        let path = folder.join(format!("disk.{kind}"));
        match kind {
            OutputKind::Raw => disk::write_raw(&content, &path)?,
            OutputKind::Qcow2 => qcow2::write(&content, &path)?,
            _ => vmdk::write(&content, &parts.root_hash, &path)?,
        }
        if context.stop.is_asked() {
            return Err(Error::Stopped);
        }
    }
    if context.request.outputs.contains(&OutputKind::Ova) {
        ova::write(parts, &kernel_image, context.request.disk, Machine::default(), &folder.join("appliance.ova"))?;
    }
    Ok(())
}

fn extension(context: &Context<'_>) -> Result<(), Error> {
    let Context { request, parts, .. } = context;
    let tree = sysext::tree(context.tree, parts.architecture, &parts.image_version)?;
    let name = format!("{} sysext {}", parts.image_id, parts.image_version);
    let options = Options { format: SYSEXT_FORMAT, source_date_epoch: parts.source_date_epoch, name: &name };
    let image = root_image::write(&tree, &request.folder.join(SYSEXT_FILE), options, context.stop, &|_| {})?;
    let path = request.folder.join(sysext::SITE);
    fs::write(&path, sysext::site(SERVED, &image)).map_err(Error::io("writing", &path))
}

/// The parts as they are, for other tools.
fn parts(context: &Context<'_>) -> Result<(), Error> {
    let Parts { kernel, initrd, root, verity, .. } = context.parts;
    let root_name = match context.request.root {
        RootFormat::Squashfs => "root.squashfs",
        RootFormat::Erofs => "root.erofs",
    };
    let folder = &context.request.folder.join("parts");
    fs::create_dir(folder).map_err(Error::io("creating", folder))?;
    let places: [(&Path, &str); 4] =
        [(kernel, "vmlinuz"), (initrd, "initrd"), (root, root_name), (verity, "root.verity")];
    for (from, name) in places {
        let to = folder.join(name);
        fs::rename(from, &to).map_err(Error::io("moving", &to))?;
    }
    let path = folder.join("root.hash");
    fs::write(&path, format!("{}\n", context.parts.root_hash)).map_err(Error::io("writing", &path))
}
