//! `kfimg images`: every image that the nodes will ask for.

use super::{description, render};
use crate::args::Layers;
use crate::console::Console;
use crate::failure::Failure;
use clap::{Args, ValueEnum};
use kfimg_images::ImageList;

/// Arguments of `kfimg images`.
#[derive(Args, Debug)]
pub(crate) struct ImagesArgs {
    #[command(flatten)]
    layers: Layers,
    /// Print every place that asks for each image
    #[arg(long)]
    why: bool,
    /// Form of the list
    #[arg(long, value_enum, default_value_t = Format::Txt, value_name = "FORMAT")]
    format: Format,
}

/// Form of the list.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    // Columns for people.
    Table,
    // For programs.
    Json,
    // One reference a line.
    Txt,
}

/// Prints the list; needs no state and writes nothing.
pub(crate) fn run(args: &ImagesArgs, console: &Console) -> Result<(), Failure> {
    let loaded = description::load_with_charts(&args.layers, console)?;
    render::questions(&loaded.cluster)?.iter().for_each(|question| console.warn(&question.to_string()));
    let images = render::images(&loaded.cluster, console)?;
    match args.format {
        _ if console.is_json() => console.json(&images),
        Format::Json => console.json(&images),
        Format::Table => table(&images, args.why, console),
        Format::Txt if args.why => console.result(&images.to_text_with_reasons()),
        Format::Txt => console.result(&images.to_text()),
    }
}

fn table(images: &ImageList, why: bool, console: &Console) -> Result<(), Failure> {
    if !why {
        return console.columns(["IMAGE"], images.references().map(|reference| [reference.to_string()]));
    }
    console.columns(
        ["IMAGE", "NEEDED BY", "REASON"],
        images.rows().into_iter().map(|row| [row.image, row.needed_by, row.reason]),
    )
}
