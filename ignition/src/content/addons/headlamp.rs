//! Headlamp: a web console for people. It has no rights by itself: whoever opens it logs in with a token of their own.
//!
//! Nothing leads to it from outside but what the site adds: `kubectl port-forward`, or an ingress. Source: Headlamp's own
//! `kubernetes-headlamp.yaml`, and for users and the read-only root `charts/headlamp`.

use super::Site;
use super::object::{Owner, Texts, json, list, texts};
use super::workload::{Workload, also_on_control_planes, confined, mount, port, probe, resources, unprivileged_pod};
use crate::content::ContentError;
use k8s_openapi::api::core::v1::{
    Container, EmptyDirVolumeSource, PodSpec, Probe, Service, ServicePort, ServiceSpec, Volume,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kfimg_images::Component;
use serde_json::Value;

const NAME: &str = "headlamp";
const OWNER: Owner = Owner::in_kube_system(NAME);
const SELECTOR: (&str, &str) = ("k8s-app", NAME);
/// The user `headlamp` of upstream's image.
const USER: i64 = 100;
const PORT: i32 = 4466;

pub(super) fn objects(site: &Site<'_>) -> Result<Vec<Value>, ContentError> {
    Ok(vec![
        OWNER.service_account(NAME),
        service(),
        Workload { owner: OWNER, name: NAME, selector: SELECTOR, config: None, pod: console(site) }.deployment(site, 1),
    ])
}

fn service() -> Value {
    let port = ServicePort {
        name: Some("http".to_owned()),
        port: 80,
        protocol: Some("TCP".to_owned()),
        target_port: Some(IntOrString::String("http".to_owned())),
        ..ServicePort::default()
    };
    let spec = ServiceSpec {
        ports: Some(vec![port]),
        selector: Some(Workload::selector_labels(SELECTOR)),
        ..ServiceSpec::default()
    };
    json(&Service { metadata: OWNER.metadata(NAME), spec: Some(spec), ..Service::default() })
}

fn console(site: &Site<'_>) -> PodSpec {
    let container = Container {
        name: NAME.to_owned(),
        image: Some(site.image(Component::Headlamp)),
        args: Some(list(["-in-cluster", "-plugins-dir=/headlamp/plugins"])),
        liveness_probe: Some(Probe { timeout_seconds: Some(5), ..probe("HTTP", "http", "/") }),
        ports: Some(vec![port("http", "TCP", PORT)]),
        readiness_probe: Some(Probe { timeout_seconds: Some(5), ..probe("HTTP", "http", "/") }),
        resources: Some(resources(&texts([("cpu", "50m"), ("memory", "128Mi")]), &Texts::new())),
        security_context: Some(confined([])),
        volume_mounts: Some(vec![mount("tmp", "/tmp", false)]),
        ..Container::default()
    };
    let temporary =
        Volume { name: "tmp".to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() };
    PodSpec {
        containers: vec![container],
        // Nothing of the cluster waits for it.
        priority_class_name: None,
        tolerations: Some(also_on_control_planes()),
        volumes: Some(vec![temporary]),
        ..unprivileged_pod(NAME, "", USER)
    }
}
