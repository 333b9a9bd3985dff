//! `kfimg bundle create`: fetches what a cluster will ask for, and proves that it is all.

use super::failure;
use super::failures::{self, Told};
use super::opened::with_suffix;
use super::registries::RegistryArgs;
use super::sign::read_small;
use super::target::{self, ChunkArgs};
use super::wanted::{self, Wanted};
use crate::args::Layers;
use crate::commands::description::plural;
use crate::commands::proof;
use crate::console::Console;
use crate::failure::{Failure, Trouble};
use crate::interrupt;
use crate::progress::Progress;
use crate::size::human;
use clap::Args;
use kfimg_images::attached::is_attached;
use kfimg_images::content::Content;
use kfimg_images::create::{CreateError, Created, Output, Request, Watch, create};
use kfimg_images::download::{LocalFile, is_file};
use kfimg_images::lock::{Lock, LockError};
use kfimg_images::proof::Proof;
use kfimg_images::pull::Options;
use kfimg_images::receipt::{RECEIPT_LIMIT, Receipt};
use kfimg_images::{Architecture, Reference};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg bundle create`.
#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    layers: Layers,
    /// Where to write: a folder, NAME.tar for one tar, with --chunk-size NAME for chunks
    #[arg(short, long, value_name = "PATH", default_value = "bundle")]
    output: PathBuf,
    #[command(flatten)]
    chunks: ChunkArgs,
    /// Folder that keeps what was fetched for a tar or chunks [default: PATH.store]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Architectures of the machines [default: those of the description, else amd64]
    #[arg(long = "arch", value_name = "ARCH", value_delimiter = ',', value_parser = architecture)]
    architectures: Vec<Architecture>,
    /// Another image to take along
    #[arg(long = "image", value_name = "REFERENCE")]
    images: Vec<Reference>,
    /// A file of this machine to take along, such as the image of an operating system
    #[arg(long = "file", value_name = "NAME[:VERSION]=PATH", value_parser = wanted::file)]
    files: Vec<LocalFile>,
    /// Take neither binaries nor kfimg itself along
    #[arg(long)]
    images_only: bool,
    /// Take signatures, SBOMs and attestations along
    #[arg(long)]
    referrers: bool,
    /// Digests that references are pinned to; written when it is not there
    #[arg(long, value_name = "FILE", default_value = "kfimg.lock")]
    lock: PathBuf,
    /// Let the registries say anew what references stand for: all, or only these
    #[arg(long, value_name = "REFERENCE", num_args = 0.., value_delimiter = ',')]
    update: Option<Vec<Reference>>,
    /// Leave out what the registry of this receipt has
    #[arg(long, value_name = "RECEIPT")]
    since: Option<PathBuf>,
    #[command(flatten)]
    registries: RegistryArgs,
}

/// Creates the bundle.
pub(crate) fn run(args: &CreateArgs, console: &Console) -> Result<(), Failure> {
    let output = args.chunks.output(&args.output, console)?;
    let wanted = wanted::of_layers(&args.layers, console)?;
    let locked = read_lock(&args.lock)?;
    let request = request(args, wanted.as_ref(), locked.as_ref())?;
    let store = match &output {
        Output::Folder if args.store.is_some() => {
            return Err(Failure::Usage("--store is for a tar or chunks; a folder is its own store".to_owned()));
        }
        Output::Folder => args.output.clone(),
        _ => args.store.clone().unwrap_or_else(|| with_suffix(&args.output, ".store")),
    };
    target::make_parent(&args.output)?;
    let registries = args.registries.open(interrupt::stop_soon(console))?;
    let created = {
        let progress = Progress::new(console, "fetching");
        let (writing, written) = (|bytes| progress.expect(bytes), |bytes| progress.advance(bytes));
        let fetched = |event: kfimg_images::pull::Event<'_>| progress.pulled(event);
        create(
            &request,
            &store,
            &output,
            &registries,
            &Watch { fetched: &fetched, writing: &writing, written: &written, ..Watch::default() },
        )
    };
    let created = created.map_err(|error| told(error, console))?;
    let renewed =
        locked.as_ref().map(|old| old.renewed(&created.lock, |name| is_kept(name, args, &request, wanted.as_ref())));
    keep_lock(args, locked.as_ref(), renewed.as_ref().unwrap_or(&created.lock), console)?;
    let place = target::place(&output, &args.output);
    let proof = wanted.as_ref().map(|wanted| wanted.prove(&Content::open(&place)?)).transpose()?;
    tell(&created, &place, proof.as_ref(), args, console)?;
    proof.map_or(Ok(()), |proof| proof::judge(&proof, console))
}

/// What is asked for.
fn request(args: &CreateArgs, wanted: Option<&Wanted>, locked: Option<&Lock>) -> Result<Request, Failure> {
    let mut references = wanted.map(Wanted::references).unwrap_or_default();
    references.extend(args.images.iter().cloned());
    if references.is_empty() {
        return Err(Failure::Usage(
            "nothing is asked for; describe a cluster (--profile, --site), or name images (--image)".to_owned(),
        ));
    }
    let architectures = match (&args.architectures[..], wanted) {
        ([], None) => vec![Architecture::Amd64],
        ([], Some(wanted)) => wanted.architectures().into_iter().collect(),
        (named, _) => named.to_vec(),
    };
    let renew = args.update.iter().flatten().cloned().collect();
    check_renewed(&renew, &architectures, locked)?;
    let mut files = args.files.clone();
    let mut binaries = Vec::new();
    if !args.images_only
        && let Some(wanted) = wanted
    {
        binaries = wanted.binaries(&architectures);
        files.push(wanted::kfimg()?);
    }
    Ok(Request {
        kubernetes_version: wanted.map(|wanted| format!("v{}", wanted.loaded.cluster.version)),
        references,
        binaries,
        files,
        pull: Options {
            architectures,
            workers: args.registries.workers(),
            referrers: args.referrers,
            ..Options::default()
        },
        lock: locked.filter(|_| !args.updates_all()).cloned(),
        renew,
        since: args.since.as_deref().map(read_receipt).transpose()?,
    })
}

impl CreateArgs {
    /// Whether the registries say anew what every reference stands for.
    fn updates_all(&self) -> bool {
        self.update.as_ref().is_some_and(Vec::is_empty)
    }
}

/// Entries of one lock are all for the same machines.
fn check_renewed(
    renew: &BTreeSet<Reference>,
    architectures: &[Architecture],
    locked: Option<&Lock>,
) -> Result<(), Failure> {
    let Some(lock) = locked.filter(|_| !renew.is_empty()) else { return Ok(()) };
    if lock.architectures == BTreeSet::from_iter(architectures.iter().copied()) {
        return Ok(());
    }
    let names = lock.architectures.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(",");
    Err(Failure::Usage(format!(
        "the lock is for {names}; say --arch {names} too, or update all of it with --update alone"
    )))
}

/// Whether an entry of the lock that this run did not ask for stays. What a description asks for is known, and what it no longer asks
/// for goes; without one, somebody else may want it.
fn is_kept(name: &Reference, args: &CreateArgs, request: &Request, wanted: Option<&Wanted>) -> bool {
    let Some(wanted) = wanted.filter(|_| args.updates_all()) else { return true };
    wanted
        .binaries(&request.pull.architectures)
        .iter()
        .any(|binary| binary.reference().is_ok_and(|binary| binary == *name))
}

/// The lock, where there is one.
fn read_lock(path: &Path) -> Result<Option<Lock>, Failure> {
    match Lock::read(path) {
        Ok(lock) => Ok(Some(lock)),
        Err(LockError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failure::lock(error)),
    }
}

fn read_receipt(path: &Path) -> Result<Receipt, Failure> {
    let bytes = read_small(path, RECEIPT_LIMIT)?;
    Receipt::parse(&bytes).map_err(|error| Failure::images(Trouble::Input, format!("{}: {error}", path.display())))
}

/// Writes the lock where it is new, and says what changed.
fn keep_lock(args: &CreateArgs, old: Option<&Lock>, new: &Lock, console: &Console) -> Result<(), Failure> {
    if old.is_some() && args.update.is_none() {
        return Ok(());
    }
    let changes = old.map(|old| old.changes(new)).unwrap_or_default();
    changes.iter().for_each(|change| console.say(&change.to_string()));
    new.write(&args.lock).map_err(failure::archive)
}

/// Prints each thing that could not be had; the summary is the failure's.
fn told(error: CreateError, console: &Console) -> Failure {
    match &error {
        CreateError::Incomplete { images, binaries } => {
            failures::tell(images.iter().map(Told::from).chain(binaries.iter().map(Told::from)), console);
        }
        CreateError::LockDiffers(changes) => changes.iter().for_each(|change| console.error(&change.to_string())),
        _ => {}
    }
    failure::create(error)
}

fn tell(
    created: &Created,
    place: &Path,
    proof: Option<&Proof>,
    args: &CreateArgs,
    console: &Console,
) -> Result<(), Failure> {
    for (reference, architecture) in &created.lacking {
        console.warn(&format!("{reference} is not made for {architecture}"));
    }
    for layer in &created.foreign {
        console.warn(&format!("the layer {layer} may only be had from its owner, and is not in the bundle"));
    }
    if console.is_json() {
        return console.json(&json!({
            "path": place.display().to_string(),
            "bundle": created.manifest,
            "chunks": created.chunks,
            "referrers": created.referrers,
            "receivedBytes": created.received,
            "gaps": proof.map(proof::gaps),
        }));
    }
    let manifest = &created.manifest;
    let is_attached = |name: &&String| name.parse().is_ok_and(|reference| is_attached(&reference));
    let files = manifest.images.keys().filter(|name| is_file(name)).count();
    let attached = manifest.images.keys().filter(is_attached).count();
    let images = plural(manifest.images.len() - files - attached, "image");
    let held = if files == 0 { images } else { format!("{images} and {}", plural(files, "file")) };
    console.say(&format!(
        "*{}* holds {held} for {}: {}, {} ({} came over the network)",
        place.display(),
        manifest.architectures.join(" and "),
        plural(usize::try_from(manifest.blobs).unwrap_or(usize::MAX), "blob"),
        human(manifest.bytes),
        human(created.received),
    ));
    if args.referrers {
        console.say(&match created.referrers {
            0 => {
                "Nothing refers to these images where they came from: no signature, no SBOM, no attestation.".to_owned()
            }
            count => format!("It brings {count} signatures, SBOMs and attestations of these images."),
        });
    }
    if let Some(since) = &manifest.since {
        console.say(&format!("It stands on {} that a registry has.", plural(since.absent.len(), "blob")));
    }
    if let Some(chunks) = &created.chunks {
        let parity = match chunks.parity.len() {
            0 => String::new(),
            count => format!("; any {count} of all may be lost"),
        };
        console.say(&format!("It is cut into {}{parity}.", plural(chunks.chunks.len(), "chunk")));
    }
    Ok(())
}

/// Reads `amd64` or `arm64`.
pub(crate) fn architecture(text: &str) -> Result<Architecture, String> {
    let names = || Architecture::ALL.iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" or ");
    Architecture::ALL.iter().copied().find(|one| one.as_str() == text).ok_or_else(|| format!("write {}", names()))
}
