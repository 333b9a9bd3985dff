//! Names of resources by kind, as the API server lists them (`/api/v1`, `/apis/<group>/<version>`).
//!
//! Preferred versions are not asked for: objects say their version.

use super::api::{Api, Trouble, Want, segment};
use super::list::Head;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `meta/v1` `APIResourceList`, as far as it is needed.
#[derive(Deserialize)]
struct Resources {
    resources: Vec<Resource>,
}

/// A kind as it stands in paths.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Resource {
    /// `configmaps`; with a slash it is a part of a resource, such as its scale.
    name: String,
    kind: String,
    /// Whether its objects live in namespaces.
    namespaced: bool,
}

/// What has been asked so far. A kind that was not there is asked for again.
#[derive(Default)]
pub(super) struct Discovery(BTreeMap<String, Vec<Resource>>);

impl Discovery {
    /// The path of an object: `None` when there is no such kind, yet or any more.
    pub(super) fn path(&mut self, api: &Api, head: &Head) -> Result<Option<String>, Trouble> {
        let Head { api_version, kind, metadata } = head;
        let base = match api_version.split_once('/') {
            Some((group, version)) => format!("/apis/{}/{}", segment(group), segment(version)),
            None => format!("/api/{}", segment(api_version)),
        };
        let Some(Resource { name, namespaced, .. }) = self.resource(api, &base, kind)? else { return Ok(None) };
        let object = segment(&metadata.name);
        if !namespaced {
            return Ok(Some(format!("{base}/{name}/{object}")));
        }
        let namespace = segment(metadata.namespace.as_deref().unwrap_or("default"));
        Ok(Some(format!("{base}/namespaces/{namespace}/{name}/{object}")))
    }

    fn resource(&mut self, api: &Api, base: &str, kind: &str) -> Result<Option<Resource>, Trouble> {
        let find = |list: &[Resource]| list.iter().find(|resource| resource.kind == kind).cloned();
        if let Some(found) = self.0.get(base).and_then(|list| find(list)) {
            return Ok(Some(found));
        }
        let answer = api.find::<Resources>(base, Want::All).map_err(|error| Trouble::of(&error, false))?;
        let Some(Resources { resources: mut list }) = answer else { return Ok(None) };
        list.retain(|resource| !resource.name.contains('/'));
        let found = find(&list);
        self.0.insert(base.to_owned(), list);
        Ok(found)
    }
}
