//! The lock on addons: a Lease that one control plane at a time holds while it applies and prunes.
//!
//! Clocks of machines differ, so nobody compares a time in the Lease with its own: a holder is gone when its Lease has not
//! changed for [`LEASE_TIME`] by the watcher's own clock, as in client-go's `leaderelection`.

use super::api::{Api, REQUEST_TIME, Trouble, Want};
use super::codes::LOCKED;
use super::record::rfc3339;
use super::stop::Stop;
use crate::step::now;
use crate::texts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use ureq::http::Method;

const COLLECTION: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases";
const NAME: &str = "kfimg-addons";
/// A Lease that nobody renews for so long is anybody's.
const LEASE_TIME: Duration = Duration::from_secs(50);
/// A Lease this old is renewed before the next request.
const RENEW_AFTER: Duration = Duration::from_secs(10);

/// The lock, held.
pub(super) struct Lock {
    lease: Lease,
    holder: String,
    renewed: Instant,
}

/// Somebody else's lock, watched.
#[derive(Default)]
pub(super) struct Watch(Option<(Value, Instant)>);

#[derive(Clone, Deserialize, Serialize)]
struct Lease {
    metadata: Value,
    #[serde(default)]
    spec: Spec,
}

#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    holder_identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_duration_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acquire_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renew_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lease_transitions: Option<u64>,
}

impl Watch {
    /// Takes the lock if it is free, ours from before a crash, or given up by its holder.
    pub(super) fn lock(&mut self, api: &Api, node: &str) -> Result<Lock, Stop> {
        let found = api.find::<Lease>(&path(), Want::All).map_err(|error| stop(&Trouble::of(&error, false)))?;
        let holder = found.as_ref().and_then(|lease| lease.spec.holder_identity.clone()).unwrap_or_default();
        let free = holder.is_empty() || holder == node;
        if let Some(lease) = found.as_ref().filter(|_| !free) {
            let version = &lease.metadata["resourceVersion"];
            match &self.0 {
                Some((seen, since)) if seen == version && since.elapsed() >= LEASE_TIME => {}
                Some((seen, _)) if seen == version => return Err(held_by(&holder)),
                _ => {
                    self.0 = Some((version.clone(), Instant::now()));
                    return Err(held_by(&holder));
                }
            }
        }
        let began = Instant::now();
        let lease = put(api, found, node)?;
        Ok(Lock { lease, holder: node.to_owned(), renewed: began })
    }
}

impl Lock {
    /// Called before everything that the lock guards: leaves it time for three requests before anybody else may take the lock.
    pub(super) fn keep(&mut self, api: &Api) -> Result<(), Stop> {
        const { assert!(RENEW_AFTER.as_secs() + 3 * REQUEST_TIME.as_secs() < LEASE_TIME.as_secs()) }
        if self.renewed.elapsed() >= RENEW_AFTER {
            let began = Instant::now();
            self.lease = put(api, Some(self.lease.clone()), &self.holder)?;
            self.renewed = began;
        }
        Ok(())
    }

    /// Lets others have it at once. Where that fails they wait until it is old.
    pub(super) fn release(mut self, api: &Api) {
        self.lease.spec.holder_identity = Some(String::new());
        let _ = api.call(Method::PUT, &path(), "application/json", body(&self.lease));
    }
}

/// Makes or replaces the Lease, if it is still the one that was read.
fn put(api: &Api, former: Option<Lease>, node: &str) -> Result<Lease, Stop> {
    let time = rfc3339(now());
    let is_new = former.is_none();
    let mut lease = former.unwrap_or_else(|| {
        let metadata = json!({ "name": NAME, "namespace": "kube-system" });
        Lease { metadata, spec: Spec::default() }
    });
    let spec = &mut lease.spec;
    if spec.holder_identity.as_deref() != Some(node) {
        spec.lease_transitions = spec.lease_transitions.map_or(Some(0), |count| Some(count + 1));
        spec.acquire_time = Some(time.clone());
    }
    spec.holder_identity = Some(node.to_owned());
    spec.lease_duration_seconds = Some(LEASE_TIME.as_secs());
    spec.renew_time = Some(time);
    let content = ("application/json", body(&lease));
    let sent = match is_new {
        true => api.send(Method::POST, COLLECTION, content, Want::All),
        false => api.send(Method::PUT, &path(), content, Want::All),
    };
    match sent {
        Ok((_, lease)) => Ok(lease),
        Err(error) if error.status() == Some(409) => Err(held_by("another control plane")),
        Err(error) => Err(stop(&Trouble::of(&error, false))),
    }
}

fn body(lease: &Lease) -> Vec<u8> {
    let Lease { metadata, spec } = lease;
    let body = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec,
    });
    body.to_string().into_bytes()
}

fn path() -> String {
    format!("{COLLECTION}/{NAME}")
}

fn held_by(holder: &str) -> Stop {
    Stop::Again(&LOCKED, texts::addons::locked(holder))
}

fn stop(trouble: &Trouble) -> Stop {
    trouble.stop("locking the addons (Lease kube-system/kfimg-addons)")
}
