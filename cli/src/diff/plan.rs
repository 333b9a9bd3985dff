//! The agent's plan: what of it differs, and what decides about the order of boots.
//!
//! It is read leniently, because the two outputs may be of two versions of kfimg.

use super::change::{Change, Topic, What};
use super::settings::{self, Setting, Settings, flatten};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Path of the plan on a node.
pub(super) const PATH: &str = "/etc/kfimg/plan.json";

/// The parts of a plan that decide about the order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Plan {
    /// The cluster.
    pub(super) cluster: Cluster,
    /// etcd, on its members.
    pub(super) etcd: Option<Etcd>,
    /// The data partition.
    pub(super) data_partition: Option<DataPartition>,
    /// What the node fetches from the boot server.
    pub(super) fetch: Vec<Fetch>,
    /// What travels sealed.
    pub(super) sealed: Sealed,
}

/// The data partition of a plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct DataPartition {
    /// Path of the disk, where the description names it.
    pub(super) disk: Option<String>,
    /// Its file system.
    pub(super) filesystem: String,
    /// Where it is mounted.
    pub(super) mount_point: String,
}

/// A file that lies on the boot server.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Fetch {
    /// Its path on the node.
    pub(super) path: String,
    /// SHA-512 in hexadecimal.
    pub(super) sha512: String,
}

/// The sealed part of a plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sealed {
    /// Paths of the files in it.
    pub(super) paths: Vec<String>,
}

/// The cluster of a plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cluster {
    /// Number of etcd's incarnation.
    pub(super) incarnation: u64,
}

/// etcd of a plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Etcd {
    /// All members.
    pub(super) members: Vec<Member>,
    /// Whose data the incarnation begins with.
    pub(super) recover_from: Option<String>,
    /// What snapshot it begins with.
    pub(super) restore: Option<Restore>,
    /// Whom nobody waits for.
    pub(super) without: Vec<String>,
    /// Who may set foreign data aside.
    pub(super) discard: Vec<String>,
}

/// A member.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    /// Its name.
    pub(super) name: String,
    /// Where its peers find it.
    #[serde(rename = "peerURL")]
    pub(super) peer_url: String,
}

/// A snapshot.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Restore {
    /// Who has it.
    pub(super) node: String,
    /// Where it lies there.
    pub(super) file: String,
}

impl Plan {
    /// Reads a plan; what is not there is empty.
    pub(super) fn read(text: &[u8]) -> Self {
        serde_json::from_slice(text).unwrap_or_default()
    }
}

/// What stands elsewhere in the payload or follows from it.
const DERIVED: [&str; 15] = [
    "addons",
    "apiServerManifest",
    "certificates",
    "copies",
    "dataPartition.disk",
    "fetch",
    "generation",
    "images",
    "keepalivedManifest",
    "renderTime",
    "version",
    "etcd.members",
    "preflight.freePorts",
    "preflight.kernelModules",
    "preflight.sysctls",
];

/// What differs between two plans.
pub(super) fn changes(old: &[u8], new: &[u8]) -> Vec<Change> {
    let (old, new): (Value, Value) = match (serde_json::from_slice(old), serde_json::from_slice(new)) {
        (Ok(old), Ok(new)) => (old, new),
        _ => return Vec::new(),
    };
    let mut changes: Vec<Change> = settings::compare(&images(&old), &images(&new))
        .into_iter()
        .map(|(name, what)| Change::new(Topic::Images, "", name, what))
        .collect();
    let others = settings::compare(&told(&old), &told(&new));
    changes.extend(others.into_iter().map(|(name, what)| of(&name, what)));
    changes
}

fn of(name: &str, what: What) -> Change {
    let (topic, name) = match name.split_once('.') {
        Some(("cluster", "incarnation")) => (Topic::Etcd, "incarnation"),
        Some(("cluster", "kubernetesVersion")) => (Topic::Cluster, "Kubernetes"),
        Some(("cluster", "supportEnd")) => (Topic::Cluster, "Kubernetes supported until"),
        Some(("cluster", rest)) => (Topic::Cluster, rest),
        Some(("etcd", rest)) => (Topic::Etcd, rest),
        Some(("node", rest)) => (Topic::Machine, rest),
        Some(("dataPartition", _)) => (Topic::Machine, name),
        None if name == "timeServers" => (Topic::Network, "time servers"),
        _ => (Topic::Plan, name),
    };
    Change::new(topic, "", name, what)
}

