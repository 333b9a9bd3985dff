//! `kfimg bundle push`: brings a bundle into a site's registry.

use super::failure;
use super::failures::{self, Told};
use super::opened::BundleArgs;
use super::registries::RegistryArgs;
use crate::commands::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Progress;
use crate::size::human;
use clap::Args;
use kfimg_images::push::{Options, Prefix, PushError, Pushed, push};
use serde_json::json;

/// Arguments of `kfimg bundle push`.
#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    #[command(flatten)]
    site: SiteArgs,
    /// Ask for every blob, also below images that are there
    #[arg(long)]
    thorough: bool,
    #[command(flatten)]
    registries: RegistryArgs,
}

/// The registry that mirrors the upstream ones, as <REGISTRY>/<PREFIX>/<upstream host>/<repository>.
#[derive(Args, Clone, Debug)]
pub(crate) struct SiteArgs {
    /// Registry of the site
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) registry: String,
    /// Path below which it keeps the mirror
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub(super) prefix: Prefix,
}

/// Pushes what is not there yet.
pub(crate) fn run(args: &PushArgs, console: &Console) -> Result<(), Failure> {
    let content = args.bundle.open()?;
    let stop = interrupt::stop_soon(console);
    let client = args.registries.open(stop.clone())?.client(&args.site.registry).map_err(failure::registry)?;
    let options =
        Options { prefix: args.site.prefix.clone(), workers: args.registries.workers(), thorough: args.thorough, stop };
    let pushed = {
        let progress = Progress::new(console, "pushing");
        push(&content, &client, &options, &|event| progress.pushed(event))
    };
    match pushed {
        Ok(pushed) => tell(&pushed, &client.host(), console),
        Err(error) => {
            if let PushError::Incomplete(failures) = &error {
                failures::tell(failures.iter().map(Told::from), console);
            }
            Err(failure::push(error))
        }
    }
}

fn tell(pushed: &Pushed, registry: &str, console: &Console) -> Result<(), Failure> {
    if console.is_json() {
        return console.json(&json!({
            "registry": registry,
            "images": pushed.images.iter().map(|image| json!({
                "name": image.name, "repository": image.repository, "tag": image.tag, "digest": image.digest,
                "wasThere": image.was_there,
            })).collect::<Vec<_>>(),
            "uploaded": pushed.uploaded, "mounted": pushed.mounted, "sent": pushed.sent,
            "unplaced": pushed.unplaced,
        }));
    }
    for digest in &pushed.unplaced {
        console.warn(&format!("{digest} has no name and refers to nothing in the bundle; it was left out"));
    }
    let there = pushed.images.iter().filter(|image| image.was_there).count();
    console.say(&format!(
        "*{registry}* has {}, {there} of them from before: {} uploaded, {} mounted, {} sent",
        plural(pushed.images.len(), "image"),
        plural(usize::try_from(pushed.uploaded).unwrap_or(usize::MAX), "blob"),
        pushed.mounted,
        human(pushed.sent),
    ));
    Ok(())
}
