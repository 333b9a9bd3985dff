//! What govc needs to make a cluster's machines in vSphere: a script for all, an import specification for each.
//!
//! Sources: govmomi `cli/vm/change.go`, `cli/vm/clone.go` and `cli/importx/` (v0.52.0).

use crate::payload::{ENCODING, Guestinfo};
use kfimg_profiles::cluster::{Cluster, Node};
use kfimg_profiles::description::GuestinfoTransport;
use serde::Deserialize;
use serde_json::json;

const SCRIPT: &str = include_str!("deploy.sh");

/// `vmware/deploy.sh`: the same for every cluster but for its machines. It reads the values of a machine from files beside
/// it, `<node>/<key>`.
pub fn deploy_script(cluster: &Cluster) -> String {
    let transport = match cluster.delivery.guestinfo_transport {
        GuestinfoTransport::ExtraConfig => "extra-config",
        GuestinfoTransport::OvfProperties => "ovf-properties",
    };
    let machine = |node: &Node| {
        let mac = node.mac.map_or_else(|| "-".to_owned(), |mac| mac.to_string());
        format!("{} {mac}", node.name)
    };
    let machines: Vec<String> = cluster.nodes.iter().map(machine).collect();
    SCRIPT
        .replace("@CLUSTER@", &cluster.name)
        .replace("@TRANSPORT@", transport)
        .replace("@MACHINES@", &machines.join("\n"))
}

/// `vmware/<node>/import.json`: how govc imports the appliance with the values as vApp properties. It is as secret as they
/// are.
pub fn import_specification(node: &str, values: &[Guestinfo]) -> String {
    let property = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    let properties: Vec<serde_json::Value> = values
        .iter()
        .flat_map(|value| [property(value.key, &value.value), property(&format!("{}.encoding", value.key), ENCODING)])
        .collect();
    let specification = json!({
        "Name": node,
        "DiskProvisioning": "thin",
        "PowerOn": false,
        "InjectOvfEnv": true,
        "PropertyMapping": properties,
    });
    format!("{specification:#}\n")
}

/// What is read of an import specification.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Specification {
    property_mapping: Vec<Property>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Property {
    key: String,
    value: String,
}

/// The properties of an import specification that [`import_specification`] made, key and value; none of any other text.
pub fn imported_values(specification: &[u8]) -> Vec<(String, String)> {
    let specification: Option<Specification> = serde_json::from_slice(specification).ok();
    let properties = specification.into_iter().flat_map(|specification| specification.property_mapping);
    properties.map(|property| (property.key, property.value)).collect()
}

/// The value of one of them; [`None`] when there is none.
pub fn imported_value(specification: &[u8], key: &str) -> Option<String> {
    imported_values(specification).into_iter().find(|(found, _)| found == key).map(|(_, value)| value)
}