/// The settings that nothing else tells.
fn told(plan: &Value) -> Settings {
    let mut settings = flatten(plan);
    let is_derived = |name: &str| {
        DERIVED.iter().any(|derived| {
            name.strip_prefix(derived).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    settings.retain(|name, _| !is_derived(name));
    for member in plan["etcd"]["members"].as_array().into_iter().flatten() {
        let text = |key: &str| member[key].as_str().unwrap_or_default();
        settings.insert(format!("etcd.member {}", text("name")), Setting::One(host(text("peerURL")).to_owned()));
    }
    for (part, name) in [("etcd", "bootstrapNotAfter"), ("cluster", "supportEnd")] {
        if let Some(seconds) = plan[part][name].as_i64() {
            let day = Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%d").to_string();
            settings.insert(format!("{part}.{name}"), Setting::One(day));
        }
    }
    if let Some(Setting::One(url)) = settings.get_mut("reportUrl") {
        *url = without_secrets(url);
    }
    settings
}

/// The host of `https://host:port`.
pub(super) fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    authority.rsplit_once(':').map_or(authority, |(host, _)| host)
}

/// Without the password of a user, and without what stands behind the `?`, which may be a token.
fn without_secrets(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => url.to_owned(),
    }
}

/// Tags and digests by repository.
fn images(plan: &Value) -> Settings {
    let mut settings = Settings::new();
    for image in plan["images"].as_array().into_iter().flatten() {
        let reference = image["reference"].as_str().unwrap_or_default();
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, image["digest"].as_str()),
        };
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[slash..].rfind(':') {
            Some(colon) => (&name[..slash + colon], &name[slash + colon + 1..]),
            None => (name, "latest"),
        };
        let version = digest.map_or_else(|| tag.to_owned(), |digest| format!("{tag}@{}", short(digest)));
        // A repository may be asked for under two tags.
        match settings.entry(repository.to_owned()).or_insert_with(|| Setting::Many(Vec::new())) {
            Setting::Many(versions) => versions.push(version),
            Setting::One(_) => {}
        }
    }
    settings
}

/// A digest's first digits.
fn short(digest: &str) -> &str {
    const SHOWN: usize = "sha256:".len() + 12;
    digest.get(..SHOWN).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::{changes, host};
    use serde_json::json;

    #[test]
    fn a_plan_is_told_in_the_words_of_its_topics() {
        let plan = |image: &str, generation: u64, member: &str, url: &str| {
            json!({
                "generation": generation,
                "cluster": {"incarnation": generation, "kubernetesVersion": "v1.36.3"},
                "images": [{"reference": image}, {"reference": "reg:5000/a/b:1", "digest": "sha256:0123456789abcdef"}],
                "etcd": {"members": [{"name": member, "peerURL": "https://[fd00::1]:2380"}], "bootstrapNotAfter": 0},
                "reportUrl": url,
            })
            .to_string()
        };
        let (old, new) =
            (plan("x:1", 1, "m1", "http://u:p@h/a?token=1"), plan("x:2", 2, "m2", "http://u:q@h/a?token=2"));
        let words: Vec<String> = changes(old.as_bytes(), new.as_bytes())
            .iter()
            .map(|change| format!("{:?} {}: {:?}", change.topic, change.name, change.what))
            .collect();
        assert_eq!(
            words,
            [
                r#"Images x: Changed { from: "1", to: "2" }"#,
                r#"Etcd incarnation: Changed { from: "1", to: "2" }"#,
                r#"Etcd member m1: Removed { from: Some("[fd00::1]") }"#,
                r#"Etcd member m2: Added { to: Some("[fd00::1]") }"#,
            ]
        );
        assert_eq!(host("https://192.0.2.1:2380"), "192.0.2.1");
    }
}
