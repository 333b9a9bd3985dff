//! The clock of a node: NTP servers and the time zone.
//!
//! The floor of the clock and the wait for it are the agent's (`kfimg-clock`).

use super::units::Ini;
use super::{Content, ContentError, Context};

/// Drop-in of `timesyncd.conf(5)`.
const TIMESYNCD: &str = "/etc/systemd/timesyncd.conf.d/10-kfimg.conf";

/// Writes the servers and the zone. Without servers nothing is switched on, and the clock is taken as it is.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let time = &context.cluster.time;
    // The distribution's own servers lie in the internet: an empty list takes their place.
    let text =
        Ini::new().section("Time").key("NTP", time.servers.join(" ")).key("FallbackNTP", "").finish(TIMESYNCD)?;
    content.tree.file(TIMESYNCD, 0o644, text)?;
    content.tree.link("/etc/localtime", &format!("../usr/share/zoneinfo/{}", time.timezone))?;
    if time.servers.is_empty() {
        return Ok(());
    }
    super::units::enable_system_unit(content, "systemd-timesyncd.service", "sysinit.target")
}
