//! The scheduler: one static pod with kubeadm's arguments and those of CIS 1.4.

use super::accounts::SCHEDULER;
use super::pod::{Arguments, Copies, Health, Probes, RunAs, StaticPod, Volume};
use super::{Content, ContentError, Context, kubeconfig, tls};
use kfimg_images::Component;
use std::net::{IpAddr, Ipv4Addr};

const NAME: &str = "kube-scheduler";
const PORT: u16 = 10259;

/// Writes the static pod.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let image = context.image(Component::KubeScheduler);
    let kubeconfig = Copies::new(NAME, SCHEDULER).share_file(content, kubeconfig::FOLDER, kubeconfig::SCHEDULER);
    let extra = context.cluster.scheduler.extra_volumes.iter().map(Volume::from);
    let pod = StaticPod {
        name: NAME,
        tier: "control-plane",
        image: image.to_string(),
        command: arguments(context).command(NAME),
        run_as: RunAs::Account(SCHEDULER),
        requests: ("100m", "64Mi"),
        probes: Some(Probes {
            health: Health { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: PORT, scheme: "HTTPS" },
            liveness: "/livez",
            readiness: Some("/readyz"),
            startup: "/livez",
            startup_timeout: context.cluster.timeouts.control_plane_component_health_check,
        }),
        volumes: [kubeconfig].into_iter().chain(extra).collect(),
        grace_seconds: None,
    };
    pod.write(content)?;
    content.runs(context, NAME, image);
    content.free_ports.insert(PORT);
    Ok(())
}

fn arguments(context: &Context<'_>) -> Arguments {
    let kubeconfig = kubeconfig::path(kubeconfig::SCHEDULER);
    let mut arguments = Arguments::new([
        ("authentication-kubeconfig", kubeconfig.as_str()),
        ("authorization-kubeconfig", &kubeconfig),
        ("bind-address", "127.0.0.1"),
        ("kubeconfig", &kubeconfig),
        ("leader-elect", "true"),
        ("profiling", "false"),
        ("tls-min-version", tls::MIN_VERSION),
    ]);
    arguments.set_list("tls-cipher-suites", tls::CIPHER_SUITES);
    arguments.set_feature_gates(&context.cluster.scheduler.feature_gates);
    arguments.extend(&context.cluster.scheduler.extra_args);
    arguments
}
