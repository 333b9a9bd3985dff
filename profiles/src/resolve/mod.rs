//! A checked description and the files that it names become a [`Cluster`]: every default filled in, every file read.
//!
//! What the description itself says was judged by [`crate::check`]; here only what lies in files is judged.

mod charts;
mod cloud;
pub(crate) mod components;
mod fake;
mod files;
mod formats;
mod lookup;
mod manifests;
pub(crate) mod nodes;
pub(crate) mod router_id;
pub(crate) mod site;

pub use charts::rendered;
pub use files::{FileReader, MAX_FILE_BYTES};
pub(crate) use formats::bare_host;
pub(crate) use lookup::look_up;
pub use lookup::{LookedUp, Resolver, SystemResolver};

use crate::cluster::{Cluster, ImagePath, MetricsServer};
use crate::description::values::KubernetesVersion;
use crate::description::{self, Description, Role};
use crate::document::{Node, Sources};
use crate::problem::Report;
use files::Files;

/// Kubernetes version of a description that names none.
pub(crate) const DEFAULT_VERSION: KubernetesVersion = KubernetesVersion { major: 1, minor: 36, patch: 3 };

/// What a cluster is made of.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    /// What people wrote, checked.
    pub(crate) description: &'a Description,
    /// The tree that it was decoded from; relative paths start from the folder of the text that holds them.
    pub(crate) tree: &'a Node,
    /// Reads the files that the description names.
    pub(crate) reader: &'a dyn FileReader,
}

/// Reads the files and fills in the defaults. `None` when the report holds an error, found here or before.
pub(crate) fn resolve(input: Input<'_>, sources: &mut Sources, report: &mut Report) -> Option<Cluster> {
    let mut files = Files::new(input.reader, input.tree, sources, report);
    let cluster = cluster(input.description, &mut files);
    cluster.filter(|_| !report.has_errors())
}

/// The cluster, as far as its values could be read. All files are tried before an absent value stops the work.
fn cluster(description: &Description, files: &mut Files<'_, '_>) -> Option<Cluster> {
    let registry = site::registry(description, files);
    let pki = site::pki(description, files);
    let api_server = components::api_server(description, files);
    let manifests = manifests::manifests(description, files);
    let charts = charts::charts(description, files);
    cloud::look_for_controller(description, manifests.as_deref(), charts.as_deref(), files.report);
    let nodes = nodes::nodes(description)?;
    let kubernetes_nodes = nodes.iter().filter(|node| node.role != Role::Etcd).count();
    Some(Cluster {
        name: description.cluster_name.clone()?,
        version: description.kubernetes_version.unwrap_or(DEFAULT_VERSION),
        endpoint: site::endpoint(description),
        networking: site::networking(description),
        hosts: description.networking.hosts.clone(),
        registry: registry?,
        time: site::time(description),
        pki: pki?,
        etcd: components::etcd(description),
        api_server: api_server?,
        controller_manager: description.controller_manager.clone(),
        scheduler: description.scheduler.clone(),
        timeouts: components::timeouts(description),
        kubelet: components::kubelet(description),
        containerd: components::containerd(description),
        kube_proxy: description.kube_proxy.clone(),
        dns: site::dns(description, kubernetes_nodes),
        metrics_server: metrics_server(description),
        headlamp: description.addons.headlamp.enabled.unwrap_or(false),
        cloud_provider: description.cloud_provider,
        manifests: manifests?,
        charts: charts?,
        image_paths: description.image_paths.iter().filter_map(image_path).collect(),
        users: description.users.clone(),
        report_url: description.report.url.clone(),
        delivery: site::delivery(description),
        nodes,
    })
}

fn image_path(written: &description::ImagePath) -> Option<ImagePath> {
    let path = written.path.as_ref()?.steps().to_vec();
    Some(ImagePath { api_version: written.api_version.clone(), kind: written.kind.clone()?, path })
}

fn metrics_server(description: &Description) -> Option<MetricsServer> {
    let written = &description.addons.metrics_server;
    written.enabled.unwrap_or(true).then(|| MetricsServer { replicas: written.replicas.unwrap_or(1) })
}

#[cfg(test)]
mod tests;
