//! `kube-system/kfimg-cluster`: what the cluster is and which addons it has, for people and for the next generation.
//!
//! A plan's generation is the number of the render that last changed *its node*, so control planes of one render may hold
//! different numbers. They compare all the same, because every control plane carries every addon: a render that changes an
//! addon changes all of them. So between two changes of addons lies a span of numbers that no other addons ever had:
//!
//! - the same digest of addons: the same addons, whatever the numbers; the record keeps the greatest;
//! - another digest and a greater number: newer addons;
//! - another digest and a smaller number: older ones, which do nothing;
//! - another digest and the same number: two renders gave one number, so a state folder was lost or copied.
//!
//! It holds no secret: of objects it has names alone.

use super::api::{Api, Trouble, Want};
use super::codes::{FILE, RECORD};
use super::inventory::Inventory;
use super::stop::Stop;
use crate::clock::utc;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::step::now;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use ureq::http::Method;

const COLLECTION: &str = "/api/v1/namespaces/kube-system/configmaps";
/// The name of the `ConfigMap`.
const NAME: &str = "kfimg-cluster";
/// No text of it is longer in all, in bytes; the API server takes 1 MiB.
const LIMIT: usize = 1_000_000;

/// What this node would apply.
pub(super) struct Ours<'a> {
    /// Of this node.
    pub(super) plan: &'a Plan,
    /// SHA-256 of all addons, the Kubernetes version and the incarnation: the same on all control planes.
    pub(super) digest: String,
}

/// What the cluster holds.
pub(super) struct Record {
    /// Of the `ConfigMap`, with the version that the next write replaces.
    metadata: Value,
    cluster: String,
    generation: u64,
    digest: String,
    complete: bool,
    /// What kfimg made.
    pub(super) objects: Inventory,
}

/// What this node's addons are beside the record's.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// The record's are newer, of this generation.
    Older(u64),
    /// They are the record's, and all applied. Whether the record has a smaller number than this node.
    Applied {
        /// See above.
        behind: bool,
    },
    /// They have to be applied.
    Needed,
}

#[derive(Deserialize)]
struct ConfigMap {
    metadata: Value,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

impl Record {
    /// Reads it from the cluster.
    pub(super) fn read(api: &Api) -> Result<Option<Self>, Stop> {
        let found = api.find::<ConfigMap>(&format!("{COLLECTION}/{NAME}"), Want::All);
        let found = found.map_err(|error| Trouble::of(&error, false).stop("reading kube-system/kfimg-cluster"))?;
        Ok(found.map(Self::parse).transpose()?)
    }

    fn parse(map: ConfigMap) -> Result<Self, Failure> {
        let text = |key: &str| {
            let value = map.data.get(key);
            value.ok_or_else(|| Failure::new(&RECORD, format!("kube-system/{NAME} has no `{key}`")))
        };
        let wrong =
            |key: &str| Failure::new(&RECORD, format!("`{key}` of kube-system/{NAME} is not what kfimg writes"));
        Ok(Self {
            cluster: text("uid")?.clone(),
            generation: text("generation")?.parse().map_err(|_| wrong("generation"))?,
            digest: text("digest")?.clone(),
            complete: text("complete")?.parse().map_err(|_| wrong("complete"))?,
            objects: Inventory::parse(text("objects")?).ok_or_else(|| wrong("objects"))?,
            metadata: map.metadata,
        })
    }

    /// Writes it in place of `former`; a write of somebody else in between is found, and nothing is written.
    pub(super) fn write(
        api: &Api,
        ours: &Ours<'_>,
        former: Option<&Self>,
        complete: bool,
        objects: &Inventory,
    ) -> Result<Self, Stop> {
        let data = ours.data(former, complete, objects);
        let length: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
        if length > LIMIT {
            let message = format!("the names of all objects are {length} bytes; the record holds {LIMIT}");
            return Err(Failure::new(&FILE, message).into());
        }
        let metadata = former.map_or_else(new_metadata, |former| former.metadata.clone());
        let body = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
        let content = ("application/json", body.to_string().into_bytes());
        let sent = match former {
            Some(_) => api.send::<ConfigMap>(Method::PUT, &format!("{COLLECTION}/{NAME}"), content, Want::All),
            None => api.send::<ConfigMap>(Method::POST, COLLECTION, content, Want::All),
        };
        let (_, map) = sent.map_err(|error| Trouble::of(&error, false).stop("writing kube-system/kfimg-cluster"))?;
        Ok(Self::parse(map)?)
    }
}

fn new_metadata() -> Value {
    json!({ "name": NAME, "namespace": "kube-system", "labels": { "app.kubernetes.io/managed-by": "kfimg" } })
}

impl Ours<'_> {
    /// What our addons are beside the record's.
    pub(super) fn standing(&self, record: Option<&Record>) -> Result<Standing, Failure> {
        let Some(record) = record else { return Ok(Standing::Needed) };
        let ours = self.plan.generation;
        if record.cluster != self.plan.cluster.uid {
            let message = format!("kube-system/{NAME} is of the cluster {}, the plan of another", record.cluster);
            return Err(Failure::new(&RECORD, message));
        }
        if record.digest == self.digest {
            let behind = record.generation < ours;
            return Ok(if record.complete { Standing::Applied { behind } } else { Standing::Needed });
        }
        match ours.cmp(&record.generation) {
            Ordering::Greater => Ok(Standing::Needed),
            Ordering::Less => Ok(Standing::Older(record.generation)),
            Ordering::Equal => {
                let message = format!("kube-system/{NAME} has other addons under this plan's generation, {ours}");
                Err(Failure::new(&RECORD, message))
            }
        }
    }

