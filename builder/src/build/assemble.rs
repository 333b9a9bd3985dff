//! Which function writes which output.

use crate::error::Error;
use crate::parts::Parts;
use crate::request::{OutputKind, Request};
use crate::root_image::{self, Options, RootFormat};
use crate::sysext::{self, SYSEXT_FILE};
use crate::tree::Tree;
use fs_err as fs;
use kfimg_images::stop::Stop;
use std::collections::BTreeSet;
use std::path::Path;

/// What outputs are made of.
pub(super) struct Context<'a> {
    pub(super) request: &'a Request<'a>,
    pub(super) parts: &'a Parts,
    pub(super) tree: &'a Tree,
    pub(super) stop: &'a Stop,
}

/// Whether every output can be written.
pub(super) fn check(outputs: &BTreeSet<OutputKind>) -> Result<(), Error> {
    let known = |kind: &&OutputKind| !matches!(kind, OutputKind::Sysext | OutputKind::Parts);
    match outputs.iter().find(known) {
        Some(kind) => Err(Error::Usage(format!("--output {kind}: this kfimg can't write it yet"))),
        None if outputs.is_empty() => Err(Error::Usage("--output: name at least one output".to_owned())),
        None => Ok(()),
    }
}

/// Writes all outputs.
pub(super) fn all(context: &Context<'_>) -> Result<(), Error> {
    // The parts are moved, so they come last.
    context.request.outputs.iter().try_for_each(|kind| match kind {
        OutputKind::Sysext => extension(context),
        OutputKind::Parts => parts(context),
        kind => Err(Error::Usage(format!("--output {kind}: this kfimg can't write it yet"))),
    })
}

fn extension(context: &Context<'_>) -> Result<(), Error> {
    let Context { request, parts, .. } = context;
    let tree = sysext::tree(context.tree, parts.architecture, &parts.image_version)?;
    let name = format!("{} sysext {}", parts.image_id, parts.image_version);
    // Every stock system mounts squashfs.
    let options = Options { format: RootFormat::Squashfs, source_date_epoch: parts.source_date_epoch, name: &name };
    RootFormat::Squashfs.check()?;
    root_image::write(&tree, &request.folder.join(SYSEXT_FILE), options, context.stop, &|_| {}).map(drop)
}

/// The parts as they are, for other tools.
fn parts(context: &Context<'_>) -> Result<(), Error> {
    let Parts { kernel, initrd, root, verity, .. } = context.parts;
    let root_name = match context.request.root {
        RootFormat::Squashfs => "root.squashfs",
        RootFormat::Erofs => "root.erofs",
    };
    let folder = context.request.folder;
    let places: [(&Path, &str); 4] =
        [(kernel, "vmlinuz"), (initrd, "initrd"), (root, root_name), (verity, "root.verity")];
    for (from, name) in places {
        let to = folder.join(name);
        fs::rename(from, &to).map_err(Error::io("moving", &to))?;
    }
    let path = folder.join("root.hash");
    fs::write(&path, format!("{}\n", context.parts.root_hash)).map_err(Error::io("writing", &path))
}
