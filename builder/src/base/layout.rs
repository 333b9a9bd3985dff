//! A base that is an image: an OCI image layout, or a reference in a bundle. Layers are verified before they are read.

use super::apply::Layer;
use super::packed;
use super::tar;
use crate::error::Error;
use crate::spool::Spool;
use crate::tree::Tree;
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::digest::Digest;
use kfimg_images::layout::{DOCUMENT_LIMIT, Descriptor, Document, Kind, Manifest, Platform};
use std::collections::BTreeSet;

/// Indexes may name indexes; deeper than this nobody nests them.
const DEPTH: u32 = 4;
/// Most bytes of an image's configuration.
const CONFIG_LIMIT: u64 = 1 << 20;

/// The entry of a layout that is meant: the named one, else the only one.
pub(super) fn entry<'a>(base: &str, content: &'a Content, name: Option<&str>) -> Result<&'a Descriptor, Error> {
    let all = &content.index().manifests;
    if let Some(name) = name {
        let found = all.iter().find(|entry| entry.reference() == Some(name));
        return found.ok_or_else(|| Error::base(base, format!("the layout has no image `{name}`")));
    }
    match all.as_slice() {
        [only] => Ok(only),
        [] => Err(Error::base(base, "the layout holds no image")),
        several => {
            let names: Vec<&str> = several.iter().filter_map(Descriptor::reference).take(5).collect();
            let reason =
                format!("the layout holds {} images ({}); name one as PATH#REFERENCE", several.len(), names.join(", "));
            Err(Error::base(base, reason))
        }
    }
}

/// The manifest for these machines, through all indexes, and its digest.
pub(super) fn manifest(
    base: &str,
    content: &Content,
    entry: &Descriptor,
    architecture: Architecture,
) -> Result<(Digest, Manifest), Error> {
    let mut here = entry.clone();
    for _ in 0..DEPTH {
        let bytes = content.read_small(&here.digest, DOCUMENT_LIMIT)?;
        let document = Document::parse(&here.media_type, &bytes)
            .map_err(|error| Error::base(base, format!("the document {} {error}", here.digest)))?;
        here = match document {
            Document::Manifest(manifest) => return Ok((here.digest, manifest)),
            Document::Index(index) => {
                let fits = |child: &&Descriptor| child.platform.as_ref().is_none_or(|one| is_for(one, architecture));
                let known = |child: &&Descriptor| matches!(child.kind(), Kind::Index | Kind::Manifest);
                let child = index.manifests.iter().filter(known).find(fits);
                let none = || Error::base(base, format!("the image is not made for linux/{architecture}"));
                child.ok_or_else(none)?.clone()
            }
        };
    }
    Err(Error::base(base, "its indexes nest too deep"))
}

fn is_for(platform: &Platform, architecture: Architecture) -> bool {
    platform.os == "linux" && platform.architecture == architecture.as_str()
}

/// All layers, one over the other.
pub(super) fn read(
    base: &str,
    content: &Content,
    manifest: &Manifest,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Tree, Error> {
    check_config(base, content, manifest, architecture)?;
    let mut tree = Tree::default();
    for (number, layer) in (0_u32..).zip(&manifest.layers) {
        let place = format!("{base}: layer {}", layer.digest);
        if layer.is_foreign() {
            return Err(Error::base(base, format!("the layer {} may only be had from its owner", layer.digest)));
        }
        let extent = content.extent(&layer.digest).ok_or_else(|| missing(content, &layer.digest))?;
        let (archive, found) = packed::unpacked(&place, extent, &layer.digest, spool)?;
        if found != layer.digest {
            let path = content.place().to_owned();
            return Err(
                kfimg_images::content::ContentError::Damaged { path, digest: layer.digest.clone(), found }.into()
            );
        }
        let mut over = Layer { tree: &mut tree, number, whiteouts: true, hidden: BTreeSet::new() };
        tar::each(&place, &archive, spool.watch(), |entry| over.take(entry))?;
    }
    Ok(tree)
}

fn missing(content: &Content, digest: &Digest) -> Error {
    kfimg_images::content::ContentError::Missing { path: content.place().to_owned(), digest: digest.clone() }.into()
}

/// An image's configuration says for which machines it is, whatever an index says.
fn check_config(base: &str, content: &Content, manifest: &Manifest, architecture: Architecture) -> Result<(), Error> {
    #[derive(serde::Deserialize)]
    struct Config {
        architecture: String,
        os: String,
    }
    let bytes = content.read_small(&manifest.config.digest, CONFIG_LIMIT)?;
    let config: Config = serde_json::from_slice(&bytes).map_err(|error| {
        Error::base(base, format!("its configuration is malformed ({error}): this is no image of a system"))
    })?;
    if config.os == "linux" && config.architecture == architecture.as_str() {
        return Ok(());
    }
    let reason = format!(
        "the image is for {}/{}, and linux/{architecture} is asked for; choose another base or --arch",
        config.os, config.architecture
    );
    Err(Error::base(base, reason))
}
