//! `kfimg bundle verify`: every byte, whose bundle it is, and whether it is all that a cluster will ask for.

use super::opened::BundleArgs;
use super::sign::{of_file, read_small, signed};
use super::wanted;
use crate::args::Layers;
use crate::commands::description::plural;
use crate::commands::proof;
use crate::console::Console;
use crate::failure::{Failure, Trouble};
use crate::interrupt::end_at_once;
use crate::progress::Progress;
use crate::size::human;
use clap::Args;
use kfimg_images::archive::{ChunkReport, ChunkState, verify_chunks};
use kfimg_images::content::{Chunk, Content};
use kfimg_images::proof::Proof;
use kfimg_images::sign::{KEY_LIMIT, SIGNATURE_LIMIT, VerifyingKey};
use kfimg_images::verify::{Report, verify, verify_chunked};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg bundle verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    /// Public key in PEM that must have signed the bundle
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The signature [default: the bundle's path with .sig]
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    #[command(flatten)]
    layers: Layers,
}

/// Verifies all, and tells all that is wrong.
pub(crate) fn run(args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let wanted = wanted::of_layers(&args.layers, console)?;
    end_at_once(console);
    // What is not there is told before hours of hashing.
    let signature = args.key.as_ref().map(|key| Signature::read(key, args)).transpose()?;
    let content = open(args, console)?;
    let signature = signature.map_or(Ok(()), |signature| signature.check(&content));
    if content.manifest().is_none() {
        console.warn(&format!(
            "{} has no bundle.json: it is not finished, or another program made it",
            content.place().display()
        ));
    }
    let (chunks, report) = hash(&content, args, console)?;
    let proof = wanted.as_ref().map(|wanted| wanted.prove(&content)).transpose()?;
    if console.is_json() {
        console.json(&as_json(&report, chunks.as_ref(), proof.as_ref()))?;
    } else {
        tell(&report, console);
    }
    let proven = proof.as_ref().map_or(Ok(()), |proof| proof::judge(proof, console));
    signature?;
    proven?;
    judge(&report, args, console)?;
    if let (Some(wanted), Some(proof)) = (wanted, proof) {
        let (nodes, images) = (plural(wanted.nodes(), "node"), plural(proof.pins.len(), "image"));
        console.say(&format!("It holds every image that *{nodes}* will ask for: {images}"));
    }
    Ok(())
}

/// Opens the bundle. Without a chunk it may not open: then all that are lost are told.
fn open(args: &VerifyArgs, console: &Console) -> Result<Content, Failure> {
    args.bundle.open().or_else(|error| {
        if args.bundle.is_chunks() {
            let set = Content::chunk_manifest(&args.bundle.bundle)?;
            let progress = Progress::new(console, "hashing");
            progress.expect(set.total());
            let report = verify_chunks(&args.bundle.bundle, &|bytes| progress.advance(bytes))?;
            drop(progress);
            judge_chunks(&report, args, console)?;
        }
        Err(error)
    })
}

/// Hashes everything; where a chunk is lost or damaged, that alone is told.
fn hash(content: &Content, args: &VerifyArgs, console: &Console) -> Result<(Option<ChunkReport>, Report), Failure> {
    let progress = Progress::new(console, "hashing");
    let count = |bytes| progress.advance(bytes);
    if !args.bundle.is_chunks() {
        progress.expect(content.blobs().map(|(_, extent)| extent.size()).sum());
        return Ok((None, verify(content, &count)));
    }
    progress.expect(Content::chunk_manifest(&args.bundle.bundle)?.total());
    let (chunks, report) = verify_chunked(content, &count)?;
    drop(progress);
    judge_chunks(&chunks, args, console)?;
    Ok((Some(chunks), report))
}

