//! How long is waited for what starts on a node.

use std::time::Duration;

use super::{Subject, at};
use crate::problem::Report;

/// No API server starts faster on a machine under load.
const SHORTEST: Duration = Duration::from_secs(60);
/// A component that hangs is started anew at least once a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let Some(written) = subject.description.timeouts.control_plane_component_health_check else { return };
    let problem = if written.get() < SHORTEST {
        format!("with {written} to start, a slow component is started anew for ever")
    } else if written.get() > LONGEST {
        format!("with {written} to start, a component that hangs is left hanging")
    } else {
        return;
    };
    report
        .error("startup-timeout", at("timeouts.controlPlaneComponentHealthCheck"), problem)
        .help("write 1m to 24h; the default is 4m");
}
