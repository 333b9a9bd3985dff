//! When a node counts as online: its own interface has its addresses, and no other card is waited for.

use super::enable_system_unit;
use crate::content::units::Ini;
use crate::content::{Content, ContentError};
use kfimg_profiles::cluster::NodeNetwork;

const UNIT: &str = "systemd-networkd-wait-online.service";
const PATH: &str = "/etc/systemd/system/systemd-networkd-wait-online.service.d/10-kfimg.conf";
/// Without a cable the boot goes on after this many seconds, so that a person at the console sees what is wrong.
const TIMEOUT_SECONDS: u32 = 60;

/// Writes a drop-in: a distribution may have other cards brought up by DHCP, and waiting for those takes minutes where
/// nobody answers.
pub(super) fn write(network: &NodeNetwork, content: &mut Content) -> Result<(), ContentError> {
    let command = [
        "/usr/lib/systemd/systemd-networkd-wait-online".to_owned(),
        format!("--interface={}", network.address_interface()),
        format!("--timeout={TIMEOUT_SECONDS}"),
    ];
    let text = Ini::new().section("Service").key("ExecStart", "").command("ExecStart", &command).finish(PATH)?;
    content.tree.file(PATH, 0o600, text)?;
    enable_system_unit(content, UNIT, "network-online.target")
}
