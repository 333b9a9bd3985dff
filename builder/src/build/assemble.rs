//! Which function writes which output.

use super::boot_words;
use crate::content::kernel::Kernel;
use crate::disk::{self, DiskSizes};
use crate::error::Error;
use crate::extents::file_size;
use crate::iso;
use crate::output::{Medium, OutputError, Watch};
use crate::ova::{self, Machine};
use crate::parts::Parts;
use crate::pxe::{self, Way};
use crate::qcow2;
use crate::request::{Event, OutputKind, Request};
use crate::root_image::{self, Options, RootFormat};
use crate::sizes;
use crate::sysext::{self, SYSEXT_FILE};
use crate::tree::Tree;
use crate::uki;
use crate::vmdk;
use fs_err as fs;
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
    /// Who looks on.
    pub(super) watch: &'a Watch<'a>,
    /// Whom phases are told.
    pub(super) tell: &'a dyn Fn(Event<'_>),
}

impl Context<'_> {
    fn begin(&self, name: &'static str, bytes: u64) {
        (self.tell)(Event::Phase { name, bytes });
    }
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
        return check_name(request);
    };
    Err(Error::Usage(problem.to_owned()))
}

/// An appliance's name, as far as it is known before the bundle is read.
fn check_name(request: &Request<'_>) -> Result<(), Error> {
    if request.outputs.contains(&OutputKind::Ova) {
        ova::name(request.image_id, request.image_version.unwrap_or_default())?;
    }
    Ok(())
}

/// Whether something boots from a unified kernel image.
fn is_unified(outputs: &BTreeSet<OutputKind>) -> bool {
    DISKS.iter().chain(&[OutputKind::Ova, OutputKind::Iso]).any(|kind| outputs.contains(kind))
}

/// What outputs need of base and version, before the root is written.
pub(super) fn check_base(request: &Request<'_>, kernel: &Kernel, version: &str) -> Result<(), Error> {
    if is_unified(request.outputs) && kernel.stub.is_none() {
        return Err(uki::no_stub(request.architecture).into());
    }
    if request.outputs.contains(&OutputKind::Ova) {
        ova::name(request.image_id, version)?;
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
    let asked = |kind: OutputKind| context.request.outputs.contains(&kind);
    if asked(OutputKind::Pxe) {
        network(context)?;
    }
    if DISKS.into_iter().chain([OutputKind::Ova]).any(asked) {
        disks(context)?;
    }
    if asked(OutputKind::Iso) {
        medium(context)?;
    }
    if asked(OutputKind::Sysext) {
        extension(context)?;
    }
    if context.watch.stop().is_asked() {
        return Err(Error::Stopped);
    }
    // The parts are moved, so they come last.
    if asked(OutputKind::Parts) { self::parts(context) } else { Ok(()) }
}

/// What machines boot from the network by.
fn network(context: &Context<'_>) -> Result<(), OutputError> {
    let Context { request, parts, watch, .. } = context;
    let way = request.root_url.map_or(Way::Carried, |server| Way::Fetched { server: server.trim_end_matches('/') });
    context.begin("writing the PXE files", file_size(&parts.root)? + file_size(&parts.verity)?);
    pxe::write(parts, way, SERVED, request.folder, watch)
}

/// A unified kernel image in the work folder.
fn unified(context: &Context<'_>, medium: Medium) -> Result<PathBuf, OutputError> {
    let path = context.work.join(match medium {
        Medium::Disk => "disk.efi",
        Medium::Iso => "live.efi",
    });
    uki::write(context.parts, medium, context.request.signer, &path)?;
    Ok(path)
}

/// The disk in each form that is asked for.
fn disks(context: &Context<'_>) -> Result<(), OutputError> {
    let Context { request, parts, watch, .. } = context;
    let kernel_image = unified(context, Medium::Disk)?;
    let content = disk::content(parts, &kernel_image, request.disk)?;
    for kind in DISKS.into_iter().filter(|kind| request.outputs.contains(kind)) {
        let path = request.folder.join(format!("disk.{kind}"));
        let bytes = content.placed_bytes();
        match kind {
            OutputKind::Raw => {
                context.begin("writing disk.raw", bytes);
                disk::write_raw(&content, &path, watch)?;
            }
            OutputKind::Qcow2 => {
                context.begin("writing disk.qcow2", bytes);
                qcow2::write(&content, &path, watch)?;
            }
            _ => {
                context.begin("writing disk.vmdk", bytes);
                vmdk::write(&content, &parts.root_hash, &path, watch)?;
            }
        }
    }
    if request.outputs.contains(&OutputKind::Ova) {
        context.begin("writing appliance.ova", content.placed_bytes());
        let path = request.folder.join("appliance.ova");
        ova::write(parts, &kernel_image, request.disk, Machine::default(), &path, watch)?;
    }
    Ok(())
}

fn medium(context: &Context<'_>) -> Result<(), OutputError> {
    let parts = context.parts;
    let kernel_image = unified(context, Medium::Iso)?;
    let bytes = file_size(&parts.root)? + file_size(&parts.verity)? + file_size(&kernel_image)?;
    context.begin("writing live.iso", bytes);
    iso::write(parts, &kernel_image, &context.request.folder.join("live.iso"), context.watch)
}

fn extension(context: &Context<'_>) -> Result<(), Error> {
    let Context { request, parts, watch, .. } = context;
    let tree = sysext::tree(context.tree, parts.architecture, &parts.image_version)?;
    let name = format!("{} sysext {}", parts.image_id, parts.image_version);
    let options = Options { format: SYSEXT_FORMAT, source_date_epoch: parts.source_date_epoch, name: &name };
    context.begin("writing kfimg.raw", sizes::by_part(&tree).values().sum());
    let advanced = |bytes| watch.advanced(bytes);
    let image = root_image::write(&tree, &request.folder.join(SYSEXT_FILE), options, watch.stop(), &advanced)?;
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
