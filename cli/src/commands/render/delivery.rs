//! What brings payloads to machines: boot scripts and a script for vSphere; and whether payloads fit into their channels.

use super::super::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use crate::output::{FileRecord, Manifest, PayloadFile, Secrecy, Staging};
use crate::report::Limits;
use kfimg_ignition::delivery::{boot_scripts, deploy_script, dnsmasq, imported_values};
use kfimg_profiles::cluster::{Cluster, Delivery};
use kfimg_profiles::description::{Channel, GuestinfoTransport};
use std::collections::BTreeMap;
use std::path::Path;

/// Files of an output by path.
pub(super) type Files = BTreeMap<String, FileRecord>;

/// Writes what belongs to no single payload.
pub(super) fn write(cluster: &Cluster, staging: &Staging) -> Result<(), Failure> {
    if cluster.delivery.has(Channel::Pxe) {
        for file in boot_scripts(cluster) {
            staging.write(&file.path, file.content.as_bytes(), Secrecy::Public)?;
        }
        staging.write("pxe/dnsmasq.conf", dnsmasq(cluster).as_bytes(), Secrecy::Public)?;
    }
    if cluster.delivery.has(Channel::Guestinfo) {
        staging.write("vmware/deploy.sh", deploy_script(cluster).as_bytes(), Secrecy::Program)?;
    }
    Ok(())
}

/// The files of the output with what they have to be measured by: in place of an import specification each of its values, as
/// `import.json KEY`.
///
/// # Errors
/// When a specification that was just written can't be read.
pub(super) fn measured(cluster: &Cluster, staging: &Staging) -> Result<Files, Failure> {
    let mut files = staging.files();
    if cluster.delivery.guestinfo_transport != GuestinfoTransport::OvfProperties {
        return Ok(files);
    }
    for node in &cluster.nodes {
        let path = PayloadFile::ImportSpecification.path(&node.name);
        let Some(record) = files.remove(&path) else { continue };
        let specification = staging.read(&path).map_err(Failure::io("reading", Path::new(&path)))?;
        let is_large = |(key, _): &(String, String)| !key.ends_with(".encoding");
        for (key, value) in imported_values(&specification).into_iter().filter(is_large) {
            files.insert(format!("{path} {key}"), FileRecord { size: value.len() as u64, ..record.clone() });
        }
    }
    Ok(files)
}

/// Says every payload that is too large for its channel; goes on when there are warnings only. `files` are the measured ones.
pub(super) fn check_limits(
    delivery: &Delivery,
    manifest: &Manifest,
    files: &Files,
    console: &Console,
) -> Result<(), Failure> {
    let measured = Measured { delivery, manifest, files };
    let is_refused = delivery.guestinfo_transport == GuestinfoTransport::OvfProperties;
    let mut errors = 0;
    for problem in measured.values_over().into_iter().chain(measured.machines_over()) {
        if is_refused {
            console.error(&problem);
            errors += 1;
        } else {
            console.warn(&problem);
        }
    }
    for problem in measured.user_data_over() {
        console.error(&problem);
        errors += 1;
    }
    match errors {
        0 => Ok(()),
        count => Err(Failure::TooLarge {
            summary: format!("{} too large for the channel; nothing was written", plural(count, "payload")),
        }),
    }
}

/// What the channels take, for the page that shows it.
pub(super) fn limits(delivery: &Delivery) -> Limits {
    Limits {
        value: delivery.guestinfo_limit,
        machine: delivery.guestinfo_machine_limit,
        user_data: delivery.user_data_limit,
    }
}

/// The guestinfo values of an output: node, key, bytes.
pub(super) fn guestinfo_values(files: &Files) -> impl Iterator<Item = (&str, &str, u64)> {
    files.iter().filter_map(|(path, record)| {
        let (node, file) = path.strip_prefix("vmware/")?.split_once('/')?;
        Some((node, file, record.size))
    })
}

/// Payloads and their limits.
struct Measured<'a> {
    delivery: &'a Delivery,
    manifest: &'a Manifest,
    files: &'a Files,
}

impl Measured<'_> {
    /// What to do about a node's payload that is too large. What can be left to a boot server has been left to it, where there is one.
    fn smaller(&self, node: &str) -> &'static str {
        let fetches = self.manifest.nodes.get(node).is_some_and(|record| !record.fetched.is_empty());
        match (&self.delivery.boot_server, fetches) {
            (Some(_), true) => {
                "what can be fetched from `delivery.bootServer` is left out already; raise the limit, bring it by another channel, or \
                 move manifests with Secrets into a cluster that runs"
            }
            (Some(_), false) => {
                "nothing of it can be fetched from `delivery.bootServer`; raise the limit, or bring it by another channel"
            }
            (None, _) => {
                "move manifests and charts into a cluster that runs, or name a `delivery.bootServer` that nodes fetch them from"
            }
        }
    }

    fn values_over(&self) -> Vec<String> {
        let limit = self.delivery.guestinfo_limit;
        let over = guestinfo_values(self.files).filter(|(.., bytes)| *bytes > limit);
        over.map(|(node, key, bytes)| {
            let smaller = self.smaller(node);
            format!("{node}: {key} has {bytes} bytes; VMware takes {limit} (`delivery.guestinfo.limit`): {smaller}")
        })
        .collect()
    }

    fn machines_over(&self) -> Vec<String> {
        let mut machines: BTreeMap<&str, u64> = BTreeMap::new();
        guestinfo_values(self.files).for_each(|(node, _, bytes)| *machines.entry(node).or_default() += bytes);
        let limit = self.delivery.guestinfo_machine_limit;
        let over = machines.into_iter().filter(|(_, bytes)| *bytes > limit);
        over.map(|(node, bytes)| {
            format!(
                "{node}: its guestinfo has {bytes} bytes; a virtual machine's configuration takes {limit} \
                 (`delivery.guestinfo.machineLimit`): {}",
                self.smaller(node)
            )
        })
        .collect()
    }

    fn user_data_over(&self) -> Vec<String> {
        let Some(limit) = self.delivery.user_data_limit else { return Vec::new() };
        let node_files = self.files.iter().filter_map(|(path, record)| {
            let (node, file) = path.strip_prefix("nodes/")?.split_once('/')?;
            Some((node, file, record.size))
        });
        let is_over = |file: &str, bytes: u64| matches!(file, "ignition.json" | "user-data") && bytes > limit;
        let over = node_files.filter(|(_, file, bytes)| is_over(file, *bytes));
        over.map(|(node, file, bytes)| {
            let smaller = self.smaller(node);
            format!("{node}: {file} has {bytes} bytes; `delivery.userDataLimit` is {limit}: {smaller}")
        })
        .collect()
    }
}
