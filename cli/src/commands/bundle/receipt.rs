//! `kfimg bundle receipt`: what a site's registry has, for a bundle that holds only the rest.

use super::failure;
use super::registries::RegistryArgs;
use super::wanted;
use crate::args::Layers;
use crate::commands::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use clap::Args;
use kfimg_images::Reference;
use kfimg_images::content::Content;
use kfimg_images::push::Prefix;
use kfimg_images::receipt::{Event, Options, Receipt, references, take, take_all};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments of `kfimg bundle receipt`.
#[derive(Args, Debug)]
pub(crate) struct ReceiptArgs {
    #[command(flatten)]
    layers: Layers,
    /// Path below which the registry keeps the mirror
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    prefix: Prefix,
    /// Bundle whose images are asked for [default: all that the registry's catalog lists below the prefix, unless a cluster is described]
    #[arg(long, value_name = "PATH")]
    bundle: Option<PathBuf>,
    /// File to write
    #[arg(short, long, value_name = "FILE", default_value = "receipt.json")]
    output: PathBuf,
    #[command(flatten)]
    registries: RegistryArgs,
}

/// Asks the registry and writes the receipt.
pub(crate) fn run(args: &ReceiptArgs, console: &Console) -> Result<(), Failure> {
    let Some(registry) = &args.layers.registry else {
        return Err(Failure::Usage("say which registry is asked: --registry HOST[:PORT]".to_owned()));
    };
    let asked = asked(args, console)?;
    let stop = interrupt::stop_soon(console);
    let client = args.registries.open(stop.clone())?.client(registry).map_err(failure::registry)?;
    let options = Options { prefix: args.prefix.clone(), workers: args.registries.workers(), stop };
    let notice = |event: Event<'_>| match event {
        Event::LeftOut { repository, reference, error } => {
            console.warn(&format!("{repository}:{reference} is left out: {error}"));
        }
        Event::Limited { repository, limit } => {
            console.warn(&format!("{repository} has more than {limit} tags; the others are left out"));
        }
        _ => {}
    };
    let taken = match &asked {
        Some(asked) => take(&client, asked, &options, &notice),
        None => take_all(&client, &options, &notice),
    };
    let receipt = taken.map_err(failure::receipt)?;
    crate::output::replace(&args.output, &receipt.to_bytes()).map_err(Failure::io("writing", &args.output))?;
    tell(&receipt, &args.output, console)
}

/// The references whose repositories are asked for; `None`: whatever the registry lists.
fn asked(args: &ReceiptArgs, console: &Console) -> Result<Option<Vec<Reference>>, Failure> {
    let described = wanted::of_layers(&args.layers, console)?;
    let bundle = args.bundle.as_deref().map(Content::open).transpose()?;
    if described.is_none() && bundle.is_none() {
        return Ok(None);
    }
    let mut asked = described.as_ref().map(wanted::Wanted::references).unwrap_or_default();
    asked.extend(bundle.iter().flat_map(references));
    Ok(Some(asked))
}

fn tell(receipt: &Receipt, path: &Path, console: &Console) -> Result<(), Failure> {
    let held = receipt.repositories();
    let images: usize = held.values().map(|one| one.tags.len()).sum();
    let blobs: usize = held.values().map(|one| one.manifests.len() + one.blobs.len()).sum();
    if console.is_json() {
        return console
            .json(&json!({"id": receipt.id(), "registry": receipt.registry(), "tags": images, "blobs": blobs}));
    }
    console.say(&format!(
        "*{}*: of {}, {} has {} and {}",
        path.display(),
        plural(held.len(), "image"),
        receipt.registry(),
        plural(images, "tag"),
        plural(blobs, "blob"),
    ));
    Ok(())
}
