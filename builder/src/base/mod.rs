//! The base system: an OCI image (a layout, or a reference in the bundle), a tar, or a folder, as a [`Tree`].
//!
//! Nothing is laid out on a disk. A plain tar is read where it lies, what is compressed goes to the spool. Whether the
//! system can boot is not asked here: see [`crate::lint`].

mod apply;
mod folder;
mod layout;
pub(crate) mod packed;
mod pax;
pub(crate) mod tar;

use crate::error::Error;
use crate::listing;
use crate::output::Watch;
use crate::spool::{self, Spool};
use crate::tree::Tree;
use apply::Layer;
use fs_err as fs;
use kfimg_images::Architecture;
use kfimg_images::content::{Content, ContentError, Extent, INDEX_FILE, LAYOUT_FILE};
use kfimg_images::digest::Digest;
use kfimg_images::download::is_file;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::{DOCUMENT_LIMIT, Document};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::Path;

/// A base that was read.
#[derive(Debug)]
pub struct Base {
    /// Its files.
    pub tree: Tree,
    /// What it is, for `build.json`.
    pub source: BaseSource,
    /// What a person should know.
    pub remarks: Vec<String>,
}

/// Which base an image stands on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BaseSource {
    /// `image`, `tar` or `folder`.
    pub kind: &'static str,
    /// The digest of the image's manifest, of the tar, or of the folder's listing.
    pub digest: Digest,
    /// The reference of an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Reads a base. `name` is a path (a folder, a tar, a layout; `PATH#REFERENCE` for one image of several), or a reference
/// in `bundle`.
///
/// # Errors
/// When it can't be read, is damaged, leads out of itself, or is for other machines.
pub(crate) fn read(
    name: &str,
    bundle: Option<&Content>,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Base, Error> {
    let (path, reference) = match name.split_once('#') {
        Some((path, reference)) if !Path::new(name).exists() => (path, Some(reference)),
        _ => (name, None),
    };
    let given = Path::new(path);
    if !given.exists() {
        return of_bundle(name, bundle, architecture, spool);
    }
    // Who names a link means what it leads to; inside of a base links are the system's.
    let place = &fs::canonicalize(given).map_err(Error::io("opening", given))?;
    let is_folder = place.is_dir();
    let is_layout = if is_folder { place.join(LAYOUT_FILE).exists() } else { is_layout(place)? };
    match reference {
        _ if is_layout => of_image(name, &Content::open(place)?, reference, architecture, spool),
        Some(reference) => Err(Error::base(path, format!("is no OCI image layout, so it has no image `{reference}`"))),
        None if is_folder => of_folder(place, spool.watch()),
        None => of_tar(name, &spool::open(place)?, spool),
    }
}

/// Whether a file is an OCI image layout as one tar: then its index stands in it.
fn is_layout(path: &Path) -> Result<bool, Error> {
    match Content::open(path) {
        Ok(_) => Ok(true),
        // No bundle's tar: perhaps a system's.
        Err(ContentError::Tar { .. } | ContentError::NoLayout { .. } | ContentError::TooMany { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn of_folder(path: &Path, watch: &Watch<'_>) -> Result<Base, Error> {
    let found = folder::read(path, watch)?;
    let others: Vec<String> = found.owners.iter().filter(|uid| **uid >= 1000).map(u32::to_string).collect();
    let mut remarks = vec![format!("the base {} is a folder: owners are taken as they are found", path.display())];
    if !others.is_empty() {
        let text =
            format!("files belong to {}; a system's own belong to root: build from a tar instead", others.join(", "));
        remarks.push(text);
    }
    let digest = sha256(listing::of_tree(&found.tree, watch)?.as_bytes());
    Ok(Base { tree: found.tree, source: BaseSource { kind: "folder", digest, reference: None }, remarks })
}

fn of_tar(name: &str, file: &Extent, spool: &mut Spool<'_>) -> Result<Base, Error> {
    let (archive, digest) = packed::unpacked(name, file, &sha256(b""), spool)?;
    let mut tree = Tree::default();
    let mut layer = Layer { tree: &mut tree, number: 0, whiteouts: false, hidden: BTreeSet::new() };
    tar::each(name, &archive, spool.watch(), |entry| layer.take(entry))?;
    if tree.get(INDEX_FILE).is_some() && tree.get("etc").is_none() {
        let reason = "this is a damaged OCI image layout, or one with foreign files; copy it again with `skopeo copy`";
        return Err(Error::base(name, reason));
    }
    Ok(Base { tree, source: BaseSource { kind: "tar", digest, reference: None }, remarks: Vec::new() })
}

fn of_image(
    base: &str,
    content: &Content,
    reference: Option<&str>,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Base, Error> {
    let entry = layout::entry(base, content, reference)?;
    let (digest, manifest) = layout::manifest(base, content, entry, architecture)?;
    let tree = layout::read(base, content, &manifest, architecture, spool)?;
    let reference = entry.reference().map(str::to_owned);
    Ok(Base { tree, source: BaseSource { kind: "image", digest, reference }, remarks: Vec::new() })
}

/// A reference in the bundle: an image, or a tar that travels as a file.
fn of_bundle(
    name: &str,
    bundle: Option<&Content>,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Base, Error> {
    let absent = |reason: &str| Error::Io {
        action: "opening the base",
        path: name.into(),
        source: std::io::Error::new(std::io::ErrorKind::NotFound, reason),
    };
    let bundle = bundle.ok_or_else(|| absent("there is no such file or folder"))?;
    let entry = bundle.index().manifests.iter().find(|entry| entry.reference() == Some(name));
    let entry = entry.ok_or_else(|| absent("there is no such file or folder, and the bundle has no such reference"))?;
    if !is_file(name) {
        return of_image(name, bundle, Some(name), architecture, spool);
    }
    let bytes = bundle.read_small(&entry.digest, DOCUMENT_LIMIT)?;
    let document = Document::parse(&entry.media_type, &bytes)
        .map_err(|error| Error::base(name, format!("the document {} {error}", entry.digest)))?;
    let Document::Manifest(manifest) = document else { return Err(Error::base(name, "is no file of a bundle")) };
    let [layer] = manifest.layers.as_slice() else { return Err(Error::base(name, "is no file of a bundle")) };
    let extent = bundle.extent(&layer.digest).ok_or_else(|| absent("the bundle lacks its content"))?;
    let mut base = of_tar(name, extent, spool)?;
    if base.source.digest != layer.digest {
        let (path, found) = (bundle.place().to_owned(), base.source.digest);
        return Err(ContentError::Damaged { path, digest: layer.digest.clone(), found }.into());
    }
    base.source.reference = Some(name.to_owned());
    Ok(base)
}

#[cfg(test)]
mod tests;
