//! The images that nodes ask for, packed from the lab's own programs and lying in the storage of its upstream registry.
//!
//! An image has the name that kfimg asks for, as a mirror holds it: `<upstream host>/<repository>:<tag>`. Its content is
//! the real program of that version, or of the one that `docs/lab.md` names; it is not the upstream's image.

mod keepalived;
mod layer;
mod recipe;
mod store;
mod userland;

pub use store::Store;

use crate::keyed::Key;
use crate::programs::Programs;
use crate::{Error, Result};
use recipe::Recipe;
use serde_json::json;
use std::path::{Path, PathBuf};

/// An image with a shell, for pods of the scenarios.
pub const WORKLOAD: &str = "docker.io/library/busybox:1.37";

/// Name of an image in parts: `registry.k8s.io/coredns/coredns:v1.14.2`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Reference {
    /// Host and repository: what the mirror calls the repository.
    repository: String,
    tag: String,
}

impl Reference {
    fn parse(text: &str) -> Result<Self> {
        let parts = text.rsplit_once(':').filter(|(repository, tag)| repository.contains('/') && !tag.contains('/'));
        let (repository, tag) = parts.ok_or_else(|| Error::unusable(text, "is not <host>/<repository>:<tag>"))?;
        Ok(Self { repository: repository.to_owned(), tag: tag.to_owned() })
    }
}

/// Packs these images into the store; what is there already, from the same programs, stays.
///
/// # Errors
/// [`Error::Unusable`] when the lab has no recipe for a name: add it to `images/recipe.rs`.
pub fn pack<'a>(store: &Store, programs: &Programs, references: impl IntoIterator<Item = &'a str>) -> Result<()> {
    for text in references {
        let reference = Reference::parse(text)?;
        if reference.repository == keepalived::REPOSITORY {
            add_built(store, &reference, &keepalived::layout()?)?;
            continue;
        }
        let recipe = recipe::of(&reference.repository)?;
        pack_one(store, programs, &reference, recipe)?;
    }
    Ok(())
}

fn pack_one(store: &Store, programs: &Programs, reference: &Reference, recipe: &Recipe) -> Result<()> {
    let files = recipe.files(programs, &reference.tag)?;
    let mut key = Key::default().text(layer::FORMAT).text(&format!("{recipe:?}"));
    for (source, place) in &files {
        key = key.file(source)?.text(place);
    }
    let userland = if recipe.userland { Some(userland::archive()?) } else { None };
    if let Some(archive) = &userland {
        key = key.file(archive)?;
    }
    let key = key.name();
    if store.is_packed(reference, &key) {
        return Ok(());
    }
    let mut layers = Vec::new();
    if let Some(archive) = userland {
        layers.push(store.add_file(&archive)?);
    }
    layers.push(add_layer(store, &files)?);
    let diff_ids: Vec<String> = layers.iter().map(|layer| layer.digest.clone()).collect();
    let config = store.add_json(&json!({
        "architecture": architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": recipe.config(),
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))?;
    store.publish(reference, &config, &layers, &key)
}

/// Adds an image that lies in a layout.
fn add_built(store: &Store, reference: &Reference, layout: &Path) -> Result<()> {
    let key = Key::default().file(layout)?.name();
    if store.is_packed(reference, &key) {
        return Ok(());
    }
    let (config, layers) = keepalived::files(layout)?;
    let layers = layers.iter().map(|layer| store.add_file(layer)).collect::<Result<Vec<_>>>()?;
    store.publish(reference, &store.add_file(&config)?, &layers, &key)
}

fn add_layer(store: &Store, files: &[(PathBuf, String)]) -> Result<store::Blob> {
    let temporary = store.temporary();
    layer::write(&temporary, files)?;
    let blob = store.add_file(&temporary)?;
    fs_err::remove_file(&temporary)?;
    Ok(blob)
}

/// This machine's architecture in the words of OCI images.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn a_name_keeps_its_host() {
        let reference = Reference::parse("registry.k8s.io/coredns/coredns:v1.14.2").unwrap();
        assert_eq!(reference.repository, "registry.k8s.io/coredns/coredns");
        assert_eq!(reference.tag, "v1.14.2");
        for bad in ["busybox", "reg.local:5000/busybox", "docker.io/library/busybox"] {
            assert!(Reference::parse(bad).is_err(), "{bad}");
        }
    }
}