    fn data(&self, former: Option<&Record>, complete: bool, objects: &Inventory) -> BTreeMap<&'static str, String> {
        let Plan { cluster, node, generation, images, .. } = self.plan;
        let same = former.filter(|former| former.digest == self.digest);
        let generation = same.map_or(*generation, |former| former.generation.max(*generation));
        let images = images.iter().map(|image| match &image.digest {
            Some(digest) if !image.reference.ends_with(digest) => format!("{} {digest}\n", image.reference),
            _ => format!("{}\n", image.reference),
        });
        BTreeMap::from([
            ("name", cluster.name.clone()),
            ("uid", cluster.uid.clone()),
            ("incarnation", cluster.incarnation.to_string()),
            ("kubernetesVersion", cluster.kubernetes_version.clone()),
            ("generation", generation.to_string()),
            ("digest", self.digest.clone()),
            ("complete", complete.to_string()),
            ("appliedAt", rfc3339(now())),
            ("appliedBy", node.name.clone()),
            ("images", images.collect()),
            ("objects", objects.to_text()),
        ])
    }
}

/// A second since 1970 as Kubernetes writes it in `metav1.MicroTime`.
pub(super) fn rfc3339(second: i64) -> String {
    utc::words(second).replacen(' ', "T", 1).replace(" UTC", ".000000Z")
}

#[cfg(test)]
mod tests {
    use super::{Inventory, Ours, Record, Standing, rfc3339};
    use crate::plan::Plan;
    use serde_json::Value;

    fn record(generation: u64, digest: &str, complete: bool) -> Record {
        let (metadata, objects) = (Value::Null, Inventory::default());
        Record { metadata, cluster: Plan::fake().cluster.uid, generation, digest: digest.to_owned(), complete, objects }
    }

    #[test]
    fn the_same_digest_is_the_same_and_else_the_greater_number_is_newer() {
        let plan = Plan { generation: 5, ..Plan::fake() };
        let ours = Ours { plan: &plan, digest: "a".to_owned() };
        assert_eq!(ours.standing(None).unwrap(), Standing::Needed);
        for (generation, digest, complete, standing) in [
            (4, "a", true, Some(Standing::Applied { behind: true })),
            (5, "a", true, Some(Standing::Applied { behind: false })),
            (9, "a", true, Some(Standing::Applied { behind: false })),
            (9, "a", false, Some(Standing::Needed)),
            (4, "b", true, Some(Standing::Needed)),
            (4, "b", false, Some(Standing::Needed)),
            (6, "b", true, Some(Standing::Older(6))),
            (6, "b", false, Some(Standing::Older(6))),
            (5, "b", true, None),
        ] {
            let found = ours.standing(Some(&record(generation, digest, complete))).ok();
            assert_eq!(found, standing, "{generation} {digest} {complete}");
        }
        let foreign = Record { cluster: "another".to_owned(), ..record(1, "a", true) };
        assert!(ours.standing(Some(&foreign)).is_err());
    }

    #[test]
    fn the_same_addons_never_lower_the_number() {
        let plan = Plan { generation: 5, ..Plan::fake() };
        let ours = Ours { plan: &plan, digest: "a".to_owned() };
        for (generation, digest, expected) in [(9, "a", "9"), (4, "a", "5"), (4, "b", "5")] {
            let data = ours.data(Some(&record(generation, digest, false)), true, &Inventory::default());
            assert_eq!(data["generation"], expected);
        }
    }

    #[test]
    fn times_are_as_kubernetes_reads_them() {
        assert_eq!(rfc3339(1_795_237_267), "2026-11-21T05:01:07.000000Z");
    }
}
