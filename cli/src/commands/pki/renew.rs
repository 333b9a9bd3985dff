//! `kfimg pki renew`: certificates issued anew, with new keys, for the next render to hand out.
//!
//! It writes the state and no payload.

use crate::args::{Layers, StateFolder};
use crate::commands::description::{self, plural};
use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use jiff::Timestamp;
use kfimg_pki::{Error, Renewed, State, inventory};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::document::did_you_mean;
use std::collections::BTreeSet;

/// Arguments of `kfimg pki renew`.
#[derive(Args, Debug)]
pub(crate) struct RenewArgs {
    /// Nodes whose certificates are renewed; none: those of all nodes and the administrator's
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    state: StateFolder,
}

/// Renews certificates in the state.
pub(crate) fn run(args: &RenewArgs, console: &Console) -> Result<(), Failure> {
    let cluster = description::load(&args.layers, console)?.cluster;
    let nodes = known_nodes(&args.nodes, &cluster)?;
    let now = Timestamp::now();
    let request = inventory::request(&cluster);
    description::check_authorities(&request, now, console)?;
    let folder = args.state.of(&cluster.name);
    let state = State::open_existing(&folder)?;
    if state.cluster() != cluster.name {
        let (found, wanted) = (state.cluster().to_owned(), cluster.name);
        return Err(Error::OtherCluster { path: folder, found, wanted }.into());
    }
    let (mut state, renewed) = state.renew(&request, &nodes, now)?;
    state.commit()?;
    if console.is_json() {
        return console.json(&renewed);
    }
    lines(&renewed).iter().for_each(|line| console.say(line));
    Ok(())
}

fn known_nodes(names: &[String], cluster: &Cluster) -> Result<BTreeSet<String>, Failure> {
    let Some(unknown) = names.iter().find(|name| cluster.node(name).is_none()) else {
        return Ok(names.iter().cloned().collect());
    };
    let known = cluster.nodes.iter().map(|node| node.name.as_str());
    let hint = match did_you_mean(unknown, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "name nodes of the description, or none to renew all".to_owned(),
    };
    Err(Failure::Usage(format!("there is no node `{unknown}`; {hint}")))
}

fn lines(renewed: &[Renewed]) -> Vec<String> {
    let nodes: BTreeSet<&String> = renewed.iter().filter_map(|renewed| renewed.node.as_ref()).collect();
    let administrator = renewed.iter().any(|renewed| renewed.node.is_none());
    let end = renewed.iter().map(|renewed| renewed.not_after).min();
    let end = end.map_or_else(String::new, |end| format!("; the first ends {}", end.strftime("%Y-%m-%d")));
    let mut lines = vec![
        format!("Renewed {} of {}{end}.", plural(renewed.len(), "certificate"), plural(nodes.len(), "node")),
        "Next:".to_owned(),
        "  1. kfimg render, with the same description".to_owned(),
        "  2. boot these nodes with their new payloads, *one after the other*".to_owned(),
    ];
    if administrator {
        lines.push("  3. take the new admin.kubeconfig; the old one is good until its end".to_owned());
    }
    lines
}
