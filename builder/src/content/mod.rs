//! What turns a base into a node's system: identity out, host programs, agent and settings in.
//!
//! It is the same for every node and every site. What tells nodes apart is the payload's, and written by crate `ignition`.

pub(crate) mod boot;
pub(crate) mod host;
pub(crate) mod identity;
pub(crate) mod kernel;
pub(crate) mod preload;
pub(crate) mod system;

pub use host::PartSource;
pub use preload::{Preload, PreloadedImage};

use crate::error::Error;
use crate::spool::{self, Spool};
use crate::tree::{Node, Origin, Tree};
use kfimg_images::Architecture;
use kfimg_images::content::{Content, Extent};
use kfimg_images::hasher::Hasher;
use std::path::Path;

/// Adds the agent: the file given, else the bundle's.
///
/// # Errors
/// When there is none.
pub(crate) fn add_agent(
    tree: &mut Tree,
    given: Option<&Path>,
    bundle: &Content,
    architecture: Architecture,
    spool: &mut Spool<'_>,
) -> Result<PartSource, Error> {
    let (extent, source) = match given {
        Some(path) => of_file(path, spool)?,
        None => host::agent(bundle, architecture, spool)?.ok_or_else(|| Error::Bundle {
            bundle: bundle.place().to_owned(),
            reason: "it has no kfimg-agent; give the one that `make agent` builds with --agent, or take it along with \
                     `kfimg bundle create --file kfimg-agent:VERSION=PATH`"
                .to_owned(),
        })?,
    };
    let path = tree.resolve(host::AGENT_PATH).map_err(Error::tree(host::AGENT_PATH))?;
    tree.insert(&path, Node::stored(0o755, extent, Origin::Agent)).map_err(Error::tree(&path))?;
    Ok(source)
}

fn of_file(path: &Path, spool: &Spool<'_>) -> Result<(Extent, PartSource), Error> {
    let extent = spool::open(path)?;
    let mut hasher = Hasher::sha256();
    let size = hasher.read(spool.watch().reader(extent.reader())).map_err(Error::io("reading", path))?;
    let source = PartSource { name: "kfimg-agent".to_owned(), version: None, digest: hasher.finish(), size };
    Ok((extent, source))
}
