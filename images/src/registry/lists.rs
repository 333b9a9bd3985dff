//! Lists: tags, and what refers to a manifest. Pages are followed on the registry itself, and both pages and entries have a limit.

use super::rules::Purpose;
use super::token::Scope;
use super::transport::{Answer, Call};
use super::url::Url;
use super::{Client, RegistryError, manifests};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Index, ROOT_LIMIT, media_type};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use ureq::http::Method;

/// Names that are asked for at a time.
const PAGE: usize = 1000;

/// A page of a list of names.
pub(super) trait NamePage: DeserializeOwned {
    /// What is listed, for an error.
    const LISTED: &str;

    /// What stands on it.
    fn named(self) -> Vec<String>;

    /// Whether a text is such a name. Others are left out.
    fn is_name(text: &str) -> bool;
}

#[derive(Deserialize)]
struct TagPage {
    /// Some registries write `null` for none.
    tags: Option<Vec<String>>,
}

impl NamePage for TagPage {
    const LISTED: &str = "tags";

    fn named(self) -> Vec<String> {
        self.tags.unwrap_or_default()
    }

    fn is_name(text: &str) -> bool {
        crate::reference::check_tag(text).is_ok()
    }
}

impl Client {
    /// The tags of a repository, sorted; at most `limit` of them. Names that are no tags are left out.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for a repository that is not there; [`RegistryError::Refused`] when the next page lies elsewhere;
    /// [`RegistryError::Answer`] when the pages do not end; those of the transport.
    pub fn tags(&self, repository: &str, limit: usize) -> Result<Vec<String>, RegistryError> {
        let first = self.url(repository, "tags/list")?;
        self.names::<TagPage>(&Scope::pull(repository), &first, limit)
    }

    /// The names of a list, sorted; at most `limit` of them.
    pub(super) fn names<P: NamePage>(
        &self,
        scope: &Scope,
        list: &Url,
        limit: usize,
    ) -> Result<Vec<String>, RegistryError> {
        let first = list.with("n", &PAGE.min(limit).to_string());
        let limit = limit.min(self.wire.limits.entries);
        let mut names = BTreeSet::new();
        self.pages(scope, first, |client, answer| {
            let url = answer.url.to_string();
            let bytes = answer.into_body(0, &client.wire).read_all(DOCUMENT_LIMIT)?;
            let page: P = serde_json::from_slice(&bytes).map_err(|error| RegistryError::Answer {
                url,
                reason: format!("the list of {} is malformed: {error}", P::LISTED),
            })?;
            let before = names.len();
            names.extend(page.named().into_iter().filter(|name| P::is_name(name)));
            Ok(names.len() > before && names.len() < limit)
        })?;
        Ok(names.into_iter().take(limit).collect())
    }

    /// What refers to a manifest (signatures, SBOMs, attestations), of one type or of all; by the referrers interface, else by the
    /// fallback tag.
    ///
    /// # Errors
    /// As [`Client::tags`]; [`RegistryError::Document`] for an answer that is no index.
    pub fn referrers(
        &self,
        repository: &str,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let plain = self.url(repository, &format!("referrers/{digest}"))?;
        let first = artifact_type.map_or_else(|| plain.clone(), |wanted| plain.with("artifactType", wanted));
        let limit = self.wire.limits.entries;
        let (mut found, mut size): (Vec<Descriptor>, u64) = (Vec::new(), 0);
        let listed = self.pages(&Scope::pull(repository), first, |client, answer| {
            let url = answer.url.to_string();
            let (entries, bytes) = referrers_page(client, answer)?;
            // Pages are kept together, with all that is noted in them; what they list must fit into an index.json.
            size += bytes;
            if size > ROOT_LIMIT {
                return Err(RegistryError::TooLarge { url, limit: ROOT_LIMIT });
            }
            let goes_on = !entries.is_empty();
            found.extend(entries);
            if found.len() > limit {
                return Err(RegistryError::Answer { url, reason: format!("more than {limit} referrers") });
            }
            Ok(goes_on)
        });
        match listed {
            Ok(()) => {}
            Err(RegistryError::NotFound { .. }) => found = self.fallback_referrers(repository, digest)?,
            // Registries that know no referrers answer so too.
            Err(RegistryError::Status { status: 400 | 405 | 501, .. }) => {
                found = self.fallback_referrers(repository, digest)?;
            }
            Err(error) => return Err(error),
        }
        // The registry may have ignored the filter.
        found.retain(|entry| artifact_type.is_none_or(|wanted| entry.artifact_type.as_deref() == Some(wanted)));
        let mut seen = BTreeSet::new();
        found.retain(|entry| seen.insert(entry.digest.clone()));
        Ok(found)
    }

