//! A bundle as `kfimg build` takes it: an OCI image layout with the images of a cluster and an artifact for each host program, as
//! `kfimg bundle create` makes it from what the projects publish. Here they are the ones that the lab has built.

use crate::command::{command, succeed};
use crate::images::architecture;
use crate::keyed::Key;
use crate::lab::read_json;
use crate::programs::Programs;
use crate::site::KUBERNETES;
use crate::{Error, Result};
use data_encoding::HEXLOWER;
use fs_err as fs;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
const BINARY: &str = "application/vnd.kfimg.binary.v1";

/// How a project publishes its programs.
enum Form {
    /// The program itself.
    Program,
    /// An archive with the programs in this folder of it; empty: at its top.
    Archive(&'static str),
}

/// A part: its name, its version, its form, its programs.
type Part = (&'static str, &'static str, Form, &'static [&'static str]);

const PARTS: [Part; 6] = [
    ("kubelet", KUBERNETES, Form::Program, &["kubelet"]),
    ("kubectl", KUBERNETES, Form::Program, &["kubectl"]),
    ("runc", "v1.5.2", Form::Program, &["runc"]),
    ("containerd", "v2.4.2", Form::Archive("bin"), &["containerd", "containerd-shim-runc-v2", "ctr"]),
    ("cni-plugins", "v1.9.1", Form::Archive(""), &["bridge", "firewall", "host-local", "loopback", "portmap", "ptp"]),
    ("crictl", "v1.36.0", Form::Archive(""), &["crictl"]),
];

/// This key, with what the host programs are made from.
pub(super) fn key(programs: &Programs, start: Key) -> Result<Key> {
    let mut names = PARTS.iter().flat_map(|(_, _, _, names)| names.iter());
    names.try_fold(start, |key, name| key.text(name).file(&programs.path(name)?))
}

/// Writes the bundle: the host programs, and the images of that bundle, which is a folder.
pub(super) fn write(programs: &Programs, images: Option<&Path>, path: &Path) -> Result<()> {
    match images {
        Some(images) => crate::bundle::copy(images, path)?,
        None => empty(path)?,
    }
    let config = blob(path, b"{}", EMPTY)?;
    let index = path.join("index.json");
    let mut document: Value = read_json(&index)?;
    for (name, version, form, names) in &PARTS {
        let file = match form {
            Form::Program => fs::read(programs.path(names[0])?)?,
            Form::Archive(folder) => archive(programs, folder, names, &path.join("work"))?,
        };
        let media_type = match form {
            Form::Program => "application/octet-stream",
            Form::Archive(_) => "application/gzip",
        };
        let entry = artifact(path, name, version, &config, &blob(path, &file, media_type)?)?;
        let list = document["manifests"].as_array_mut();
        list.ok_or_else(|| Error::unusable(index.display().to_string(), "it lists no manifests"))?.push(entry);
    }
    Ok(fs::write(index, document.to_string())?)
}

/// A layout with nothing in it.
fn empty(path: &Path) -> Result<()> {
    fs::create_dir_all(path.join("blobs/sha256"))?;
    fs::write(path.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    Ok(fs::write(path.join("index.json"), json!({ "schemaVersion": 2, "manifests": [] }).to_string())?)
}

fn artifact(path: &Path, name: &str, version: &str, config: &Value, layer: &Value) -> Result<Value> {
    let architecture = architecture();
    let notes = json!({
        "kfimg.io/name": name, "kfimg.io/version": version.trim_start_matches('v'), "kfimg.io/architecture": architecture,
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BINARY, "config": config, "layers": [layer],
        "annotations": notes,
    });
    let mut entry = blob(path, manifest.to_string().as_bytes(), MANIFEST)?;
    entry["artifactType"] = json!(BINARY);
    entry["annotations"] = notes;
    let reference = format!("kfimg.invalid/binary/{name}:{version}-{architecture}");
    entry["annotations"]["org.opencontainers.image.ref.name"] = json!(reference);
    Ok(entry)
}

/// Adds a blob; gives its descriptor.
fn blob(path: &Path, content: &[u8], media_type: &str) -> Result<Value> {
    let digest = HEXLOWER.encode(&Sha256::digest(content));
    fs::write(path.join("blobs/sha256").join(&digest), content)?;
    Ok(json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": content.len() }))
}

/// What `tar` packs of these programs, below this folder.
fn archive(programs: &Programs, folder: &str, names: &[&str], work: &Path) -> Result<Vec<u8>> {
    let target = work.join("tree").join(folder);
    fs::create_dir_all(&target)?;
    for name in names {
        fs::copy(programs.path(name)?, target.join(name))?;
    }
    let file = work.join("archive.tar.gz");
    let mut tar = command("tar");
    succeed(tar.arg("-C").arg(work.join("tree")).arg("-czf").arg(&file).arg("."))?;
    let bytes = fs::read(&file)?;
    fs::remove_dir_all(work)?;
    Ok(bytes)
}
