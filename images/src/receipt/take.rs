//! Asks a registry what it has of some repositories, or of all that it lists: every tag, what the tags lead to, and each blob, whether it is still there.
//!
//! Only what the registry shows is written down: a wrong document, or a blob that is gone, makes a delta larger and nothing else.

use super::{Held, RECEIPT_LIMIT, Receipt, ReceiptError};
use crate::content::Content;
use crate::digest::Digest;
use crate::layout::{Descriptor, Document, Kind, Limits};
use crate::parallel;
use crate::push::Prefix;
use crate::reference::Reference;
use crate::registry::{Class, Client, RegistryError};
use crate::stop::Stop;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Most repositories of a catalog that are asked.
const REPOSITORIES: usize = 10_000;
/// Most tags of one repository that are looked at.
const TAGS: usize = 10_000;
/// Most manifests and blobs of all.
const MOST: usize = 100_000;
/// Requests at a time unless told otherwise.
const WORKERS: usize = 8;
/// Most requests at a time.
const MOST_WORKERS: usize = 32;

/// How to ask.
#[derive(Clone, Debug)]
pub struct Options {
    /// Below which path of the registry the mirror lies.
    pub prefix: Prefix,
    /// Requests at a time, at most 32.
    pub workers: usize,
    /// Ends the work early. It should be the client's own.
    pub stop: Stop,
}

impl Default for Options {
    fn default() -> Self {
        Self { prefix: Prefix::default(), workers: WORKERS, stop: Stop::new() }
    }
}

/// What is told while a receipt is taken.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A manifest or an index is there.
    Manifest {
        /// Its repository.
        repository: &'a str,
        /// Its digest.
        digest: &'a Digest,
    },
    /// A blob is there.
    Blob {
        /// Its repository.
        repository: &'a str,
        /// Its digest.
        digest: &'a Digest,
    },
    /// A repository has more tags than are looked at.
    Limited {
        /// The repository.
        repository: &'a str,
        /// How many are looked at.
        limit: usize,
    },
    /// Something cannot be used, and is left out.
    LeftOut {
        /// Its repository.
        repository: &'a str,
        /// A tag or a digest.
        reference: &'a str,
        /// Why.
        error: &'a RegistryError,
    },
}

/// Listens, from many threads at once. It should return soon.
pub type Events<'a> = dyn Fn(Event<'_>) + Sync + 'a;

/// The references that a bundle names. Entries that have none, or one that is not whole, are left out.
#[must_use]
pub fn references(content: &Content) -> Vec<Reference> {
    content.index().manifests.iter().filter_map(|entry| entry.reference()?.parse().ok()).collect()
}

/// Asks for the repositories of these references: all their tags, and the tags and digests that the references name.
///
/// # Errors
/// [`ReceiptError::Registry`] when the registry does not answer or wants a login; [`ReceiptError::TooMany`] and
/// [`ReceiptError::TooLarge`]; [`ReceiptError::Stopped`]. That something is not there is no error.
pub fn take(
    client: &Client,
    references: &[Reference],
    options: &Options,
    events: &Events<'_>,
) -> Result<Receipt, ReceiptError> {
    let mut asked: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for reference in references {
        let names = asked.entry(options.prefix.repository(reference)).or_default();
        names.extend(reference.tag().map(str::to_owned));
        names.extend(reference.digest().map(Digest::to_string));
    }
    taken(client, asked, options, events)
}

