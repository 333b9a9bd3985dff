//! Host programs of the bundle, where the units that kfimg renders expect them.
//!
//! Each is an OCI artifact with one file: a program, or an archive of programs (crate `images`, `download`).

use crate::base::packed;
use crate::base::tar::{self, EntryKind};
use crate::error::Error;
use crate::output::Watch;
use crate::spool::Spool;
use crate::tree::{Node, Origin, Tree};
use kfimg_images::content::{Content, ContentError, Extent};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::Hasher;
use kfimg_images::layout::{DOCUMENT_LIMIT, Descriptor, Document};
use kfimg_images::{Architecture, HostPart};
use serde::Serialize;

/// How a part's file becomes programs.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// The file is the program.
    Program(&'static str),
    /// An archive; these members become these programs.
    Members(&'static [(&'static str, &'static str)]),
    /// An archive; every program in it goes into this folder.
    Folder(&'static str),
}

/// Where everything goes.
const FORMS: &[(HostPart, Form)] = &[
    (HostPart::Kubelet, Form::Program("usr/bin/kubelet")),
    (HostPart::Kubectl, Form::Program("usr/bin/kubectl")),
    (HostPart::Runc, Form::Program("usr/bin/runc")),
    (
        HostPart::Containerd,
        Form::Members(&[
            ("bin/containerd", "usr/bin/containerd"),
            ("bin/containerd-shim-runc-v2", "usr/bin/containerd-shim-runc-v2"),
            ("bin/ctr", "usr/bin/ctr"),
        ]),
    ),
    (HostPart::CniPlugins, Form::Folder("opt/cni/bin")),
    (HostPart::Crictl, Form::Members(&[("crictl", "usr/bin/crictl")])),
];

/// The names under which a bundle has host programs and other files (crate `images`, `download`).
const BINARIES: &str = "kfimg.invalid/binary/";
/// The agent, as `kfimg bundle create --file kfimg-agent:<version>=PATH` brings it.
const AGENT: &str = "kfimg.invalid/file/kfimg-agent:";
/// Where the agent goes.
pub(crate) const AGENT_PATH: &str = "usr/bin/kfimg-agent";

/// A host program in an image.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartSource {
    /// `kubelet`, `containerd`, `kfimg-agent`.
    pub name: String,
    /// Its version without a leading `v`; that of an agent given as a file is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The digest of the file: for a part of the bundle, the one that its project publishes.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
}

/// Adds every host program for these machines to the tree.
///
/// # Errors
/// When the bundle lacks one, has several versions of one, or one is damaged.
pub(crate) fn add(
    tree: &mut Tree,
    bundle: &Content,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Vec<PartSource>, Error> {
    FORMS.iter().map(|(part, form)| add_one(tree, bundle, (*part, *form), architecture, spool)).collect()
}

fn add_one(
    tree: &mut Tree,
    bundle: &Content,
    (part, form): (HostPart, Form),
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<PartSource, Error> {
    let (entry, version) = find(bundle, part, architecture)?;
    let place = format!("{BINARIES}{part}:v{version}-{architecture}");
    let layer = file_of(bundle, &place, entry)?;
    let extent = verified(bundle, &layer, &place, spool)?;
    let origin = Origin::Part(part);
    let watch = spool.watch().quiet();
    let mut put = |path: &str, extent: Extent| {
        let resolved = tree.resolve(path).map_err(Error::tree(path))?;
        tree.insert(&resolved, Node::stored(0o755, extent, origin)).map_err(Error::tree(path))
    };
    match form {
        Form::Program(path) => put(path, extent.file)?,
        Form::Members(members) => {
            let found = programs(&place, &extent.unpacked, &watch, |name| {
                members.iter().find(|row| row.0 == name).map(|row| row.1.to_owned())
            })?;
            if let Some((name, _)) = members.iter().find(|(_, path)| found.iter().all(|(found, _)| found != path)) {
                return Err(lacks(bundle, &format!("the archive {place} has no `{name}`; create the bundle again")));
            }
            found.into_iter().try_for_each(|(path, extent)| put(&path, extent))?;
        }
        Form::Folder(folder) => {
            let found = programs(&place, &extent.unpacked, &watch, |name| {
                (!name.contains('/')).then(|| format!("{folder}/{name}"))
            })?;
            if found.is_empty() {
                return Err(lacks(bundle, &format!("the archive {place} holds no program; create the bundle again")));
            }
            found.into_iter().try_for_each(|(path, extent)| put(&path, extent))?;
        }
    }
    Ok(PartSource { name: part.to_string(), version: Some(version), digest: layer.digest, size: layer.size })
}

/// The one version of a part that the bundle has for these machines.
fn find(bundle: &Content, part: HostPart, architecture: Architecture) -> Result<(&Descriptor, String), Error> {
    let (before, after) = (format!("{BINARIES}{part}:v"), format!("-{architecture}"));
    let version = |name: &str| Some(name.strip_prefix(&before)?.strip_suffix(&after)?.replace('_', "+"));
    let named = |entry| Descriptor::reference(entry).and_then(version);
    let mut found = bundle.index().manifests.iter().filter_map(|entry| Some((entry, named(entry)?)));
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some((_, one)), Some((_, other))) => {
            let reason = format!("it has {part} {one} and {other}; make one bundle for each image");
            Err(lacks(bundle, &reason))
        }
        (None, _) => {
            let reason = format!(
                "it has no {part} for {architecture}; create it for a described cluster (`kfimg bundle create --profile …`), without --images-only"
            );
            Err(lacks(bundle, &reason))
        }
    }
}

/// The agent of the bundle for these machines, where it has one: its file and what it is.
pub(crate) fn agent(
    bundle: &Content,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<Option<(Extent, PartSource)>, Error> {
    let suffix = format!("-{architecture}");
    let names = bundle.index().manifests.iter().filter_map(|entry| {
        let version = Descriptor::reference(entry)?.strip_prefix(AGENT)?;
        Some((entry, version))
    });
    let mut names: Vec<_> = names.collect();
    // One that names its machines goes before one that does not.
    names.sort_by_key(|(_, version)| !version.ends_with(&suffix));
    let Some((entry, version)) = names.first() else { return Ok(None) };
    let place = format!("{AGENT}{version}");
    let layer = file_of(bundle, &place, entry)?;
    let extent = verified(bundle, &layer, &place, spool)?;
    let version = version.strip_suffix(&suffix).unwrap_or(version).to_owned();
    let source =
        PartSource { name: "kfimg-agent".to_owned(), version: Some(version), digest: layer.digest, size: layer.size };
    Ok(Some((extent.file, source)))
}

/// A file, as it lies in the bundle and unpacked.
struct Verified {
    file: Extent,
    unpacked: Extent,
}

/// The only layer of an artifact.
fn file_of(bundle: &Content, place: &str, entry: &Descriptor) -> Result<Descriptor, Error> {
    let bytes = bundle.read_small(&entry.digest, DOCUMENT_LIMIT)?;
    match Document::parse(&entry.media_type, &bytes) {
        Ok(Document::Manifest(manifest)) if manifest.layers.len() == 1 => Ok(manifest.layers[0].clone()),
        _ => Err(lacks(bundle, &format!("{place} is no file; create the bundle again"))),
    }
}

fn verified(bundle: &Content, layer: &Descriptor, place: &str, spool: &mut Spool<'_>) -> Result<Verified, Error> {
    let missing = || ContentError::Missing { path: bundle.place().to_owned(), digest: layer.digest.clone() };
    let file = bundle.extent(&layer.digest).ok_or_else(missing)?.clone();
    let unpacked = packed::unpacked(place, &file, &layer.digest, spool);
    if let Err(Error::Base { .. }) = &unpacked {
        // A flipped byte ends the unpacking of an archive before its digest is known.
        let mut hasher = Hasher::like(&layer.digest);
        hasher.read(spool.watch().reader(file.reader())).map_err(Error::io("reading", bundle.place()))?;
        intact(bundle, layer, hasher.finish())?;
    }
    let (unpacked, found) = unpacked?;
    intact(bundle, layer, found)?;
    Ok(Verified { file, unpacked })
}

fn intact(bundle: &Content, layer: &Descriptor, found: Digest) -> Result<(), Error> {
    if found == layer.digest {
        return Ok(());
    }
    Err(ContentError::Damaged { path: bundle.place().to_owned(), digest: layer.digest.clone(), found }.into())
}

/// The programs of an archive that get a path, each with where its bytes lie. It is read by the rules of a base.
fn programs(
    place: &str,
    archive: &Extent,
    watch: &Watch<'_>,
    path: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(String, Extent)>, Error> {
    let mut found = Vec::new();
    tar::each(place, archive, watch, |entry| {
        let EntryKind::File(extent) = entry.kind else { return Ok(()) };
        found.extend(path(&entry.path).filter(|_| entry.mode & 0o111 != 0).map(|path| (path, extent)));
        Ok(())
    })?;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}

fn lacks(bundle: &Content, reason: &str) -> Error {
    Error::Bundle { bundle: bundle.place().to_owned(), reason: reason.to_owned() }
}
