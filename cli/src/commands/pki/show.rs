//! `kfimg pki show`: every certificate of a cluster.

use crate::args::{Layers, StateFolder};
use crate::commands::description;
use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use jiff::Timestamp;
use kfimg_pki::{Row, State};

/// Arguments of `kfimg pki show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    state: StateFolder,
}

/// Reads the state and prints its certificates; changes nothing.
pub(crate) fn run(args: &ShowArgs, console: &Console) -> Result<(), Failure> {
    let folder = match &args.state.folder {
        Some(folder) => folder.clone(),
        None => description::state_folder(&args.layers, &args.state, console)?,
    };
    let now = Timestamp::now();
    let state = State::open_existing(&folder)?;
    let rows = state.summary(now);
    if console.is_json() {
        return console.json(&rows);
    }
    if console.is_verbose() { wide_table(&rows, console) } else { table(&rows, console) }
}

fn table(rows: &[Row], console: &Console) -> Result<(), Failure> {
    let cells = rows.iter().map(|row| {
        let node = row.node.clone().unwrap_or_else(|| "-".to_owned());
        let end = row.not_after.strftime("%Y-%m-%d").to_string();
        [node, row.name.clone(), row.subject.clone(), end, row.days_left.to_string(), row.algorithm.clone()]
    });
    console.columns(["NODE", "CERTIFICATE", "SUBJECT", "ENDS", "DAYS", "KEY"], cells)
}

/// With what a certificate is recognised by.
fn wide_table(rows: &[Row], console: &Console) -> Result<(), Failure> {
    let cells = rows.iter().map(|row| {
        let node = row.node.clone().unwrap_or_else(|| "-".to_owned());
        let (begin, end) = (row.not_before.to_string(), row.not_after.to_string());
        [node, row.name.clone(), row.issuer.clone(), begin, end, row.sha256.clone(), row.names.join(" ")]
    });
    console.columns(["NODE", "CERTIFICATE", "ISSUER", "BEGINS", "ENDS", "SHA-256", "NAMES"], cells)
}