/// Asks for all repositories below the prefix that the registry's own catalog lists, and all their tags.
///
/// # Errors
/// As [`take`]; [`ReceiptError::NoCatalog`] where the registry lists nothing to us, or more than is asked.
pub fn take_all(client: &Client, options: &Options, events: &Events<'_>) -> Result<Receipt, ReceiptError> {
    let refused = |reason: String| ReceiptError::NoCatalog { registry: client.host(), reason };
    let listed = client.catalog(REPOSITORIES + 1).map_err(|error| match &error {
        RegistryError::Stopped => ReceiptError::Stopped,
        RegistryError::NotFound { .. } | RegistryError::Unauthorized { .. } => refused(error.to_string()),
        RegistryError::Status { status: 400..500, .. } | RegistryError::Answer { .. } => refused(error.to_string()),
        _ => ReceiptError::Registry { repository: "_catalog".to_owned(), error },
    })?;
    if listed.len() > REPOSITORIES {
        return Err(refused(format!("it has more than {REPOSITORIES} of them")));
    }
    let below = match options.prefix.as_str() {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let own = listed.into_iter().filter(|repository| repository.starts_with(&below));
    taken(client, own.map(|repository| (repository, BTreeSet::new())).collect(), options, events)
}

/// Asks for these repositories: all their tags, and what is named beside.
fn taken(
    client: &Client,
    asked: BTreeMap<String, BTreeSet<String>>,
    options: &Options,
    events: &Events<'_>,
) -> Result<Receipt, ReceiptError> {
    let taker = Taker {
        client,
        events,
        stop: &options.stop,
        workers: options.workers.clamp(1, MOST_WORKERS),
        failed: AtomicBool::new(false),
        count: AtomicUsize::new(0),
    };
    let mut held: BTreeMap<String, Held> = asked.keys().map(|name| (name.clone(), Held::default())).collect();
    let tags = taker.tags(asked)?;
    let blobs = taker.documents(tags, &mut held)?;
    taker.blobs(&blobs, &mut held)?;
    let receipt = Receipt::new(&client.host(), options.prefix.clone(), held);
    let size = receipt.to_bytes().len() as u64;
    if size > RECEIPT_LIMIT {
        return Err(ReceiptError::TooLarge { size, limit: RECEIPT_LIMIT });
    }
    Ok(receipt)
}

struct Taker<'a> {
    client: &'a Client,
    events: &'a Events<'a>,
    stop: &'a Stop,
    workers: usize,
    /// An error came: nothing more is asked.
    failed: AtomicBool,
    count: AtomicUsize,
}

/// A manifest or an index that is asked for by tag or digest.
struct Asked {
    repository: String,
    reference: String,
}

/// A document that is there.
struct Shown {
    descriptor: Descriptor,
    documents: Vec<Digest>,
    blobs: Vec<(Digest, u64)>,
}

/// Blobs that documents name, by repository.
type Blobs = BTreeSet<(String, Digest, u64)>;

