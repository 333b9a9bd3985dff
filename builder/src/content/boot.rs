//! What the root carries so that it boots as a kfimg image: the units of [`crate::boot`].

use crate::boot::{ROOT_FILES, ROOT_LINKS};
use crate::error::Error;
use crate::tree::{Node, Tree};

/// Adds all of it; a file of the base in the same place goes.
pub(crate) fn add(tree: &mut Tree) -> Result<(), Error> {
    for file in ROOT_FILES {
        put(tree, file.path, Node::file(file.mode, file.text))?;
    }
    ROOT_LINKS.iter().try_for_each(|link| put(tree, link.path, Node::link(link.target)))
}

fn put(tree: &mut Tree, path: &str, node: Node) -> Result<(), Error> {
    let resolved = tree.resolve(path).map_err(Error::tree(path))?;
    tree.insert(&resolved, node).map_err(Error::tree(path))
}
