//! What a bundle is to hold: what a described cluster asks for, and what the command line names.

use super::super::{description, proof, render};
use crate::args::Layers;
use crate::console::Console;
use crate::failure::Failure;
use kfimg_images::content::Content;
use kfimg_images::download::{Binary, LocalFile};
use kfimg_images::proof::Proof;
use kfimg_images::{Architecture, Catalog, HostPart, ImageList, Reference};
use kfimg_profiles::load::Loaded;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// A described cluster and what it asks for.
pub(super) struct Wanted {
    pub(super) loaded: Loaded,
    pub(super) images: ImageList,
}

/// The cluster that the layers describe; `None` when there are none.
pub(super) fn of_layers(layers: &Layers, console: &Console) -> Result<Option<Wanted>, Failure> {
    if !layers.describe_a_cluster() {
        return Ok(None);
    }
    let loaded = description::load_with_charts(layers, console)?;
    let images = render::images(&loaded.cluster, console)?;
    Ok(Some(Wanted { loaded, images }))
}

impl Wanted {
    /// The closed-world proof.
    pub(super) fn prove(&self, content: &Content) -> Result<Proof, Failure> {
        proof::prove(&self.loaded.cluster, &self.images, content)
    }

    /// How many machines are described.
    pub(super) fn nodes(&self) -> usize {
        self.loaded.cluster.nodes.len()
    }

    /// Of all machines.
    pub(super) fn architectures(&self) -> BTreeSet<Architecture> {
        self.loaded.cluster.nodes.iter().map(|node| proof::architecture(node.architecture)).collect()
    }

    /// Every image by name.
    pub(super) fn references(&self) -> Vec<Reference> {
        self.images.references().cloned().collect()
    }

    /// The host programs of the cluster's Kubernetes, as far as they are made for these machines.
    pub(super) fn binaries(&self, architectures: &[Architecture]) -> Vec<Binary> {
        let version = self.loaded.cluster.version;
        let Some(catalog) = Catalog::for_version((version.major, version.minor)) else { return Vec::new() };
        let of = |architecture: Architecture| {
            let parts = HostPart::ALL.iter();
            parts.filter_map(move |part| {
                let artifact = catalog.artifact(*part, version.patch, architecture)?;
                Some(Binary { artifact, architecture })
            })
        };
        architectures.iter().copied().flat_map(of).collect()
    }
}

/// Reads `NAME[:VERSION]=PATH`.
pub(super) fn file(text: &str) -> Result<LocalFile, String> {
    let form = || "write NAME=PATH or NAME:VERSION=PATH, such as flatcar:4230.2.1=flatcar.raw".to_owned();
    let (name, path) = text.split_once('=').ok_or_else(form)?;
    let (name, version) = name.split_once(':').unwrap_or((name, "latest"));
    if name.is_empty() || version.is_empty() || path.is_empty() {
        return Err(form());
    }
    let file = LocalFile {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: None,
        is_program: false,
        path: PathBuf::from(path),
    };
    file.reference().map(|_| file).map_err(|error| error.to_string())
}

/// This program, for the machines that it runs on.
pub(super) fn kfimg() -> Result<LocalFile, Failure> {
    let path = std::env::current_exe().map_err(Failure::io("finding", "kfimg itself".as_ref()))?;
    Ok(LocalFile {
        name: "kfimg".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        architecture: Architecture::of_this_machine(),
        is_program: true,
        path,
    })
}
