//! `kfimg bundle repair`: rebuilds chunks that were lost or damaged on their way.

use super::failure;
use super::opened::BundleArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::progress::Progress;
use clap::Args;
use kfimg_images::archive::Writing;
use kfimg_images::content::Content;
use kfimg_images::parity::rebuild;
use serde_json::json;

/// Arguments of `kfimg bundle repair`.
#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    #[command(flatten)]
    bundle: BundleArgs,
}

/// Rehashes all chunks and rebuilds what is wrong.
pub(crate) fn run(args: &RepairArgs, console: &Console) -> Result<(), Failure> {
    let path = &args.bundle.bundle;
    if !args.bundle.is_chunks() {
        return Err(Failure::Usage(format!(
            "{} is no NAME.chunks.json; what is damaged in a folder is fetched again by `kfimg bundle create`",
            path.display()
        )));
    }
    let set = Content::chunk_manifest(path)?;
    let progress = Progress::new(console, "hashing");
    progress.expect(set.total());
    let count = |bytes| progress.advance(bytes);
    let writing = Writing { progress: &count, stop: stop_on_signals(), ..Writing::default() };
    let rebuilt = rebuild(path, &writing).map_err(failure::parity)?;
    drop(progress);
    if console.is_json() {
        return console.json(&json!({"chunks": rebuilt.chunks, "parity": rebuilt.parity}));
    }
    let names: Vec<&str> = rebuilt.chunks.iter().chain(&rebuilt.parity).map(String::as_str).collect();
    match names[..] {
        [] => console.say("Every chunk is sound; nothing was to be done."),
        _ => console.say(&format!("Rebuilt *{}*.", names.join(", "))),
    }
    Ok(())
}
