//! The controller-manager: one static pod with kubeadm's arguments and those of CIS 1.3.

use super::accounts::CONTROLLER_MANAGER;
use super::certificates::{self, PKI_DIR};
use super::pod::{Arguments, Copies, Health, Probes, RunAs, StaticPod, Volume};
use super::{Content, ContentError, Context, kubeconfig, tls};
use ipnet::IpNet;
use kfimg_images::Component;
use kfimg_profiles::cluster::Networking;
use std::net::{IpAddr, Ipv4Addr};

const NAME: &str = "kube-controller-manager";
const PORT: u16 = 10257;
/// Ended pods that are kept (CIS 1.3.1); Kubernetes' own number of 12500 is made for the largest clusters.
const TERMINATED_PODS: &str = "1000";

/// Writes the static pod.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let image = context.image(Component::KubeControllerManager);
    let signs = certificates::control_plane(context)?.cluster_ca_key.is_some();
    let pod = StaticPod {
        name: NAME,
        tier: "control-plane",
        image: image.to_string(),
        command: arguments(context, signs).command(NAME),
        run_as: RunAs::Account(CONTROLLER_MANAGER),
        requests: ("200m", "128Mi"),
        probes: Some(Probes {
            health: Health { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: PORT, scheme: "HTTPS" },
            liveness: "/healthz",
            readiness: None,
            startup: "/healthz",
            startup_timeout: context.cluster.timeouts.control_plane_component_health_check,
        }),
        volumes: volumes(context, content, signs),
        grace_seconds: None,
    };
    pod.write(content)?;
    content.runs(context, NAME, image);
    content.free_ports.insert(PORT);
    Ok(())
}

fn volumes(context: &Context<'_>, content: &mut Content, signs: bool) -> Vec<Volume> {
    let copies = Copies::new(NAME, CONTROLLER_MANAGER);
    let mut files = certificates::cluster_ca_files(context.credentials);
    files.extend(["front-proxy-ca.crt", "sa.key"]);
    files.extend(signs.then_some("ca.key"));
    let own = [
        copies.share(content, PKI_DIR, "pki", &files),
        copies.share_file(content, kubeconfig::FOLDER, kubeconfig::CONTROLLER_MANAGER),
    ];
    own.into_iter().chain(context.cluster.controller_manager.extra_volumes.iter().map(Volume::from)).collect()
}

/// `signs`: the cluster authority's key is on the node. Without it no certificate is signed; the kubelets' then end with
/// the window that they were issued for.
fn arguments(context: &Context<'_>, signs: bool) -> Arguments {
    let cluster = context.cluster;
    let settings = &cluster.controller_manager;
    let kubeconfig = kubeconfig::path(kubeconfig::CONTROLLER_MANAGER);
    let client_ca = certificates::client_ca(context.credentials);
    let mut arguments = Arguments::new([
        ("allocate-node-cidrs", "true"),
        ("authentication-kubeconfig", kubeconfig.as_str()),
        ("authorization-kubeconfig", &kubeconfig),
        ("bind-address", "127.0.0.1"),
        ("client-ca-file", client_ca),
        ("cluster-name", &cluster.name),
        ("kubeconfig", &kubeconfig),
        ("leader-elect", "true"),
        ("profiling", "false"),
        ("requestheader-client-ca-file", "/etc/kubernetes/pki/front-proxy-ca.crt"),
        ("root-ca-file", certificates::CA),
        ("service-account-private-key-file", "/etc/kubernetes/pki/sa.key"),
        ("terminated-pod-gc-threshold", TERMINATED_PODS),
        ("tls-min-version", tls::MIN_VERSION),
        ("use-service-account-credentials", "true"),
    ]);
    arguments.set_list("tls-cipher-suites", tls::CIPHER_SUITES);
    if signs {
        arguments.set("cluster-signing-cert-file", client_ca);
        arguments.set("cluster-signing-key-file", "/etc/kubernetes/pki/ca.key");
    }
    if cluster.cloud_provider.is_some() {
        // It leaves Nodes' lives and routes to the cloud's own. The API server has no such flag any more.
        arguments.set("cloud-provider", "external");
    }
    set_networks(&mut arguments, &cluster.networking);
    arguments.set_feature_gates(&settings.feature_gates);
    arguments.extend(&settings.extra_args);
    arguments
}

/// The sizes of both families are named apart where there are both; with one family the controller-manager wants the
/// other flag (`setNodeCIDRMaskSizes` in `cmd/kube-controller-manager/app/core.go`).
fn set_networks(arguments: &mut Arguments, networking: &Networking) {
    arguments.set_list("cluster-cidr", &networking.pod_subnets);
    arguments.set_list("service-cluster-ip-range", &networking.service_subnets);
    let (size4, size6) = (networking.node_cidr_mask_size_ipv4, networking.node_cidr_mask_size_ipv6);
    match networking.pod_subnets.as_slice() {
        [IpNet::V4(_)] => arguments.set("node-cidr-mask-size", size4.to_string()),
        [IpNet::V6(_)] => arguments.set("node-cidr-mask-size", size6.to_string()),
        _ => {
            arguments.set("node-cidr-mask-size-ipv4", size4.to_string());
            arguments.set("node-cidr-mask-size-ipv6", size6.to_string());
        }
    }
}
