//! user-data and meta-data as YAML.

use super::archive::{Archive, Item, archive};
use super::network::NetworkConfig;
use super::script::{condition, script};
use super::users::{User, Users};
use crate::tree::NodeTree;
use serde::Serialize;
use serde_saphyr::LitString;
use std::fmt::Write as _;

/// The user-data. Keys that a distribution's own settings might have stand here too, with what Ignition leaves a node with.
#[derive(Serialize)]
struct CloudConfig<'a> {
    hostname: &'a str,
    fqdn: &'a str,
    preserve_hostname: bool,
    manage_etc_hosts: bool,
    users: Users<'a>,
    bootcmd: [LitString; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    power_state: Option<PowerState>,
}

/// Boots again when all modules have run, once for each instance, and only if it would change anything.
#[derive(Serialize)]
struct PowerState {
    mode: &'static str,
    message: &'static str,
    condition: [String; 3],
}

/// Who a machine is. `dsmode: local` has all modules run before the network starts.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct MetaData<'a> {
    instance_id: &'a str,
    local_hostname: &'a str,
    dsmode: &'static str,
}

impl<'a> MetaData<'a> {
    /// The instance and the node's name.
    pub(super) fn new(instance_id: &'a str, name: &'a str) -> Self {
        Self { instance_id, local_hostname: name, dsmode: "local" }
    }
}

#[derive(Serialize)]
struct Guestinfo<'a> {
    #[serde(flatten)]
    identity: &'a MetaData<'a>,
    network: &'a NetworkConfig<'a>,
}

/// The file `meta-data`.
pub(super) fn meta_data(identity: &MetaData<'_>) -> Vec<u8> {
    yaml(identity).into_bytes()
}

/// The same with the network, as VMware's data source reads it.
pub(super) fn guestinfo_metadata(identity: &MetaData<'_>, network: &NetworkConfig<'_>) -> Vec<u8> {
    yaml(&Guestinfo { identity, network }).into_bytes()
}

/// The file `user-data`.
pub(super) fn user_data(tree: &NodeTree, name: &str) -> Vec<u8> {
    let archive = archive(tree);
    let condition = condition(tree);
    let config = CloudConfig {
        hostname: name,
        fqdn: name,
        preserve_hostname: false,
        manage_etc_hosts: false,
        users: Users(tree.users().map(User::of).collect()),
        bootcmd: [LitString(script(&archive, condition.as_deref()))],
        power_state: condition.map(|condition| PowerState {
            mode: "reboot",
            message: "kfimg: once more, with the data partition",
            condition: ["sh".to_owned(), "-c".to_owned(), format!("! {{ {condition}; }}")],
        }),
    };
    format!("#cloud-config\n{}{}", contents(&archive), yaml(&config)).into_bytes()
}

/// What is in the archive, as comments.
fn contents(archive: &Archive) -> String {
    let mut text = String::from("# In the archive below (mode, owner, bytes, path):\n");
    for Item { mode, owner, size, path } in &archive.items {
        // Characters that YAML takes for the end of a line, and those that it refuses, must not stand in a comment.
        let _ = writeln!(text, "# {mode:04o} {owner} {size:6} {}", path.escape_default());
    }
    text
}

/// A value as YAML. Words that YAML 1.1 reads as something else are quoted.
pub(super) fn yaml(value: &impl Serialize) -> String {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).expect("texts, lists and maps with texts as keys are YAML")
}
