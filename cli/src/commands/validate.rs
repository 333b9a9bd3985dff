//! `kfimg validate`: every problem of a description, what it resolves to, or how its nodes stand in the CIS benchmark.

mod cis;

use super::description;
use crate::args::Layers;
use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use jiff::Timestamp;
use kfimg_pki::inventory;
use kfimg_profiles::load::Loaded;
use serde_json::json;
use std::path::PathBuf;

/// Arguments of `kfimg validate`.
#[derive(Args, Debug)]
pub(crate) struct ValidateArgs {
    #[command(flatten)]
    layers: Layers,
    /// Print every setting with its value and the layer that it came from
    #[arg(long)]
    explain: bool,
    /// Hold what every node gets against the CIS Kubernetes Benchmark 1.12
    #[arg(long, conflicts_with = "explain")]
    cis: bool,
    /// Checks that you do without, YAML: `waivers: [{id: 4.2.10, reason: …}]`
    #[arg(long, value_name = "FILE", requires = "cis")]
    cis_waivers: Option<PathBuf>,
    /// Print the checks of the benchmark, and judge nothing
    #[arg(long, conflicts_with = "explain")]
    list_checks: bool,
}

/// Checks the description and says what it found.
pub(crate) fn run(args: &ValidateArgs, console: &Console) -> Result<(), Failure> {
    if args.list_checks {
        return cis::list(console);
    }
    if args.cis {
        return cis::run(&args.layers, args.cis_waivers.as_deref(), console);
    }
    let loaded = description::load(&args.layers, console)?;
    description::check_authorities(&inventory::request(&loaded.cluster), Timestamp::now(), console)?;
    if args.explain {
        return explain(&loaded, console);
    }
    // What is in manifests is read by whoever finds images in them.
    super::render::questions(&loaded.cluster)?;
    if console.is_json() {
        let mut report = loaded.report;
        report.extend(loaded.notes);
        return console.problems(&report, &loaded.sources);
    }
    console.problems(&loaded.notes, &loaded.sources)?;
    let cluster = &loaded.cluster;
    let machines = description::head_count(cluster);
    console.say(&format!(
        "*{}* is valid: Kubernetes {}, {machines}, endpoint {}.",
        cluster.name,
        cluster.version,
        cluster.endpoint_url()
    ));
    Ok(())
}

fn explain(loaded: &Loaded, console: &Console) -> Result<(), Failure> {
    let settings = loaded.explain();
    if console.is_json() {
        let rows: Vec<_> = settings
            .iter()
            .map(|setting| json!({"path": setting.path, "value": setting.value, "origin": setting.origin}))
            .collect();
        return console.json(&rows);
    }
    let rows = settings.into_iter().map(|setting| [setting.path, setting.value, setting.origin]);
    console.columns(["SETTING", "VALUE", "FROM"], rows)
}
