//! The image of keepalived: the project's own, built by `images/keepalived/build.sh` and not by the lab.

use crate::command::{command, succeed};
use crate::keyed::{Key, once};
use crate::lab::read_json;
use crate::programs::cache;
use crate::{Error, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The repository that is built this way.
pub(super) const REPOSITORY: &str = "ghcr.io/kfimg/keepalived";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../images/keepalived/build.sh");

/// The image as an OCI image layout, kept until the script changes.
pub(super) fn layout() -> Result<PathBuf> {
    let key = Key::default().text(&fs_err::read_to_string(SCRIPT)?);
    once(&cache(), "keepalived", key, |path| succeed(command(SCRIPT).arg(path)).map(drop))
}

/// Files of the image: its configuration, and its layers in their order.
pub(super) fn files(layout: &Path) -> Result<(PathBuf, Vec<PathBuf>)> {
    let missing = || Error::unusable(layout.display().to_string(), "is no layout with one image");
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().ok_or_else(missing)?;
        Ok(layout.join("blobs").join(digest.replace(':', "/")))
    };
    let index: Value = read_json(&layout.join("index.json"))?;
    let manifest: Value = read_json(&blob(&index["manifests"][0])?)?;
    let layers = manifest["layers"].as_array().ok_or_else(missing)?.iter().map(blob).collect::<Result<_>>()?;
    Ok((blob(&manifest["config"])?, layers))
}
