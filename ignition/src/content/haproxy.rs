//! haproxy: on every Kubernetes node it answers on `127.0.0.1:6443` for all API servers, on control planes of a cluster
//! with a virtual address there too.
//!
//! It never decides who holds that address; keepalived asks its health page. Syntax: what haproxy 2.6 and 3.x both read.

mod configuration;

use super::accounts::HAPROXY;
use super::pod::{Health, Probes, RunAs, StaticPod, Volume};
use super::{Content, ContentError, Context, certificates};
use kfimg_images::Component;
use kfimg_profiles::cluster::API_PORT;
use std::net::{IpAddr, Ipv4Addr};

const NAME: &str = "haproxy";
const FOLDER: &str = "/etc/kubernetes/haproxy";
const FILE: &str = "/etc/kubernetes/haproxy/haproxy.cfg";

/// Loopback port of the health page: `/livez` while haproxy runs, `/readyz` while it has an API server. It lies outside
/// of Kubernetes' own ports, node ports and the ports that the kernel hands out.
pub(super) const HEALTH_PORT: u16 = 8404;

/// Writes configuration and static pod.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let image = context.image(Component::Haproxy);
    content.tree.file(FILE, 0o644, configuration::text(context))?;
    let pod = StaticPod {
        name: NAME,
        tier: "node",
        image: image.to_string(),
        command: ["haproxy", "-db", "-f", FILE].map(str::to_owned).into(),
        run_as: RunAs::Account(HAPROXY),
        requests: ("25m", "64Mi"),
        probes: Some(Probes {
            health: Health { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: HEALTH_PORT, scheme: "HTTP" },
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/livez",
            startup_timeout: context.cluster.timeouts.control_plane_component_health_check,
        }),
        volumes: vec![
            Volume::folder("kfimg-config", FOLDER, FOLDER),
            Volume::file("kfimg-ca", certificates::CA, certificates::CA),
        ],
        grace_seconds: Some(configuration::STOP_SECONDS + 5),
    };
    pod.write(content)?;
    content.runs(context, NAME, image);
    content.free_ports.extend([API_PORT, HEALTH_PORT]);
    Ok(())
}
