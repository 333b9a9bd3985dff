//! `kfimg bundle pack`: the same bundle as one tar or as numbered chunks, without a network.

use super::failure;
use super::opened::BundleArgs;
use super::target::{self, ChunkArgs};
use crate::commands::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::progress::Progress;
use crate::size::human;
use clap::Args;
use kfimg_images::archive::{Writing, tar_size, write_chunks, write_tar};
use kfimg_images::create::Output;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `kfimg bundle pack`.
#[derive(Args, Debug)]
pub(crate) struct PackArgs {
    #[command(flatten)]
    bundle: BundleArgs,
    /// What to write: NAME.tar, or with --chunk-size NAME for chunks
    #[arg(short, long, value_name = "PATH")]
    output: PathBuf,
    #[command(flatten)]
    chunks: ChunkArgs,
}

/// Writes the bundle anew; every byte is verified on its way.
pub(crate) fn run(args: &PackArgs, console: &Console) -> Result<(), Failure> {
    let output = args.chunks.output(&args.output, console)?;
    let content = args.bundle.open()?;
    let progress = Progress::new(console, "packing");
    progress.expect(tar_size(&content));
    let count = |bytes| progress.advance(bytes);
    let writing = Writing { progress: &count, stop: stop_on_signals(), ..Writing::default() };
    let place = target::place(&output, &args.output);
    target::make_parent(&place)?;
    let (size, chunks) = match &output {
        Output::Tar(path) => (write_tar(&content, path, &writing).map_err(failure::archive)?, None),
        Output::Chunks { manifest, options } => {
            let set = write_chunks(&content, manifest, *options, &writing).map_err(failure::archive)?;
            (set.size, Some(set))
        }
        Output::Folder => {
            return Err(Failure::Usage("name NAME.tar, or say how large chunks are: --chunk-size 4095MiB".to_owned()));
        }
    };
    drop(progress);
    if console.is_json() {
        return console.json(&json!({"path": place.display().to_string(), "bytes": size, "chunks": chunks}));
    }
    let files = match &chunks {
        None => "one file".to_owned(),
        Some(set) if set.parity.is_empty() => plural(set.chunks.len(), "chunk"),
        Some(set) => format!("{} and {}", plural(set.chunks.len(), "chunk"), plural(set.parity.len(), "parity chunk")),
    };
    console.say(&format!("*{}*: {files}, {}", place.display(), human(size)));
    Ok(())
}
