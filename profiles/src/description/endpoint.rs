//! The API endpoint: how people and machines outside the cluster reach the control plane.

use super::values::Addresses;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The API endpoint. It always answers on port 6443.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Endpoint {
    /// Who holds the endpoint's address.
    pub mode: EndpointMode,
    /// The endpoint's address; for two families an IPv4 and an IPv6 one with a comma between.
    pub address: Option<Addresses>,
    /// A DNS name of the endpoint. The administrator's kubeconfig uses it instead of the address.
    pub name: Option<String>,
    /// Settings of mode `vip`.
    pub vip: Vip,
}

/// Who holds the endpoint's address.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EndpointMode {
    /// keepalived on the control planes (VRRP, unicast).
    Vip,
    /// Nobody: the address of the only control plane.
    #[default]
    Node,
    /// A load balancer that someone else runs.
    External,
}

/// keepalived.
#[derive(Clone, Debug, Default, Deserialize, Hash, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Vip {
    /// VRRP virtual router id, 1 to 255. Left out, it derives from the address.
    pub virtual_router_id: Option<u16>,
    /// Ids that other VRRP routers of this network use already.
    pub reserved_virtual_router_ids: Vec<u16>,
    /// Image of keepalived, instead of the catalog's.
    pub image: Option<String>,
}
