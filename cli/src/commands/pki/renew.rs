//! `kfimg pki renew`: certificates and keys issued anew, for the next render to hand out.
//!
//! It writes the state and no payload.

use super::rotate;
use crate::args::{Layers, StateFolder};
use crate::commands::description::{self, plural};
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::stop_on_signals;
use crate::steps::Steps;
use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};
use kfimg_pki::{Error, Renewed, Rotated, State, inventory};
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::document::did_you_mean;
use std::collections::BTreeSet;

/// Arguments of `kfimg pki renew`.
#[derive(Args, Debug)]
pub(crate) struct RenewArgs {
    /// Nodes whose certificates are renewed; none: those of all nodes and the administrator's
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// The certificates of nodes and of the administrator, or a key that all control planes share, in three renders
    #[arg(long, value_enum, default_value_t = What::Certificates, value_name = "WHAT")]
    what: What,
    /// Only certificates that end within so many days
    #[arg(long, value_name = "DAYS")]
    before: Option<u32>,
    /// Drop the old key: all control planes have booted with the new one in use
    #[arg(long)]
    drop_old: bool,
    #[command(flatten)]
    layers: Layers,
    #[command(flatten)]
    state: StateFolder,
}

/// What can be renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum What {
    // Those of nodes and of the administrator, each with a new key.
    Certificates,
    // The key that signs service-account tokens.
    ServiceAccount,
    // The key that encrypts Secrets, and whatever else the description names, in etcd.
    Encryption,
}

impl What {
    /// The keys that all control planes share, where it is such.
    fn rotated(self) -> Option<Rotated> {
        match self {
            Self::Certificates => None,
            Self::ServiceAccount => Some(Rotated::ServiceAccount),
            Self::Encryption => Some(Rotated::Encryption),
        }
    }
}

/// Renews certificates or keys in the state.
pub(crate) fn run(args: &RenewArgs, console: &Console) -> Result<(), Failure> {
    check_arguments(args)?;
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
    if let Some(which) = args.what.rotated() {
        let encrypted = &cluster.api_server.encryption.resources;
        let change = rotate::Change { which, policy: &request.policy, encrypted, drop_old: args.drop_old };
        return rotate::run(state, &change, console);
    }
    let end = |days: u32| now.checked_add(SignedDuration::from_hours(24 * i64::from(days))).unwrap_or(Timestamp::MAX);
    let before = args.before.map(end);
    let issuing = Steps::new(console, "issuing certificates", 0).until(&stop_on_signals());
    let (mut state, renewed) = state.renew_watched(&request, &nodes, (before, now), &issuing)?;
    drop(issuing);
    state.commit()?;
    if console.is_json() {
        return console.json(&renewed);
    }
    lines(&renewed, args.before).iter().for_each(|line| console.say(line));
    Ok(())
}

fn check_arguments(args: &RenewArgs) -> Result<(), Failure> {
    let certificates = args.what == What::Certificates;
    if certificates && args.drop_old {
        return Err(Failure::Usage("certificates have no old key to drop; --drop-old goes with --what".to_owned()));
    }
    if !certificates && (!args.nodes.is_empty() || args.before.is_some()) {
        return Err(Failure::Usage("all control planes share these keys: name no node and no --before".to_owned()));
    }
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

fn lines(renewed: &[Renewed], before: Option<u32>) -> Vec<String> {
    if let (Some(days), []) = (before, renewed) {
        return vec![format!("No certificate ends within {days} days; nothing was changed.")];
    }
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
