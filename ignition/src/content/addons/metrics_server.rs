//! metrics-server: the resource metrics API behind `kubectl top` and the horizontal autoscaler.
//!
//! Source: metrics-server v0.8.0 `manifests/base`.

use super::Site;
use super::object::{Owner, Texts, json, list, rule, texts};
use super::workload::{Workload, also_on_control_planes, confined, mount, port, probe, resources, unprivileged_pod};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, PodSpec, Probe, Service, ServicePort, ServiceSpec, Volume,
};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceSpec, ServiceReference};
use kfimg_images::Component;
use serde_json::Value;

const NAME: &str = "metrics-server";
const OWNER: Owner = Owner::in_kube_system(NAME);
const SELECTOR: (&str, &str) = ("k8s-app", NAME);
const ROLE: &str = "system:metrics-server";
const GROUP: &str = "metrics.k8s.io";
const VERSION: &str = "v1beta1";
/// Its own port; the kubelets' has the same number by chance.
const PORT: i32 = 10250;
/// The user of upstream's manifest.
const USER: i64 = 1000;

/// What it is told.
const ARGUMENTS: [&str; 6] = [
    "--cert-dir=/tmp",
    "--secure-port=10250",
    // The kubelets' serving certificates come from the cluster's authority, which every pod has.
    "--kubelet-certificate-authority=/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
    // Every node has an internal address, its certificate names it, and no name service has to know the node.
    "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
    "--kubelet-use-node-status-port",
    "--metric-resolution=15s",
];

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    let replicas = site.cluster.metrics_server.map_or(1, |settings| settings.replicas);
    let mut objects = vec![OWNER.service_account(NAME)];
    objects.extend(rights());
    objects.push(service());
    objects.push(
        Workload { owner: OWNER, name: NAME, selector: SELECTOR, config: None, pod: server(site) }
            .deployment(site, replicas),
    );
    if replicas > 1 {
        objects.push(OWNER.disruption_budget(NAME, Workload::selector_labels(SELECTOR)));
    }
    objects.push(api_service());
    Ok(objects)
}

/// It reads kubelets and asks the API server who its callers are; who may view objects may read their metrics.
fn rights() -> [Value; 5] {
    let account = || OWNER.account_subject(NAME);
    let mut metadata = OWNER.cluster_metadata("system:aggregated-metrics-reader");
    metadata.labels.get_or_insert_default().extend(texts([
        ("rbac.authorization.k8s.io/aggregate-to-admin", "true"),
        ("rbac.authorization.k8s.io/aggregate-to-edit", "true"),
        ("rbac.authorization.k8s.io/aggregate-to-view", "true"),
    ]));
    let rules = Some(vec![rule(GROUP, ["pods", "nodes"], ["get", "list", "watch"])]);
    [
        json(&ClusterRole { metadata, rules, ..ClusterRole::default() }),
        OWNER.cluster_role(
            ROLE,
            vec![rule("", ["nodes/metrics"], ["get"]), rule("", ["pods", "nodes"], ["get", "list", "watch"])],
        ),
        OWNER.cluster_role_binding(ROLE, ROLE, account()),
        OWNER.cluster_role_binding("metrics-server:system:auth-delegator", "system:auth-delegator", account()),
        OWNER.role_binding("metrics-server-auth-reader", "extension-apiserver-authentication-reader", account()),
    ]
}

fn service() -> Value {
    json(&Service {
        metadata: OWNER.metadata(NAME),
        spec: Some(ServiceSpec {
            ports: Some(vec![ServicePort {
                app_protocol: Some("https".to_owned()),
                name: Some("https".to_owned()),
                port: 443,
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String("https".to_owned())),
                ..ServicePort::default()
            }]),
            selector: Some(Workload::selector_labels(SELECTOR)),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

fn server(site: &Site<'_>) -> PodSpec {
    let container = Container {
        name: NAME.to_owned(),
        image: Some(site.image(Component::MetricsServer)),
        args: Some(list(ARGUMENTS)),
        liveness_probe: Some(probe("HTTPS", "https", "/livez")),
        ports: Some(vec![port("https", "TCP", PORT)]),
        // Its second look at the kubelets, 15 s after the first, makes it ready.
        readiness_probe: Some(Probe { initial_delay_seconds: Some(20), ..probe("HTTPS", "https", "/readyz") }),
        resources: Some(resources(&texts([("cpu", "100m"), ("memory", "200Mi")]), &Texts::new())),
        security_context: Some(confined([])),
        volume_mounts: Some(vec![mount("tmp", "/tmp", false)]),
        ..Container::default()
    };
    let tmp = EmptyDirVolumeSource::default();
    PodSpec {
        containers: vec![container],
        tolerations: Some(also_on_control_planes()),
        volumes: Some(vec![Volume { name: "tmp".to_owned(), empty_dir: Some(tmp), ..Volume::default() }]),
        ..unprivileged_pod(NAME, "system-cluster-critical", USER)
    }
}

/// Hands the API group to the Service.
///
/// Its certificate is not verified: each pod draws one by itself when it starts, as upstream has it. What passes there
/// is metrics, and the API server's own identity towards it is proven by the front-proxy certificate.
fn api_service() -> Value {
    let service =
        ServiceReference { name: Some(NAME.to_owned()), namespace: Some(OWNER.namespace.to_owned()), port: Some(443) };
    json(&APIService {
        metadata: OWNER.cluster_metadata(&format!("{VERSION}.{GROUP}")),
        spec: Some(APIServiceSpec {
            group: Some(GROUP.to_owned()),
            group_priority_minimum: 100,
            insecure_skip_tls_verify: Some(true),
            service: Some(service),
            version: Some(VERSION.to_owned()),
            version_priority: 100,
            ..APIServiceSpec::default()
        }),
        ..APIService::default()
    })
}
