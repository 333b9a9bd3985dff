//! The output `sysext`: kubelet, runtime, CNI plugins and agent as a system extension for a stock Flatcar or Ubuntu.
//!
//! The extension holds `/usr` and `/opt` alone, as `systemd-sysext(8)` merges them. It names no system, so every systemd
//! distribution of the architecture takes it; the payload fetches it with its hash. Source: os-release(5), "extension-release".

use crate::content::system;
use crate::error::Error;
use crate::licences;
use crate::root_image::RootImage;
use crate::tree::{Node, Origin, Tree};
use kfimg_images::Architecture;

/// The name of the extension; the file is called so too, or systemd does not take it.
pub(crate) const NAME: &str = "kfimg";
/// The file.
pub const SYSEXT_FILE: &str = "kfimg.raw";
/// A layer of a site's description, for `kfimg render --site`: payloads then fetch the extension.
pub const SITE: &str = "sysext.yaml";
/// kfimg's settings that a stock system needs too, and the terms of what is in the extension.
const SETTINGS: [&str; 4] =
    ["usr/lib/sysctl.d/90-kfimg.conf", "usr/lib/modules-load.d/kfimg.conf", licences::FILE, licences::NOTICES_FILE];

/// The extension's files, taken from those of an image.
///
/// # Errors
/// Never for a tree of [`crate::build`].
pub(crate) fn tree(image: &Tree, architecture: Architecture, version: &str) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let is_ours = |path: &str, node: &Node| {
        let program = matches!(node.origin, Origin::Part(_) | Origin::Agent) && !node.is_folder();
        program || SETTINGS.contains(&path)
    };
    for (path, node) in image.iter().filter(|(path, node)| is_ours(path, node)) {
        tree.insert(path, node.clone()).map_err(Error::tree(path))?;
    }
    let version = if system::is_name(version) { version } else { "" };
    let release = format!(
        "ID=_any\nARCHITECTURE={}\nEXTENSION_RELOAD_MANAGER=1\nSYSEXT_IMAGE_ID={NAME}\nSYSEXT_IMAGE_VERSION={version}\n",
        systemd_name(architecture)
    );
    let path = format!("usr/lib/extension-release.d/extension-release.{NAME}");
    tree.insert(&path, Node::file(0o644, release)).map_err(Error::tree(&path))?;
    Ok(tree)
}

/// The layer that names an extension which a boot server hands out below this prefix.
pub(crate) fn site(prefix: &str, image: &RootImage) -> String {
    format!(
        "# Stock systems fetch this extension: kfimg render --site {SITE}\napiVersion: kfimg/v1alpha1\nkind: Cluster\n\
         nodeDefaults:\n  systemExtension:\n    source: {prefix}/{SYSEXT_FILE}\n    sha256: \"{}\"\n",
        image.digest.hexadecimal()
    )
}

/// `ConditionArchitecture=` of `systemd.unit(5)`.
fn systemd_name(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Amd64 => "x86-64",
        Architecture::Arm64 => "arm64",
    }
}
