//! From descriptors to every blob below them: indexes, manifests, configurations, layers.
//!
//! It follows no `subject` and asks for no referrers: those point the other way.

use std::collections::{HashMap, HashSet};

use super::{Descriptor, Document, Kind, LayoutError};
use crate::digest::Digest;

/// How far a walk goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Documents above one another.
    pub depth: usize,
    /// Indexes and manifests that are read.
    pub documents: usize,
    /// References that are followed.
    pub edges: usize,
}

impl Default for Limits {
    /// More than any honest bundle has: images nest two indexes at most, and a large site mirrors some thousand images.
    fn default() -> Self {
        Self { depth: 8, documents: 100_000, edges: 1_000_000 }
    }
}

/// What a descriptor stands for where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// An index, in an index or at the root.
    Index,
    /// A manifest, in an index or at the root.
    Manifest,
    /// The configuration of a manifest.
    Config,
    /// A layer of a manifest.
    Layer,
    /// Content of a type that is not known, in an index or at the root.
    Other,
}

/// One reference that a walk follows.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// The document that refers, `None` at the root.
    pub parent: Option<&'a Digest>,
    /// What it refers to.
    pub descriptor: &'a Descriptor,
    /// As what.
    pub role: Role,
}

/// Why a walk ended before its end. `E` is the error of the reader.
#[derive(Debug, thiserror::Error)]
pub enum WalkError<E: std::error::Error + 'static> {
    /// The reader failed.
    #[error(transparent)]
    Read(E),
    /// A document is not what its descriptor says.
    #[error("the document {digest} {error}")]
    Document {
        /// Which.
        digest: Digest,
        /// What is wrong.
        error: LayoutError,
    },
    /// A document has another size than its descriptor says.
    #[error("the document {digest} has {found} bytes, but {wanted} are promised")]
    Size {
        /// Which.
        digest: Digest,
        /// Bytes promised.
        wanted: u64,
        /// Bytes there.
        found: u64,
    },
    /// Two references disagree about a size.
    #[error("{digest} has {first} bytes by one reference and {second} by another")]
    Sizes {
        /// What they refer to.
        digest: Digest,
        /// Size by the first, in bytes.
        first: u64,
        /// Size by the second, in bytes.
        second: u64,
    },
    /// A document is its own ancestor.
    #[error("the document {0} refers to itself, directly or through others")]
    Cycle(Digest),
    /// Documents nest too deep.
    #[error("the document {digest} lies deeper than {limit} documents")]
    Depth {
        /// Which.
        digest: Digest,
        /// The bound.
        limit: usize,
    },
    /// There are too many documents.
    #[error("there are more than {0} indexes and manifests")]
    Documents(usize),
    /// There are too many references.
    #[error("there are more than {0} references")]
    Edges(usize),
}