fn judge_chunks(report: &ChunkReport, args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let path = args.bundle.bundle.display();
    let (is_sound, faults) = (report.is_sound(), faults(report));
    match (console.is_json(), is_sound) {
        // The whole report names them.
        (true, true) => {}
        (true, false) => console.json(&json!({ "chunkFaults": faults }))?,
        (false, true) => {
            for fault in &faults {
                console.warn(&format!("{fault}; nothing needs it now, but one chunk fewer may be lost"));
            }
        }
        (false, false) => faults.iter().for_each(|fault| console.error(fault)),
    }
    if is_sound {
        return Ok(());
    }
    let remedy = if report.can_be_rebuilt() {
        format!("`kfimg bundle repair --bundle {path}` rebuilds them from parity chunks")
    } else {
        "there are not enough parity chunks to rebuild them; copy them again".to_owned()
    };
    Err(Failure::images(Trouble::Verification, format!("some chunks are lost or damaged; {remedy}")))
}

/// What is wrong with which chunk, parity chunks last.
fn faults(report: &ChunkReport) -> Vec<String> {
    let files = report.manifest.chunks.iter().chain(&report.manifest.parity);
    let fault = |(chunk, state): (&Chunk, &ChunkState)| match state {
        ChunkState::Sound => None,
        ChunkState::Missing => Some(format!("{} is missing", chunk.file)),
        ChunkState::Damaged(reason) => Some(format!("{} is damaged: {reason}", chunk.file)),
    };
    files.zip(report.chunks.iter().chain(&report.parity)).filter_map(fault).collect()
}

/// A signature and the key that it must be of.
struct Signature {
    path: PathBuf,
    bytes: zeroize::Zeroizing<Vec<u8>>,
    key: VerifyingKey,
}

impl Signature {
    fn read(key: &Path, args: &VerifyArgs) -> Result<Self, Failure> {
        let path = args.signature.clone().unwrap_or_else(|| args.bundle.signature());
        let key = VerifyingKey::from_pem(&read_small(key, KEY_LIMIT)?).map_err(|error| of_file(key, error))?;
        Ok(Self { bytes: read_small(&path, SIGNATURE_LIMIT)?, key, path })
    }

    fn check(&self, content: &Content) -> Result<(), Failure> {
        self.key.verify(signed(content)?, &self.bytes).map_err(|error| of_file(&self.path, error))
    }
}

fn tell(report: &Report, console: &Console) {
    for problem in &report.problems {
        console.error(problem);
    }
    for finding in &report.findings {
        let breaks = match finding.breaks[..] {
            [] => "nothing refers to it".to_owned(),
            _ => format!("it breaks {}", finding.breaks.join(", ")),
        };
        console.error(&format!("{} {}; {breaks}", finding.digest, finding.fault));
    }
    if !report.unreferenced.is_empty() {
        console.warn(&format!("{} are here that nothing refers to", blobs(report.unreferenced.len())));
    }
    if !report.elsewhere.is_empty() {
        console.say(&format!("It is a delta, and leaves {} to what it stands on.", blobs(report.elsewhere.len())));
    }
}

fn judge(report: &Report, args: &VerifyArgs, console: &Console) -> Result<(), Failure> {
    let place = args.bundle.bundle.display();
    let hashed = format!("{}, {}", blobs(usize::try_from(report.blobs).unwrap_or(usize::MAX)), human(report.bytes));
    if report.is_sound() {
        let signed = if args.key.is_some() { " and signed by that key" } else { "" };
        console.say(&format!("*{place}* is sound{signed}: {hashed}"));
        return Ok(());
    }
    let wrong = plural(report.findings.len() + report.problems.len(), "fault");
    Err(Failure::images(
        Trouble::Verification,
        format!(
            "{place} has {wrong} in {hashed}; where there is a network `kfimg bundle create` fetches again what is damaged, elsewhere copy it again"
        ),
    ))
}

fn blobs(count: usize) -> String {
    plural(count, "blob")
}

fn as_json(report: &Report, chunks: Option<&ChunkReport>, proof: Option<&Proof>) -> serde_json::Value {
    json!({
        "blobs": report.blobs,
        "bytes": report.bytes,
        "problems": report.problems,
        "findings": report.findings.iter().map(|finding| json!({
            "digest": finding.digest, "fault": finding.fault.to_string(), "breaks": finding.breaks,
        })).collect::<Vec<_>>(),
        "elsewhere": report.elsewhere,
        "unreferenced": report.unreferenced,
        "chunks": chunks.map(|report| report.manifest.chunks.len()),
        "chunkFaults": chunks.map(faults),
        "gaps": proof.map(proof::gaps),
    })
}
