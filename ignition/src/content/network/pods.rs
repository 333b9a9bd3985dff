//! Interfaces that the network plug-in, kube-proxy and the DNS cache make: networkd and udev leave them alone.

use super::put;
use crate::content::units::Ini;
use crate::content::{Content, ContentError};

/// Names of those interfaces: flannel's and the bridge plug-in's, kube-proxy's, the DNS cache's, and those of the
/// plug-ins that people bring (Calico, Cilium, Antrea, kube-router). A pattern has 15 bytes at most, as a name has: udev
/// drops a longer one.
const NAMES: &str = "cni* flannel* veth* kube-ipvs* kube-bridge* kube-dummy* nodelocaldns* cali* tunl* vxlan.calico* \
                     vxlan-v6.calico wireguard.cali* cilium* lxc* antrea*";

/// Writes a `.network` and a `.link` file. Without the second udev gives `flannel.1` another MAC a moment after flannel
/// has told it to the other nodes (`MACAddressPolicy=persistent` of `99-default.link`), and packets get lost.
pub(super) fn write(content: &mut Content) -> Result<(), ContentError> {
    let unmanaged = Ini::new().section("Match").key("Name", NAMES).section("Link").key("Unmanaged", "yes");
    put(content, "04-kfimg-pods.network", unmanaged)?;
    let link = Ini::new()
        .section("Match")
        .key("OriginalName", NAMES)
        .section("Link")
        .key("NamePolicy", "keep")
        .key("MACAddressPolicy", "none");
    put(content, "04-kfimg-pods.link", link)
}
