//! Labels of Nodes: applied to Nodes that are there, never making one. A Node that comes an hour later gets them then.

use super::FIELD_MANAGER;
use super::api::{Api, Trouble, Want, segment};
use super::codes::REFUSED;
use super::list::{Item, ListFile};
use super::probe::Found;
use super::stop::Stop;
use crate::failure::Failure;
use serde_json::Value;
use std::collections::BTreeSet;
use ureq::http::Method;

/// Nodes of the files that are not labelled yet.
pub(super) struct Labels {
    /// Their places among all objects.
    left: BTreeSet<usize>,
}

impl Labels {
    /// All of them.
    pub(super) fn new(items: &[Item]) -> Self {
        Self { left: (0..items.len()).filter(|index| items[*index].head.is_node()).collect() }
    }

    /// Names of those that are left.
    pub(super) fn missing(&self, items: &[Item]) -> String {
        let names: Vec<&str> = self.left.iter().map(|index| items[*index].head.metadata.name.as_str()).collect();
        names.join(", ")
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Labels the Nodes that are there. What is refused is told and not tried again.
    pub(super) fn apply(&mut self, api: &Api, files: &[ListFile], items: &[Item]) -> Result<Vec<Failure>, Stop> {
        let mut refused = Vec::new();
        let with_nodes: BTreeSet<usize> = self.left.iter().map(|index| items[*index].file).collect();
        for number in with_nodes {
            let first = items.partition_point(|item| item.file < number);
            files[number].each(&mut |position, object| -> Result<(), Stop> {
                let index = first + position;
                if !self.left.contains(&index) {
                    return Ok(());
                }
                match label(api, &items[index].head.metadata.name, object.get()) {
                    Ok(true) => drop(self.left.remove(&index)),
                    Ok(false) | Err(Trouble::Passing(..)) => {}
                    Err(Trouble::Refused(reason)) => {
                        self.left.remove(&index);
                        refused.push(Failure::new(&REFUSED, format!("{}: {reason}", items[index].head)));
                    }
                    Err(trouble) => return Err(trouble.stop("labelling Nodes")),
                }
                Ok(())
            })?;
        }
        Ok(refused)
    }
}

/// Whether the Node is there, and now has what the object says. The uid keeps the API server from making one.
fn label(api: &Api, name: &str, object: &str) -> Result<bool, Trouble> {
    let path = format!("/api/v1/nodes/{}", segment(name));
    let sort = |error| Trouble::of(&error, false);
    let Some(found) = api.find::<Found>(&path, Want::Metadata).map_err(sort)? else { return Ok(false) };
    let mut node: Value = serde_json::from_str(object).map_err(|error| Trouble::Refused(error.to_string()))?;
    node["metadata"]["uid"] = Value::from(found.metadata.uid);
    let path = format!("{path}?fieldManager={FIELD_MANAGER}&force=true");
    let content = ("application/apply-patch+yaml", node.to_string().into_bytes());
    api.send::<Found>(Method::PATCH, &path, content, Want::Metadata).map_err(sort)?;
    Ok(true)
}
