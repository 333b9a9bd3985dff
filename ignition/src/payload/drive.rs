//! Drives from which a machine reads its payload: NoCloud's `CIDATA`, and OpenStack's config drive.
//!
//! Who reads them looks for the label of the file system, whatever the drive is: a disk, a stick, an image in a hypervisor.

use super::cloud_init::{CloudInit, instance_id, named_card};
use super::fat;
use kfimg_profiles::cluster::Node;
use serde_json::json;

/// Where a config drive has the payload.
const USER_DATA: &str = "openstack/latest/user_data";

/// A FAT image, label `CIDATA`, with the files of cloud-init's data source NoCloud.
pub fn nocloud_seed(files: &CloudInit) -> Vec<u8> {
    let CloudInit { user_data, meta_data, network_config, .. } = files;
    let files = [("meta-data", meta_data), ("network-config", network_config), ("user-data", user_data)];
    fat::image(*b"CIDATA     ", &files.map(|(name, content)| (name, content.as_slice())))
}

/// A FAT image, label `config-2`, as OpenStack makes it
/// (<https://docs.openstack.org/nova/latest/user/metadata.html>). cloud-init and Ignition read it, each if `user_data` is its
/// own format; Ignition reads nothing else of it.
pub fn config_drive(node: &Node, user_data: &[u8]) -> Vec<u8> {
    let (id, name) = (instance_id(&node.name, user_data), &node.name);
    // `meta` is where the data source takes the mode from; see `MetaData` for what it does.
    let meta_data = json!({ "hostname": name, "meta": { "dsmode": "local" }, "name": name, "uuid": id });
    let card =
        |(mac, name)| json!({ "ethernet_mac_address": mac, "id": name, "name": name, "type": "phy", "vif_id": null });
    let cards: Vec<_> = named_card(node).map(card).into_iter().collect();
    let network = json!({ "links": cards, "networks": [], "services": [] });
    let [meta_data, network] = [meta_data, network].map(|value| format!("{value}\n").into_bytes());
    fat::image(
        *b"config-2   ",
        &[
            ("openstack/latest/meta_data.json", &meta_data),
            ("openstack/latest/network_data.json", &network),
            (USER_DATA, user_data),
        ],
    )
}

/// The user data of a config drive that [`config_drive`] made; [`None`] when there is none.
pub fn read_config_drive(image: &[u8]) -> Option<Vec<u8>> {
    fat::read(image, USER_DATA)
}
