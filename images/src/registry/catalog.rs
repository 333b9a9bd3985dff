//! The repositories that a registry says it has: `/v2/_catalog`, which is the reference registry's, and which many others have too.
//!
//! The distribution specification does not ask for it, and a registry may list to each of us what it likes.

use super::token::Scope;
use super::url::Url;
use super::{Client, RegistryError};
use crate::layout::DOCUMENT_LIMIT;
use serde::Deserialize;
use std::collections::BTreeSet;

/// Repositories that are asked for at a time.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct CatalogPage {
    /// Some registries write `null` for none.
    repositories: Option<Vec<String>>,
}

impl Client {
    /// The names of the registry's repositories, sorted; at most `limit` of them. What is no name of a repository is left out.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where the registry has no such list; [`RegistryError::Refused`] when the next page lies elsewhere;
    /// [`RegistryError::Answer`] when the pages do not end; those of the transport.
    pub fn catalog(&self, limit: usize) -> Result<Vec<String>, RegistryError> {
        let first = Url::at(&self.wire.home, "/v2/_catalog".to_owned()).with("n", &PAGE.min(limit).to_string());
        let limit = limit.min(self.wire.limits.entries);
        let mut repositories = BTreeSet::new();
        self.pages(&Scope::catalog(), first, |client, answer| {
            let url = answer.url.to_string();
            let bytes = answer.into_body(0, &client.wire).read_all(DOCUMENT_LIMIT)?;
            let page: CatalogPage = serde_json::from_slice(&bytes).map_err(|error| RegistryError::Answer {
                url,
                reason: format!("the list of repositories is malformed: {error}"),
            })?;
            let named = page.repositories.unwrap_or_default();
            let before = repositories.len();
            repositories.extend(named.into_iter().filter(|name| crate::reference::check_repository(name).is_ok()));
            Ok(repositories.len() > before && repositories.len() < limit)
        })?;
        Ok(repositories.into_iter().take(limit).collect())
    }
}