    /// By the tag `sha256-<digits>`, under which clients keep the list where the registry does not.
    fn fallback_referrers(&self, repository: &str, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        match self.manifest(repository, &fallback_tag(digest)) {
            Ok(fetched) => match fetched.document {
                Document::Index(index) => Ok(index.manifests),
                Document::Manifest(_) => Ok(Vec::new()),
            },
            Err(RegistryError::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads pages until one says that it is the last, `read` does, or there are too many.
    pub(super) fn pages(
        &self,
        scope: &Scope,
        first: Url,
        mut read: impl FnMut(&Self, Answer) -> Result<bool, RegistryError>,
    ) -> Result<(), RegistryError> {
        let mut url = first;
        for _ in 0..self.wire.limits.pages {
            let answer = self.send(scope, &mut Call::new(Method::GET, url.clone()))?;
            if answer.status != 200 {
                return Err(self.failure(answer));
            }
            let from = answer.url.clone();
            let link =
                answer.headers.get_all("link").iter().filter_map(|value| value.to_str().ok()).find_map(next_page);
            let link = link.map(str::to_owned);
            if !read(self, answer)? {
                return Ok(());
            }
            let Some(link) = link else { return Ok(()) };
            let next = self.wire.admitted(Purpose::NextPage, &from, &link)?;
            if next == url {
                return Err(RegistryError::Answer {
                    url: url.to_string(),
                    reason: "the next page is this page".to_owned(),
                });
            }
            url = next;
        }
        let reason = format!("more than {} pages", self.wire.limits.pages);
        Err(RegistryError::Answer { url: url.to_string(), reason })
    }
}

/// The tag under which the referrers of a manifest are kept: the algorithm, `-`, and the first 64 digits.
///
/// Source: distribution specification, "Referrers Tag Schema".
#[must_use]
pub(crate) fn fallback_tag(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), &digest.hexadecimal()[..64])
}

/// The target of `<…>; rel="next"`.
fn next_page(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (target, parameters) = link.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = |text: &str| {
            text.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel") && value.trim().trim_matches('"').eq_ignore_ascii_case("next")
            })
        };
        parameters.split(';').any(is_next).then_some(target)
    })
}

/// What one page of referrers lists, and its size in bytes.
fn referrers_page(client: &Client, answer: Answer) -> Result<(Vec<Descriptor>, u64), RegistryError> {
    let url = answer.url.to_string();
    let written = answer.header("content-type").map(media_type::essence).unwrap_or_default();
    let bytes = answer.into_body(0, &client.wire).read_all(DOCUMENT_LIMIT)?;
    Ok((index(&url, &written, &bytes)?.manifests, bytes.len() as u64))
}

fn index(url: &str, written: &str, bytes: &[u8]) -> Result<Index, RegistryError> {
    match Document::parse(written, bytes) {
        Ok(Document::Index(index)) => Ok(index),
        Ok(Document::Manifest(_)) => Err(RegistryError::Answer {
            url: url.to_owned(),
            reason: "a list of referrers is an index, and this is a manifest".to_owned(),
        }),
        Err(error) => Err(manifests::document(url.to_owned(), error)),
    }
}

#[cfg(test)]
mod tests {
    use super::{fallback_tag, next_page};

    #[test]
    fn the_next_page_is_found() {
        assert_eq!(next_page("</v2/a/tags/list?n=2&last=b>; rel=\"next\""), Some("/v2/a/tags/list?n=2&last=b"));
        assert_eq!(next_page("</first>; rel=prev, </x>; title=\"y\"; REL=Next"), Some("/x"));
        for header in ["", "</x>", "/x; rel=next", "<", "</x>; rel=\"prev\""] {
            assert_eq!(next_page(header), None, "{header}");
        }
    }

    #[test]
    fn a_fallback_tag_is_a_tag() {
        for digest in [format!("sha256:{}", "a".repeat(64)), format!("sha512:{}", "a".repeat(128))] {
            let tag = fallback_tag(&digest.parse().unwrap());
            assert!(crate::reference::check_tag(&tag).is_ok(), "{tag}");
        }
    }
}
