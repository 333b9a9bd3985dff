//! For which machines the image behind a descriptor is made, and which manifest each of them gets.
//!
//! Where documents are read from is the caller's: a store, a bundle, a registry.

use crate::component::Architecture;
use crate::layout::{Descriptor, Document, Kind, Limits, Platform, WalkError};

/// Most documents below one reference. Honest indexes have some ten entries.
const DOCUMENTS: usize = 1_000;

/// Brings the bytes of a document or a configuration, verified; `None` when they are not there.
pub(crate) type Read<'a, E> = dyn FnMut(&Descriptor) -> Result<Option<Vec<u8>>, E> + 'a;

/// The manifest for one platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlatformImage {
    pub(crate) platform: Platform,
    pub(crate) descriptor: Descriptor,
}

/// All images below `root`, those of an index before those of indexes inside it; an artifact has none.
///
/// What `read` does not have is left out.
pub(crate) fn images<E: std::error::Error + 'static>(
    root: &Descriptor,
    read: &mut Read<'_, E>,
) -> Result<Vec<PlatformImage>, WalkError<E>> {
    if root.kind() == Kind::Index {
        let mut finder = Finder { read, left: DOCUMENTS, found: Vec::new() };
        finder.enter(root, 0)?;
        return Ok(finder.found);
    }
    let platform = match &root.platform {
        Some(platform) => Some(platform.clone()),
        None => of_configuration(root, read)?,
    };
    Ok(platform.map(|platform| PlatformImage { platform, descriptor: root.clone() }).into_iter().collect())
}

/// What a Linux machine of an architecture starts of the images below `root`. In an index its containerd looks for one that
/// [`runs`] there; a manifest is taken as it is.
pub(crate) fn pick<'a>(
    root: &Descriptor,
    images: &'a [PlatformImage],
    architecture: Architecture,
) -> Option<&'a Descriptor> {
    let fits = |platform: &Platform| match root.kind() {
        Kind::Index => runs(platform, architecture),
        Kind::Manifest | Kind::Schema1 | Kind::Other => is_for(platform, architecture),
    };
    images.iter().find(|image| fits(&image.platform)).map(|image| &image.descriptor)
}

/// Whether every Linux machine of an architecture runs what is made for a platform: the usual variant only, since a machine's
/// containerd says no more of its processor than that.
///
/// Source: `github.com/containerd/platforms`, `DefaultSpec`, `Only` and `normalizeArch`.
pub(crate) fn runs(platform: &Platform, architecture: Architecture) -> bool {
    let usual = match architecture {
        Architecture::Amd64 => ["", "v1"],
        Architecture::Arm64 => ["", "v8"],
    };
    is_for(platform, architecture) && usual.contains(&platform.variant.as_deref().unwrap_or_default())
}

fn is_for(platform: &Platform, architecture: Architecture) -> bool {
    platform.os == "linux" && platform.architecture == architecture.as_str()
}

struct Finder<'a, 'b, E> {
    read: &'a mut Read<'b, E>,
    left: usize,
    found: Vec<PlatformImage>,
}

impl<E: std::error::Error + 'static> Finder<'_, '_, E> {
    fn enter(&mut self, descriptor: &Descriptor, depth: usize) -> Result<(), WalkError<E>> {
        let limit = Limits::default().depth;
        if depth >= limit {
            return Err(WalkError::Depth { digest: descriptor.digest.clone(), limit });
        }
        self.left = self.left.checked_sub(1).ok_or(WalkError::Documents(DOCUMENTS))?;
        let Some(Document::Index(index)) = document(descriptor, self.read)? else { return Ok(()) };
        // Attestations of Docker's builder call their platform `unknown/unknown`.
        let known = index.manifests.iter().filter(|entry| entry.kind() == Kind::Manifest).filter_map(|entry| {
            let platform = entry.platform.clone().filter(|platform| platform.os != "unknown")?;
            Some(PlatformImage { platform, descriptor: entry.clone() })
        });
        self.found.extend(known);
        index.manifests.iter().filter(|e| e.kind() == Kind::Index).try_for_each(|inner| self.enter(inner, depth + 1))
    }
}

fn document<E: std::error::Error + 'static>(
    descriptor: &Descriptor,
    read: &mut Read<'_, E>,
) -> Result<Option<Document>, WalkError<E>> {
    let Some(bytes) = read(descriptor).map_err(WalkError::Read)? else { return Ok(None) };
    let failed = |error| WalkError::Document { digest: descriptor.digest.clone(), error };
    Document::parse(&descriptor.media_type, &bytes).map(Some).map_err(failed)
}

/// The platform that the image's configuration names; that of an artifact names none.
fn of_configuration<E: std::error::Error + 'static>(
    manifest: &Descriptor,
    read: &mut Read<'_, E>,
) -> Result<Option<Platform>, WalkError<E>> {
    let Some(Document::Manifest(manifest)) = document(manifest, read)? else { return Ok(None) };
    let Some(bytes) = read(&manifest.config).map_err(WalkError::Read)? else { return Ok(None) };
    let platform: Option<Platform> = serde_json::from_slice(&bytes).ok();
    // The configuration of a signature is that of an image, with empty names.
    Ok(platform.filter(|platform| !platform.os.is_empty()))
}
