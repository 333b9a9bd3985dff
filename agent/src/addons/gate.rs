//! The order of an upgrade: no kube-proxy before the API servers, any of which it may meet through its node's haproxy
//! (Kubernetes' version skew policy: kube-proxy must not be newer than the API server, and may be three minors older).
//!
//! All else that addons have is applied by a control plane whose own API server has the version already.

use super::api::{Api, Trouble, Want, segment};
use super::list::{Head, Item, ListFile};
use super::stop::Stop;
use crate::wait::Deadline;
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// An API server that has not answered for so long is not waited for: it may never come back.
const SILENCE: Duration = Duration::from_secs(10 * 60);
const DAEMON_SET: &str = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy";
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// Tells when kube-proxy may be applied.
pub(super) struct Gate {
    wanted: Minor,
    /// Names of all control planes.
    control_planes: Vec<String>,
    silence: Deadline,
}

/// Major and minor number of a version.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Minor(u32, u32);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServerVersion {
    git_version: String,
}

/// Whether the gate stands before this object: kube-proxy's pods and what they read when they start.
pub(super) fn concerns(head: &Head) -> bool {
    let kind = head.is("apps/v1", "DaemonSet") || head.is("v1", "ConfigMap");
    kind && head.metadata.name == "kube-proxy" && head.metadata.namespace.as_deref() == Some("kube-system")
}

impl Gate {
    /// For a Kubernetes version. Control planes are the Nodes whom the files give that role.
    pub(super) fn new(version: &str, files: &[ListFile], items: &[Item]) -> Result<Self, crate::failure::Failure> {
        let mut control_planes = Vec::new();
        let mut index = 0;
        for file in files {
            file.each(&mut |_, object| -> Result<(), crate::failure::Failure> {
                let head = &items[index].head;
                index += 1;
                let has_role = head.is_node()
                    && serde_json::from_str::<Value>(object.get())
                        .is_ok_and(|node| node["metadata"]["labels"].get(CONTROL_PLANE).is_some());
                if has_role {
                    control_planes.push(head.metadata.name.clone());
                }
                Ok(())
            })?;
        }
        let wanted = Minor::parse(version).unwrap_or(Minor(0, 0));
        Ok(Self { wanted, control_planes, silence: Deadline::after(SILENCE) })
    }

    /// Why kube-proxy must wait; `None` when it need not. Whoever holds the lock keeps it between two questions.
    pub(super) fn reason(&self, api: &Api, mut keep: impl FnMut() -> Result<(), Stop>) -> Result<Option<String>, Stop> {
        let found = api.find::<Value>(DAEMON_SET, Want::All);
        let Some(running) = found.map_err(|error| Trouble::of(&error, false).stop("reading kube-proxy's version"))?
        else {
            // Without any, Services do not work at all.
            return Ok(None);
        };
        let image = running["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        if image.and_then(Minor::of_image).is_some_and(|minor| minor >= self.wanted) {
            return Ok(None);
        }
        for node in &self.control_planes {
            keep()?;
            if let Some(reason) = self.reason_of(api, node)? {
                return Ok(Some(reason));
            }
        }
        Ok(None)
    }

    fn reason_of(&self, api: &Api, node: &str) -> Result<Option<String>, Stop> {
        let found = api.find::<Value>(&format!("/api/v1/nodes/{}", segment(node)), Want::All);
        let found = found.map_err(|error| Trouble::of(&error, false).stop("reading the Nodes of control planes"))?;
        // One that never was a Node has no API server of an older version.
        let Some(address) = found.as_ref().and_then(address) else { return Ok(None) };
        let answer = api.get_from::<ServerVersion>(&address, "/version");
        let minor = answer.ok().and_then(|version| Minor::parse(&version.git_version));
        Ok(match minor {
            Some(minor) if minor >= self.wanted => None,
            Some(Minor(major, minor)) => Some(format!("the API server of {node} is still {major}.{minor}")),
            None if self.silence.over() => None,
            None => Some(format!("the API server of {node} does not answer")),
        })
    }
}

/// The first internal address of a Node, as URLs have it.
fn address(node: &Value) -> Option<String> {
    let addresses = node["status"]["addresses"].as_array()?;
    let internal = addresses.iter().find(|address| address["type"] == "InternalIP")?;
    Some(match internal["address"].as_str()?.parse().ok()? {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    })
}

impl Minor {
    /// Of `v1.36.3` and the like.
    fn parse(version: &str) -> Option<Self> {
        let mut numbers = version.strip_prefix('v')?.split('.');
        let major = numbers.next()?.parse().ok()?;
        let minor = numbers.next()?;
        let digits = minor.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(minor.len());
        Some(Self(major, minor[..digits].parse().ok()?))
    }

    /// Of an image whose tag is a version.
    fn of_image(image: &str) -> Option<Self> {
        let name = image.split('@').next()?;
        Self::parse(name.rsplit_once(':')?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::{Minor, address};
    use serde_json::json;

    #[test]
    fn versions_are_read_from_servers_and_images() {
        for (version, minor) in [
            ("v1.36.3", Some(Minor(1, 36))),
            ("v1.37.0-rc.1+k3s1", Some(Minor(1, 37))),
            ("v1.9+", Some(Minor(1, 9))),
            ("1.36.3", None),
            ("v1", None),
            ("v1.x", None),
        ] {
            assert_eq!(Minor::parse(version), minor, "{version}");
        }
        assert!(Minor(1, 9) < Minor(1, 36) && Minor(1, 36) < Minor(2, 0));
        assert_eq!(Minor::of_image("registry.k8s.io/kube-proxy:v1.36.3@sha256:00"), Some(Minor(1, 36)));
        assert_eq!(Minor::of_image("reg.local:5000/kube-proxy"), None);
    }

    #[test]
    fn a_nodes_internal_address_becomes_part_of_a_url() {
        let node = |text| json!({"status": {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": text}]}});
        assert_eq!(address(&node("192.0.2.1")).as_deref(), Some("192.0.2.1"));
        assert_eq!(address(&node("fd00::1")).as_deref(), Some("[fd00::1]"));
        assert_eq!(address(&node("evil.example/")), None);
        assert_eq!(address(&json!({})), None);
    }
}
