//! Deleting what a newer generation no longer has: only what kfimg made, and only that very object.
//!
//! It comes after all objects are applied, so that a successor that is refused costs nobody the running predecessor.

use super::api::Trouble;
use super::apply::Work;
use super::codes::{KEPT, PENDING};
use super::inventory::Entry;
use super::probe::look;
use super::stop::Stop;
use crate::failure::Failure;
use crate::step::StepLog;
use serde_json::json;
use ureq::http::Method;

/// What became of an object that the description no longer has.
enum Fate {
    /// It is gone, or another has its name.
    Gone,
    /// It stays.
    Kept,
}

impl Work<'_> {
    /// Deletes; gives what could not be deleted.
    pub(super) fn prune(&mut self, log: &mut StepLog) -> Result<Vec<Failure>, Stop> {
        let mut failures = Vec::new();
        for entry in self.inventory.dropped(&self.job.items) {
            self.lock.keep(&self.job.api)?;
            match self.fate(&entry) {
                Ok(Fate::Gone) => self.inventory.remove(&entry.head),
                Ok(Fate::Kept) => log.warn(&KEPT, &format!("{} is left as it is", entry.head)),
                Err(trouble @ Trouble::Silent(_)) => return Err(trouble.stop("deleting what is no longer described")),
                Err(Trouble::Passing(reason, _) | Trouble::Refused(reason)) => {
                    let message = format!("{} is no longer described and can't be deleted: {reason}", entry.head);
                    failures.push(Failure::new(&PENDING, message));
                }
            }
        }
        Ok(failures)
    }

    fn fate(&mut self, Entry { head, uid }: &Entry) -> Result<Fate, Trouble> {
        let api = &self.job.api;
        let Some(found) = look(api, &mut self.discovery, head)? else { return Ok(Fate::Gone) };
        // Without a uid a power cut came between the record and the object; then its fields tell.
        let ours = uid.as_ref().map_or_else(|| found.may_be_ours(), |uid| *uid == found.metadata.uid);
        if !ours || found.metadata.deletion_timestamp.is_some() {
            return Ok(Fate::Gone);
        }
        if head.outlives_description() {
            return Ok(Fate::Kept);
        }
        let Some(path) = self.discovery.path(api, head)? else { return Ok(Fate::Gone) };
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
            "preconditions": { "uid": found.metadata.uid },
        });
        let sent = api.call(Method::DELETE, &path, "application/json", options.to_string().into_bytes());
        match sent {
            Ok(()) => Ok(Fate::Gone),
            Err(error) if error.status() == Some(404) => Ok(Fate::Gone),
            Err(error) => Err(Trouble::of(&error, head.is_secret())),
        }
    }
}