/// Follows every reference from `roots` downwards; `visit` sees each one, a document is opened once.
///
/// `read` brings the bytes of an index or a manifest, verified against the digest; with `None` the walk does not descend
/// there (the document is absent, or not wanted).
///
/// # Errors
///
/// When `read` fails, a document is malformed or not of its size, or a limit is reached; at the end, when two references disagree
/// about a size.
pub fn walk<E, R, V>(roots: &[Descriptor], limits: Limits, read: R, visit: V) -> Result<(), WalkError<E>>
where
    E: std::error::Error + 'static,
    R: FnMut(&Descriptor) -> Result<Option<Vec<u8>>, E>,
    V: FnMut(Edge<'_>),
{
    let (seen, sizes) = (HashSet::new(), HashMap::new());
    let mut walk = Walk { limits, read, visit, seen, sizes, conflict: None, path: Vec::new(), edges: 0 };
    roots.iter().try_for_each(|root| walk.follow(root, role_in_index(root)))?;
    match walk.conflict {
        None => Ok(()),
        Some((digest, first, second)) => Err(WalkError::Sizes { digest, first, second }),
    }
}

struct Walk<R, V> {
    limits: Limits,
    read: R,
    visit: V,
    /// Documents that were opened, and as what: content may be referred to both as a manifest and as a layer.
    seen: HashSet<(Digest, Kind)>,
    /// The size that everything has by the first reference to it.
    sizes: HashMap<Digest, u64>,
    /// The first that has another one elsewhere. What else there is, is seen all the same.
    conflict: Option<(Digest, u64, u64)>,
    /// The documents from the root to here.
    path: Vec<Digest>,
    edges: usize,
}

impl<R, V> Walk<R, V> {
    fn follow<E>(&mut self, descriptor: &Descriptor, role: Role) -> Result<(), WalkError<E>>
    where
        E: std::error::Error + 'static,
        R: FnMut(&Descriptor) -> Result<Option<Vec<u8>>, E>,
        V: FnMut(Edge<'_>),
    {
        self.edges += 1;
        if self.edges > self.limits.edges {
            return Err(WalkError::Edges(self.limits.edges));
        }
        let first = *self.sizes.entry(descriptor.digest.clone()).or_insert(descriptor.size);
        if first != descriptor.size {
            self.conflict.get_or_insert_with(|| (descriptor.digest.clone(), first, descriptor.size));
        }
        (self.visit)(Edge { parent: self.path.last(), descriptor, role });
        match role {
            Role::Index | Role::Manifest => self.enter(descriptor),
            Role::Config | Role::Layer | Role::Other => Ok(()),
        }
    }

    fn enter<E>(&mut self, descriptor: &Descriptor) -> Result<(), WalkError<E>>
    where
        E: std::error::Error + 'static,
        R: FnMut(&Descriptor) -> Result<Option<Vec<u8>>, E>,
        V: FnMut(Edge<'_>),
    {
        let digest = &descriptor.digest;
        if self.path.contains(digest) {
            return Err(WalkError::Cycle(digest.clone()));
        }
        if self.path.len() >= self.limits.depth {
            return Err(WalkError::Depth { digest: digest.clone(), limit: self.limits.depth });
        }
        if !self.seen.insert((digest.clone(), descriptor.kind())) {
            return Ok(());
        }
        if self.seen.len() > self.limits.documents {
            return Err(WalkError::Documents(self.limits.documents));
        }
        let Some(bytes) = (self.read)(descriptor).map_err(WalkError::Read)? else { return Ok(()) };
        let document = parse(descriptor, &bytes)?;
        drop(bytes);
        self.path.push(digest.clone());
        self.children(&document)?;
        self.path.pop();
        Ok(())
    }

    fn children<E>(&mut self, document: &Document) -> Result<(), WalkError<E>>
    where
        E: std::error::Error + 'static,
        R: FnMut(&Descriptor) -> Result<Option<Vec<u8>>, E>,
        V: FnMut(Edge<'_>),
    {
        match document {
            Document::Index(index) => {
                index.manifests.iter().try_for_each(|child| self.follow(child, role_in_index(child)))
            }
            Document::Manifest(manifest) => {
                self.follow(&manifest.config, Role::Config)?;
                manifest.layers.iter().try_for_each(|layer| self.follow(layer, Role::Layer))
            }
        }
    }
}

/// Schema 1 counts as a manifest, so that reading it names it.
fn role_in_index(descriptor: &Descriptor) -> Role {
    match descriptor.kind() {
        Kind::Index => Role::Index,
        Kind::Manifest | Kind::Schema1 => Role::Manifest,
        Kind::Other => Role::Other,
    }
}

fn parse<E: std::error::Error + 'static>(descriptor: &Descriptor, bytes: &[u8]) -> Result<Document, WalkError<E>> {
    let found = bytes.len() as u64;
    if found != descriptor.size {
        return Err(WalkError::Size { digest: descriptor.digest.clone(), wanted: descriptor.size, found });
    }
    Document::parse(&descriptor.media_type, bytes)
        .map_err(|error| WalkError::Document { digest: descriptor.digest.clone(), error })
}
