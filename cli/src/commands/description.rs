//! Loading the description for the commands that need one.

use super::charts;
use crate::args::{Layers, StateFolder};
use crate::console::Console;
use crate::failure::Failure;
use jiff::Timestamp;
use kfimg_pki::Request;
use kfimg_profiles::cluster::Cluster;
use kfimg_profiles::description::Role;
use kfimg_profiles::load::{self, Inputs, Loaded};
use std::path::PathBuf;

/// Loads the description, prints its problems, and goes on only when none of them is an error.
pub(super) fn load(layers: &Layers, console: &Console) -> Result<Loaded, Failure> {
    let inputs = Inputs {
        profile: layers.profile.clone(),
        sites: layers.sites.clone(),
        inventory: layers.inventory.clone(),
        sets: layers.sets.clone(),
        registry: layers.registry.clone(),
        resolve: layers.resolve,
        folder: PathBuf::new(),
    };
    match load::load(&inputs) {
        Ok(loaded) => {
            if !console.is_json() {
                console.problems(&loaded.report, &loaded.sources)?;
            }
            Ok(loaded)
        }
        Err(failed) => {
            console.problems(&failed.report, &failed.sources)?;
            Err(Failure::Description { summary: summary(failed.report.counts()), missing_input: failed.missing_input })
        }
    }
}

/// As [`load`], with the objects of charts among the manifests: for whoever asks which images there are.
pub(super) fn load_with_charts(layers: &Layers, console: &Console) -> Result<Loaded, Failure> {
    let mut loaded = load(layers, console)?;
    charts::render(&mut loaded.cluster, console)?;
    Ok(loaded)
}

/// Examines the authorities that the description brings and the windows of certificates; prints every problem.
pub(super) fn check_authorities(request: &Request, now: Timestamp, console: &Console) -> Result<(), Failure> {
    let problems = kfimg_pki::check(request, now);
    problems.iter().for_each(|problem| console.error(&problem.to_string()));
    match problems.len() {
        0 => Ok(()),
        errors => Err(Failure::Description { summary: summary((errors, 0)), missing_input: false }),
    }
}

/// The state folder of the cluster that the layers describe.
pub(super) fn state_folder(layers: &Layers, state: &StateFolder, console: &Console) -> Result<PathBuf, Failure> {
    Ok(state.of(&load(layers, console)?.cluster.name))
}

/// `3 control planes, 2 workers`; where etcd has machines of its own, these too.
pub(super) fn head_count(cluster: &Cluster) -> String {
    let count = |role| cluster.nodes.iter().filter(|node| node.role == role).count();
    let etcd = match count(Role::Etcd) {
        0 => String::new(),
        etcd => format!("{}, ", plural(etcd, "etcd node")),
    };
    format!("{etcd}{}, {}", plural(count(Role::ControlPlane), "control plane"), plural(count(Role::Worker), "worker"))
}

/// `1 file`, `2 files`.
pub(super) fn plural(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// What the last line of a refusal says.
pub(super) fn summary((errors, warnings): (usize, usize)) -> String {
    let warned = if warnings == 0 { String::new() } else { format!(" and {}", plural(warnings, "warning")) };
    format!("the description has {}{warned}; nothing was written", plural(errors, "error"))
}
