//! Which objects are there before they are applied, and whose they are.
//!
//! What is absent goes into the record before it is made: were the record written after, a power cut between the two would
//! leave objects that nobody knows to be ours. What such a cut left is told from what somebody else has made since by its
//! field manager.

use super::FIELD_MANAGER;
use super::api::{Api, Trouble, Want};
use super::discovery::Discovery;
use super::list::Head;
use serde::Deserialize;

/// An object's metadata, as far as they tell whose it is.
#[derive(Deserialize)]
pub(super) struct Found {
    /// See there.
    pub(super) metadata: FoundMetadata,
}

/// See [`Found`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundMetadata {
    /// Which of all that ever had this name.
    pub(super) uid: String,
    /// Since when it is being deleted.
    #[serde(default)]
    pub(super) deletion_timestamp: Option<String>,
    #[serde(default)]
    managed_fields: Vec<ManagedField>,
}

#[derive(Deserialize)]
struct ManagedField {
    #[serde(default)]
    manager: String,
    #[serde(default)]
    operation: String,
}

impl Found {
    /// Whether kfimg applied it. One of which nothing but its name was applied, such as a Namespace, has no manager; one that
    /// somebody else made has theirs.
    pub(super) fn may_be_ours(&self) -> bool {
        let fields = &self.metadata.managed_fields;
        fields.is_empty() || fields.iter().any(|field| field.manager == FIELD_MANAGER && field.operation == "Apply")
    }
}

/// The object of this name: `None` when there is none, or no such kind.
pub(super) fn look(api: &Api, discovery: &mut Discovery, head: &Head) -> Result<Option<Found>, Trouble> {
    let Some(path) = discovery.path(api, head)? else { return Ok(None) };
    api.find(&path, Want::Metadata).map_err(|error| Trouble::of(&error, head.is_secret()))
}
