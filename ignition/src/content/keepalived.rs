//! keepalived: holds the endpoint's address on one control plane whose haproxy has an API server.
//!
//! It is installed with the API server's manifest: a control plane that was taken out of the description, and boots its old
//! payload, would else take the address from those that do not list it. Unicast VRRP between the control planes. It asks
//! haproxy on its own node only: asking through the address would make the address wander in an outage. Syntax: keepalived 2.2.

mod configuration;

use super::haproxy::HEALTH_PORT;
use super::pod::{self, RunAs, StaticPod, Volume};
use super::{Content, ContentError, Context};
use kfimg_agent::plan::ManifestInstall;
use kfimg_images::{Component, Reference};
use kfimg_profiles::cluster::Cluster;

const NAME: &str = "keepalived";
const FOLDER: &str = "/etc/kubernetes/keepalived";
const FILE: &str = "/etc/kubernetes/keepalived/keepalived.conf";
/// The agent's binary; its check needs nothing of the image.
const AGENT: &str = "/usr/bin/kfimg-agent";
/// To set addresses, to speak VRRP (a protocol of its own) and to send gratuitous ARP. keepalived sets the groups of each
/// check that it starts; without the right to it, it complains every second.
const CAPABILITIES: &[&str] = &["NET_ADMIN", "NET_BROADCAST", "NET_RAW", "SETGID"];

/// Where the manifest waits and where the agent puts it.
pub(super) fn install() -> ManifestInstall {
    pod::install(NAME)
}

/// Writes configuration and waiting manifest.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let image = image(context)?;
    let check = format!("{AGENT} check-api http://127.0.0.1:{HEALTH_PORT}/readyz");
    content.tree.file(FILE, 0o644, configuration::text(context, &check))?;
    let pod = StaticPod {
        name: NAME,
        tier: "control-plane",
        image: image.to_string(),
        command: ["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file", FILE]
            .map(str::to_owned)
            .into(),
        run_as: RunAs::Root(CAPABILITIES),
        requests: ("10m", "16Mi"),
        probes: None,
        volumes: vec![
            Volume::folder("kfimg-config", FOLDER, FOLDER),
            Volume::file("kfimg-agent", AGENT, AGENT),
            Volume::memory("kfimg-run", "1Mi", "/run"),
        ],
        grace_seconds: Some(5),
    };
    pod.write_waiting(content)?;
    content.runs(context, NAME, image);
    Ok(())
}

/// The description's image, or the catalog's.
fn image(context: &Context<'_>) -> Result<Reference, ContentError> {
    Ok(match written_image(context.cluster)? {
        Some(image) => context.pins.pin(&image),
        None => context.image(Component::Keepalived),
    })
}

/// The description's image, where it names one.
///
/// # Errors
/// [`ContentError::Image`] for a malformed one.
pub(super) fn written_image(cluster: &Cluster) -> Result<Option<Reference>, ContentError> {
    let Some(written) = &cluster.endpoint.keepalived_image else { return Ok(None) };
    let malformed = |error: kfimg_images::ReferenceError| ContentError::Image {
        reference: written.clone(),
        reason: format!("`controlPlaneEndpoint.vip.image`: {error}"),
    };
    written.parse().map(Some).map_err(malformed)
}
