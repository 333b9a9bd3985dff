//! Whether `index.json` means one thing, and is the one that `bundle.json` vouches for.

use std::collections::{HashMap, HashSet};

use crate::content::{BundleManifest, Content};
use crate::digest::Digest;
use crate::hasher::sha256;
use crate::layout::{Descriptor, Index};
use crate::reference::Reference;

/// What is wrong with the root documents, in words for a person.
pub(super) fn check(content: &Content) -> Vec<String> {
    let mut problems = check_names(content.index());
    if let Some(manifest) = content.manifest() {
        problems.extend(check_manifest(manifest, content));
    }
    problems
}

/// A name stands for one content, and one with a digest for that.
fn check_names(index: &Index) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known: HashMap<&str, &Digest> = HashMap::new();
    for (name, digest) in named(index) {
        let other = *known.entry(name).or_insert(digest);
        if other != digest {
            problems.push(format!(
                "index.json gives the name {name} to {other} and to {digest}; a name has one image only, so create the bundle again"
            ));
        }
        let own = name.parse::<Reference>().ok().and_then(|reference| reference.digest().cloned());
        if own.is_some_and(|own| own != *digest) {
            problems.push(format!(
                "index.json gives the name {name} to {digest}, which it is not; create the bundle again"
            ));
        }
    }
    problems
}

/// `bundle.json` names the `index.json` that it was written with: whoever signs the one signs the other.
fn check_manifest(manifest: &BundleManifest, content: &Content) -> Vec<String> {
    let mut problems = Vec::new();
    match &manifest.index {
        Some(wanted) if *wanted == sha256(content.index_bytes()) => {}
        Some(_) => problems
            .push("index.json is not the one that bundle.json was written with; create the bundle again".to_owned()),
        None => problems.push(
            "bundle.json does not name index.json by its digest, so it vouches for nothing; create the bundle again"
                .to_owned(),
        ),
    }
    let listed: HashSet<(&str, &Digest)> = named(content.index()).collect();
    for (reference, image) in &manifest.images {
        if !listed.contains(&(reference.as_str(), &image.digest)) {
            problems
                .push(format!("bundle.json promises {reference} at {}, which index.json does not list", image.digest));
        }
    }
    problems
}

fn named(index: &Index) -> impl Iterator<Item = (&str, &Digest)> {
    index.manifests.iter().filter_map(|entry: &Descriptor| Some((entry.reference()?, &entry.digest)))
}
