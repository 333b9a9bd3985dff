//! Sees to it that what refers to an image is found there: by the registry's own list, else by the fallback tag, which clients
//! keep where the registry keeps no list.
//!
//! Source: OCI distribution specification v1.1.1, "Pushing Manifests with Subject".

use super::error::{Failure, Problem};
use super::health::Health;
use crate::content::Content;
use crate::digest::Digest;
use crate::layout::media_type::OCI_INDEX;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Document, Index};
use crate::registry::{Client, fallback_tag};
use std::collections::BTreeMap;
use std::sync::Arc;

/// An entry that belongs into the list of what refers to a document.
#[derive(Clone, Debug)]
pub(super) struct Listing {
    repository: Arc<str>,
    subject: Digest,
    entry: Descriptor,
}

/// The entry for a document of the bundle, if it has a subject.
pub(super) fn listing(content: &Content, descriptor: &Descriptor, repository: &Arc<str>) -> Option<Listing> {
    // What cannot be read is named where it is pushed.
    let bytes = content.read_small(&descriptor.digest, DOCUMENT_LIMIT).ok()?;
    listing_of(descriptor, &bytes, repository)
}

/// As [`listing`], from a document's bytes.
pub(super) fn listing_of(descriptor: &Descriptor, bytes: &[u8], repository: &Arc<str>) -> Option<Listing> {
    let document = Document::parse(&descriptor.media_type, bytes).ok()?;
    let subject = document.subject()?.digest.clone();
    let mut entry = Descriptor::new(&descriptor.media_type, descriptor.digest.clone(), descriptor.size);
    match document {
        Document::Manifest(manifest) => {
            entry.artifact_type = Some(manifest.effective_artifact_type().to_owned());
            entry.annotations = manifest.annotations;
        }
        Document::Index(index) => {
            entry.artifact_type = index.artifact_type;
            entry.annotations = index.annotations;
        }
    }
    Some(Listing { repository: Arc::clone(repository), subject, entry })
}

/// Completes the lists, one after the other, since two changes of one tag at a time would lose one.
pub(super) fn list(client: &Client, health: &Health, listings: &[Listing]) -> Vec<Failure> {
    let mut wanted: BTreeMap<(&str, &Digest), BTreeMap<&Digest, &Descriptor>> = BTreeMap::new();
    for Listing { repository, subject, entry } in listings {
        wanted.entry((&**repository, subject)).or_default().insert(&entry.digest, entry);
    }
    let mut failures = Vec::new();
    for ((repository, subject), entries) in wanted {
        if health.is_over() {
            break;
        }
        if let Err(problem) = complete(client, health, repository, subject, &entries) {
            let name = format!("the list of what refers to {subject} in {repository}");
            failures.push(Failure { name, problem });
        }
    }
    failures
}

fn complete(
    client: &Client,
    health: &Health,
    repository: &str,
    subject: &Digest,
    entries: &BTreeMap<&Digest, &Descriptor>,
) -> Result<(), Problem> {
    let mut listed = health.judge(client.referrers(repository, subject, None))?;
    let missing: Vec<Descriptor> = entries
        .values()
        .filter(|entry| !listed.iter().any(|known| known.digest == entry.digest))
        .map(|entry| (*entry).clone())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    listed.extend(missing);
    let bytes = Index::of(listed).to_bytes();
    health.judge(client.put_manifest(repository, &fallback_tag(subject), OCI_INDEX, &bytes)).map(drop)
}