impl Taker<'_> {
    /// Asks for each, several at a time; the first error ends it.
    fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        ask: impl Fn(&T) -> Result<R, ReceiptError> + Sync,
    ) -> Result<Vec<R>, ReceiptError> {
        let answers = parallel::each(items, self.workers, |item| {
            if self.stop.is_asked() {
                return Some(Err(ReceiptError::Stopped));
            }
            if self.failed.load(Ordering::Relaxed) {
                return None;
            }
            let answer = ask(item);
            self.failed.fetch_or(answer.is_err(), Ordering::Relaxed);
            Some(answer)
        });
        answers.into_iter().flatten().collect()
    }

    fn tags(&self, asked: BTreeMap<String, BTreeSet<String>>) -> Result<Vec<Asked>, ReceiptError> {
        let asked: Vec<(String, BTreeSet<String>)> = asked.into_iter().collect();
        let lists = self.each(&asked, |(repository, _)| match self.client.tags(repository, TAGS + 1) {
            Ok(mut tags) => {
                if tags.len() > TAGS {
                    tags.truncate(TAGS);
                    (self.events)(Event::Limited { repository, limit: TAGS });
                }
                Ok(tags)
            }
            Err(error) => self.without(repository, "tags/list", error).map(|()| Vec::new()),
        })?;
        let mut all = Vec::new();
        for ((repository, mut references), tags) in asked.into_iter().zip(lists) {
            references.extend(tags);
            all.extend(references.into_iter().map(|reference| Asked { repository: repository.clone(), reference }));
        }
        Ok(all)
    }

    /// Fetches documents level by level, notes them, and returns the blobs that they name.
    fn documents(&self, tags: Vec<Asked>, held: &mut BTreeMap<String, Held>) -> Result<Blobs, ReceiptError> {
        let (mut level, mut blobs) = (tags, Blobs::new());
        for _ in 0..Limits::default().depth {
            let shown = self.each(&level, |asked| self.document(asked))?;
            let mut next = BTreeSet::new();
            for (asked, shown) in level.iter().zip(shown) {
                let Some(shown) = shown else { continue };
                let held = held.entry(asked.repository.clone()).or_default();
                let digest = shown.descriptor.digest;
                if asked.reference != digest.as_str() {
                    held.tags.insert(asked.reference.clone(), digest.clone());
                }
                if held.manifests.insert(digest, shown.descriptor.size).is_none() {
                    let named = shown.blobs.into_iter();
                    blobs.extend(named.map(|(digest, size)| (asked.repository.clone(), digest, size)));
                    next.extend(shown.documents.into_iter().map(|digest| (asked.repository.clone(), digest)));
                }
            }
            next.retain(|(repository, digest)| !held[repository].manifests.contains_key(digest));
            if next.is_empty() {
                break;
            }
            let asked = |(repository, digest): (String, Digest)| Asked { repository, reference: digest.to_string() };
            level = next.into_iter().map(asked).collect();
        }
        Ok(blobs)
    }

    fn document(&self, asked: &Asked) -> Result<Option<Shown>, ReceiptError> {
        let fetched = match self.client.manifest(&asked.repository, &asked.reference) {
            Ok(fetched) => fetched,
            Err(error) => return self.without(&asked.repository, &asked.reference, error).map(|()| None),
        };
        let descriptor = fetched.descriptor();
        let (mut documents, mut blobs) = (Vec::new(), Vec::new());
        match fetched.document {
            Document::Index(index) => {
                for child in index.manifests {
                    match child.kind() {
                        Kind::Index | Kind::Manifest => documents.push(child.digest),
                        Kind::Schema1 | Kind::Other => blobs.push((child.digest, child.size)),
                    }
                }
            }
            Document::Manifest(manifest) => {
                blobs.extend(
                    std::iter::once(manifest.config).chain(manifest.layers).map(|blob| (blob.digest, blob.size)),
                );
            }
        }
        let more = 1 + documents.len() + blobs.len();
        if self.count.fetch_add(more, Ordering::Relaxed) + more > MOST {
            return Err(ReceiptError::TooMany(MOST));
        }
        (self.events)(Event::Manifest { repository: &asked.repository, digest: &descriptor.digest });
        Ok(Some(Shown { descriptor, documents, blobs }))
    }

    /// Notes the blobs that are there with the size that is promised.
    fn blobs(&self, blobs: &Blobs, held: &mut BTreeMap<String, Held>) -> Result<(), ReceiptError> {
        let blobs: Vec<&(String, Digest, u64)> = blobs.iter().collect();
        let there =
            self.each(&blobs, |(repository, digest, size)| match self.client.head_blob(repository, digest) {
                Ok(found) => Ok(found == Some(*size)),
                Err(error) => self.without(repository, digest.as_str(), error).map(|()| false),
            })?;
        for ((repository, digest, size), _) in blobs.iter().zip(there).filter(|(_, there)| *there) {
            (self.events)(Event::Blob { repository, digest });
            held.entry(repository.clone()).or_default().blobs.insert(digest.clone(), *size);
        }
        Ok(())
    }

    /// Goes on without what is missing or wrong; not without the registry.
    fn without(&self, repository: &str, reference: &str, error: RegistryError) -> Result<(), ReceiptError> {
        if matches!(error, RegistryError::Stopped) {
            return Err(ReceiptError::Stopped);
        }
        let is_about_us = matches!(error, RegistryError::Unauthorized { .. } | RegistryError::RateLimited { .. });
        match error.class() {
            Class::Missing => Ok(()),
            Class::Wrong if !is_about_us => {
                (self.events)(Event::LeftOut { repository, reference, error: &error });
                Ok(())
            }
            _ => Err(ReceiptError::Registry { repository: repository.to_owned(), error }),
        }
    }
}
