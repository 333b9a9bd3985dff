//! What a bundle holds, by the names under which nodes ask.

use std::collections::{BTreeMap, BTreeSet};

use crate::content::{Content, ContentError};
use crate::digest::Digest;
use crate::layout::{DOCUMENT_LIMIT, Descriptor, Limits, Role, WalkError, walk};
use crate::platforms::{PlatformImage, images};
use crate::reference::Reference;

/// The entries of a bundle's index.
pub(super) struct Held<'a> {
    content: &'a Content,
    /// By the name that containerd gives them.
    names: BTreeMap<String, &'a Descriptor>,
    /// By host and repository, for who asks by digest.
    repositories: BTreeMap<(String, String), Vec<&'a Descriptor>>,
    /// What a delta leaves out, because the other side has it.
    elsewhere: BTreeSet<&'a Digest>,
}

/// What of an image is not in a bundle.
#[derive(Debug, Default)]
pub(super) struct Absent {
    /// What should be.
    pub(super) missing: BTreeSet<Digest>,
    /// Layers that a delta leaves to what it stands on.
    pub(super) elsewhere: BTreeSet<Digest>,
}

impl<'a> Held<'a> {
    pub(super) fn new(content: &'a Content) -> Self {
        let since = content.manifest().and_then(|manifest| manifest.since.as_ref());
        let elsewhere = since.into_iter().flat_map(|since| &since.absent).collect();
        let mut held = Self { content, names: BTreeMap::new(), repositories: BTreeMap::new(), elsewhere };
        for entry in &content.index().manifests {
            let Some(Ok(reference)) = entry.reference().map(str::parse::<Reference>) else { continue };
            // Who asks by that digest does not get this, whatever the index calls it.
            if reference.digest().is_some_and(|own| *own != entry.digest) {
                continue;
            }
            held.names.entry(reference.containerd_name()).or_insert(entry);
            let repository = (reference.host().to_owned(), reference.repository().to_owned());
            held.repositories.entry(repository).or_default().push(entry);
        }
        held
    }

    /// What stands for a reference; a digest may be that of anything below an entry of the same repository.
    pub(super) fn find(&self, reference: &Reference) -> Result<Option<Descriptor>, String> {
        if let Some(entry) = self.names.get(&reference.containerd_name()) {
            return Ok(Some((*entry).clone()));
        }
        let Some(digest) = reference.digest() else { return Ok(None) };
        let repository = (reference.host().to_owned(), reference.repository().to_owned());
        for root in self.repositories.get(&repository).into_iter().flatten() {
            let mut found = None;
            self.walk(root, |descriptor, role| {
                if descriptor.digest == *digest && matches!(role, Role::Index | Role::Manifest) {
                    found.get_or_insert_with(|| descriptor.clone());
                }
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The images below a root, by platform.
    pub(super) fn images(&self, root: &Descriptor) -> Result<Vec<PlatformImage>, String> {
        images(root, &mut |descriptor| self.read(descriptor)).map_err(|error| error.to_string())
    }

    /// What is not here below what is pinned, and below what nodes start.
    ///
    /// A layer that only its owner may distribute need not be in a registry; on a node that starts the image it must be. A delta
    /// leaves out layers only: without a document nobody knows what lies below it.
    pub(super) fn absent(&self, pinned: Option<&Descriptor>, started: &[Descriptor]) -> Result<Absent, String> {
        let mut absent = Absent::default();
        for (root, even_foreign) in
            pinned.map(|root| (root, false)).into_iter().chain(started.iter().map(|r| (r, true)))
        {
            self.walk(root, |descriptor, role| {
                let digest = &descriptor.digest;
                let there = self.content.extent(digest).is_some_and(|extent| extent.size() == descriptor.size);
                if there {
                    return;
                }
                if role == Role::Layer && self.elsewhere.contains(digest) {
                    absent.elsewhere.insert(digest.clone());
                } else if even_foreign || !descriptor.is_foreign() {
                    absent.missing.insert(digest.clone());
                }
            })?;
        }
        Ok(absent)
    }

    fn walk(&self, root: &Descriptor, mut visit: impl FnMut(&Descriptor, Role)) -> Result<(), String> {
        let roots = std::slice::from_ref(root);
        let walked =
            walk(roots, Limits::default(), |document| self.read(document), |edge| visit(edge.descriptor, edge.role));
        walked.map_err(|error: WalkError<ContentError>| error.to_string())
    }

    fn read(&self, descriptor: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        match self.content.read_small(&descriptor.digest, DOCUMENT_LIMIT) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(ContentError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
