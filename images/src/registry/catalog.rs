//! The repositories that a registry says it has: `/v2/_catalog`, which is the reference registry's, and which many others have too.
//!
//! The distribution specification does not ask for it, and a registry may list to each of us what it likes.

use super::lists::NamePage;
use super::token::Scope;
use super::url::Url;
use super::{Client, RegistryError};
use serde::Deserialize;

#[derive(Deserialize)]
struct CatalogPage {
    /// Some registries write `null` for none.
    repositories: Option<Vec<String>>,
}

impl NamePage for CatalogPage {
    const LISTED: &str = "repositories";

    fn named(self) -> Vec<String> {
        self.repositories.unwrap_or_default()
    }

    fn is_name(text: &str) -> bool {
        crate::reference::check_repository(text).is_ok()
    }
}

impl Client {
    /// The names of the registry's repositories, sorted; at most `limit` of them. What is no name of a repository is left out.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where the registry has no such list; [`RegistryError::Refused`] when the next page lies elsewhere;
    /// [`RegistryError::Answer`] when the pages do not end; those of the transport.
    pub fn catalog(&self, limit: usize) -> Result<Vec<String>, RegistryError> {
        let first = Url::at(&self.wire.home, "/v2/_catalog".to_owned());
        self.names::<CatalogPage>(&Scope::catalog(), &first, limit)
    }
}
