//! The site's registry as the mirror of every upstream one (`docs/hosts.md` of containerd).
//!
//! An image keeps its upstream name and lies at `<registry>/<upstream host>/<repository>`. The registry stands as
//! `server` at the root of each file, without any `[host]` table: containerd asks `server` last, and with a table it
//! would be the upstream. containerd has no pattern for the upstream's name in a path, so each upstream has a file: those
//! of the images that are known, and those that people use most. For all others `_default` asks the registry below
//! `/v2/_default`, where no repository can lie (its name may not begin with `_`), so that the answer is "not found" and
//! nothing leaves the site; a registry that looks at the parameter `ns`, as `kfimg serve` does, answers better.
//!
//! Without a registry nothing is written, and nodes ask the upstream registries by name.

use super::toml::{array, string};
use super::{CERTS_D, Content, ContentError, Context};
use crate::content::addons::rules;
use crate::content::{certificates, keepalived};
use data_encoding::BASE64;
use kfimg_images::reference::{DEFAULT_MIRROR_FOLDER, mirror_folder};
use kfimg_images::{Catalog, Component, ImageRule, RemarkKind, discover_by};
use kfimg_profiles::cluster::{Cluster, Registry};
use serde_json::Value;
use std::collections::BTreeSet;

/// The file with the authorities that the description names for the registry.
const REGISTRY_CA: &str = "/etc/containerd/registry-ca.crt";
/// Upstream registries whose images people start on a cluster that runs already.
const WELL_KNOWN: [&str; 9] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "nvcr.io",
    "public.ecr.aws",
    "quay.io",
    "registry.gitlab.com",
    "registry.k8s.io",
];
/// containerd's folder for every other upstream.
const DEFAULT: &str = DEFAULT_MIRROR_FOLDER;

/// Writes one folder for each upstream.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let Some(registry) = &context.cluster.registry else { return Ok(()) };
    let own = registry.authority();
    let access = Access::new(context, registry, content)?;
    for host in context.upstream_hosts.iter().filter(|host| **host != own) {
        access.write(content, &folder(host), Some(&registry.path(&mirror_folder(host))))?;
    }
    access.write(content, DEFAULT, Some(&registry.path(DEFAULT)))?;
    // An image that is named after the registry itself lies where its name says.
    access.write(content, &folder(&own), None)
}

/// How the registry is reached.
struct Access {
    url: String,
    authorities: Vec<&'static str>,
    authorization: Option<String>,
}

impl Access {
    fn new(context: &Context<'_>, registry: &Registry, content: &mut Content) -> Result<Self, ContentError> {
        let mut authorities = Vec::new();
        // With authorities for a plain registry containerd would try TLS first.
        if !registry.plain_http {
            // The registry may be `kfimg serve` with a certificate of the cluster's authority.
            certificates::write_cluster_ca(context, content)?;
            authorities.push(certificates::CA);
            if let Some(file) = &registry.certificate_authority {
                content.tree.file(REGISTRY_CA, 0o644, file.content.as_str())?;
                authorities.push(REGISTRY_CA);
            }
        }
        let authorization = registry.credentials.as_ref().map(|(name, password)| {
            let pair = format!("{name}:{}", password.expose().trim_end_matches(['\r', '\n']));
            format!("Basic {}", BASE64.encode(pair.as_bytes()))
        });
        let scheme = if registry.plain_http { "http" } else { "https" };
        Ok(Self { url: format!("{scheme}://{}", registry.authority()), authorities, authorization })
    }

    /// `hosts.toml` of one folder; `path` is the part of the registry that mirrors the upstream.
    fn write(&self, content: &mut Content, folder: &str, path: Option<&str>) -> Result<(), ContentError> {
        let file = format!("{CERTS_D}/{folder}/hosts.toml");
        let text = self.hosts_toml(path);
        match self.authorization {
            Some(_) => content.tree.secret(&file, text)?,
            None => content.tree.file(&file, 0o644, text)?,
        }
        Ok(())
    }

    fn hosts_toml(&self, path: Option<&str>) -> String {
        let server = path.map_or_else(|| self.url.clone(), |path| format!("{}/v2/{path}", self.url));
        let mut text = format!("server = {}\ncapabilities = [\"pull\", \"resolve\"]\n", string(&server));
        if path.is_some() {
            text += "override_path = true\n";
        }
        if !self.authorities.is_empty() {
            text += &format!("ca = {}\n", array(&self.authorities));
        }
        // The key's letters count: containerd takes it as it stands.
        if let Some(authorization) = &self.authorization {
            text += &format!("\n[header]\nAuthorization = {}\n", string(authorization));
        }
        text
    }
}

/// containerd's folder of an upstream: a port stands between underscores (`hostDirectory` in its
/// `core/remotes/docker/config/hosts.go`).
fn folder(host: &str) -> String {
    match host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((name, port)) => format!("{name}_{port}_"),
        None => host.to_owned(),
    }
}

/// Upstream registries of every image that is known, and the well-known ones: those that nodes reach through the site's
/// registry. A pod of the user's may run on any node.
///
/// # Errors
/// [`ContentError::Image`] for a malformed image that the description names.
pub fn upstream_hosts(cluster: &Cluster, catalog: &Catalog) -> Result<BTreeSet<String>, ContentError> {
    let patch = cluster.version.patch;
    let components = Component::ALL.iter().map(|component| catalog.image(*component, patch).host().to_owned());
    let mut hosts: BTreeSet<String> = components.chain(WELL_KNOWN.map(str::to_owned)).collect();
    hosts.extend(keepalived::written_image(cluster)?.map(|image| image.host().to_owned()));
    let rules = rules(&cluster.image_paths);
    let objects = cluster.manifests.iter().flat_map(|manifest| &manifest.objects);
    hosts.extend(objects.flat_map(|object| hosts_of(&object.value, &rules)));
    Ok(hosts)
}

/// Hosts of the images in an object of the user's, also where something only looks like an image: a custom resource may
/// have its controller start it.
fn hosts_of(object: &Value, rules: &[ImageRule]) -> BTreeSet<String> {
    let found = discover_by(object, rules);
    let likely = found.remarks.iter().filter_map(|remark| match &remark.kind {
        RemarkKind::Likely(reference) => Some(reference),
        _ => None,
    });
    let images = found.images.iter().map(|image| &image.reference).chain(likely);
    images.map(|reference| reference.host().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{folder, hosts_of};
    use serde_json::json;

    #[test]
    fn folders_are_named_as_containerd_looks_for_them() {
        let cases = [
            ("quay.io", "quay.io"),
            ("localhost:5000", "localhost_5000_"),
            ("[fd00::1]:5000", "[fd00::1]_5000_"),
            ("[fd00::1]", "[fd00::1]"),
        ];
        for (host, expected) in cases {
            assert_eq!(folder(host), expected);
        }
    }

    #[test]
    fn images_of_objects_and_of_custom_resources_are_found() {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x" },
            "spec": { "containers": [{ "name": "x", "image": "reg2.example.com:5000/a:1" }] },
        });
        let custom = json!({
            "apiVersion": "example.com/v1", "kind": "Database", "metadata": { "name": "x" },
            "spec": { "image": "reg3.example.com/db:2" },
        });
        assert!(hosts_of(&pod, &[]).contains("reg2.example.com:5000"));
        assert!(hosts_of(&custom, &[]).contains("reg3.example.com"));
    }
}
