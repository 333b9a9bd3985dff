//! [`Tree`]: the image's files as metadata in memory. Contents stay where they are, and nothing is laid out on a disk.
//!
//! It knows no archive and no layer: see [`crate::base`] for what fills it and [`crate::root_image`] for what writes it.

mod node;
mod path;

pub use node::{FileContent, Kind, Node, Origin};
pub use path::{PathError, checked};
pub(crate) use path::{join, name, parent};

use std::collections::BTreeMap;

/// Most nodes of a tree; a distribution with documentation has some 40,000.
const MOST_NODES: usize = 250_000;
/// Most bytes of all names, link targets and attributes together.
const MOST_TEXT: usize = 64 << 20;
/// Most links that one path leads over (`ELOOP` of Linux).
const MOST_LINKS: u32 = 40;

/// Why a tree does not take a node.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TreeError {
    /// There are too many, or their names are too long together.
    #[error(
        "there are more than {MOST_NODES} files, or their names are longer than any system's; this is no base system"
    )]
    TooMany,
    /// A path goes through something that is no folder.
    #[error("`{path}` lies below `{through}`, which is no folder")]
    NoFolder {
        /// The path.
        path: String,
        /// What is no folder.
        through: String,
    },
    /// A path goes through a link that leads out of the tree.
    #[error("`{path}` goes through the link `{link}`, which leads out of the image")]
    Escape {
        /// The path.
        path: String,
        /// The link.
        link: String,
    },
    /// Links lead to each other.
    #[error("`{0}` goes through links that lead in a circle")]
    Loop(String),
}

/// Every file of an image by its path, without a leading `/`; the root's is empty.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: BTreeMap<String, Node>,
    text: usize,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: BTreeMap::from([(String::new(), Node::folder(0o755))]), text: 0 }
    }
}

impl Tree {
    /// The node at a path; the last part may be a link, the others are not.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, path: &str) -> Option<&mut Node> {
        self.nodes.get_mut(path)
    }

    /// All paths and nodes; a folder comes before what it holds.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.nodes.iter().map(|(path, node)| (path.as_str(), node))
    }

    /// What lies below a folder, itself excluded.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &Node)> {
        let (from, to) = range(folder);
        self.nodes.range(from..to).map(|(path, node)| (path.as_str(), node))
    }

    /// The paths right below a folder.
    pub fn children(&self, folder: &str) -> impl Iterator<Item = (&str, &Node)> {
        let depth = if folder.is_empty() { 0 } else { folder.len() + 1 };
        self.below(folder).filter(move |(path, _)| !path[depth..].contains('/'))
    }

    /// Puts a node at a path whose folder is resolved already. Missing folders above are made; what lay there goes, but a folder
    /// keeps what it holds when a folder comes in its place.
    ///
    /// # Errors
    /// [`TreeError`]: a path through something that is no folder, or too many nodes.
    pub fn insert(&mut self, path: &str, node: Node) -> Result<(), TreeError> {
        self.make_parents(path)?;
        if !node.is_folder() {
            self.remove(path);
        }
        let attributes: usize = node.attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
        let target = if let Kind::Link(target) = &node.kind { target.len() } else { 0 };
        self.text += path.len() + attributes + target;
        self.nodes.insert(path.to_owned(), node);
        if self.nodes.len() > MOST_NODES || self.text > MOST_TEXT { Err(TreeError::TooMany) } else { Ok(()) }
    }

    /// Removes a node and everything below it; the root stays.
    pub fn remove(&mut self, path: &str) {
        if self.nodes.get(path).is_some_and(Node::is_folder) {
            self.empty(path);
        }
        if !path.is_empty() {
            self.nodes.remove(path);
        }
    }

    /// Removes everything below a folder.
    pub fn empty(&mut self, folder: &str) {
        self.empty_where(folder, |_| true);
    }

    /// Removes what lies below a folder, where the test says so; folders that still hold something stay.
    pub fn empty_where(&mut self, folder: &str, goes: impl Fn(&Node) -> bool) {
        let paths: Vec<String> =
            self.below(folder).filter(|(_, node)| goes(node)).map(|(path, _)| path.to_owned()).collect();
        for path in paths.iter().rev() {
            if self.below(path).next().is_none() {
                self.nodes.remove(path);
            }
        }
    }

    /// The path with every link above its last part followed, as a system rooted in this tree would.
    ///
    /// # Errors
    /// [`TreeError`]: a link that leads above the root or in a circle. Parts that are not there are taken as they stand.
    pub fn resolve(&self, path: &str) -> Result<String, TreeError> {
        let Some(folder) = parent(path) else { return Ok(String::new()) };
        let mut links = 0;
        let folder = self.follow(path, folder, &mut links)?;
        Ok(join(&folder, name(path)))
    }

    /// Path and node behind a path, all links followed; `None` where there is nothing.
    #[must_use]
    pub fn lookup(&self, path: &str) -> Option<(String, &Node)> {
        let mut links = 0;
        let resolved = self.follow(path, path.trim_matches('/'), &mut links).ok()?;
        let (path, node) = self.nodes.get_key_value(&resolved)?;
        Some((path.clone(), node))
    }

    /// Follows all links of `rest`; `path` is only for messages.
    fn follow(&self, path: &str, rest: &str, links: &mut u32) -> Result<String, TreeError> {
        let mut done = String::new();
        let mut left: Vec<String> = rest.split('/').rev().map(str::to_owned).collect();
        while let Some(part) = left.pop() {
            match part.as_str() {
                "" | "." => continue,
                ".." => {
                    let above = parent(&done).ok_or_else(|| self.escape(path, rest))?;
                    done = above.to_owned();
                    continue;
                }
                _ => {}
            }
            let next = join(&done, &part);
            let Some(Node { kind: Kind::Link(target), .. }) = self.nodes.get(&next) else {
                done = next;
                continue;
            };
            *links += 1;
            if *links > MOST_LINKS {
                return Err(TreeError::Loop(path.to_owned()));
            }
            if target.starts_with('/') {
                done.clear();
            }
            left.extend(target.split('/').rev().map(str::to_owned));
        }
        Ok(done)
    }

    fn escape(&self, path: &str, rest: &str) -> TreeError {
        // The first link on the way is enough to find the culprit.
        let mut here = String::new();
        for part in rest.split('/') {
            here = join(&here, part);
            if matches!(self.nodes.get(&here), Some(Node { kind: Kind::Link(_), .. })) {
                break;
            }
        }
        TreeError::Escape { path: path.to_owned(), link: here }
    }

    fn make_parents(&mut self, path: &str) -> Result<(), TreeError> {
        let mut missing = Vec::new();
        let mut here = parent(path);
        while let Some(folder) = here {
            match self.nodes.get(folder) {
                Some(node) if node.is_folder() => break,
                Some(_) => return Err(TreeError::NoFolder { path: path.to_owned(), through: folder.to_owned() }),
                None => missing.push(folder.to_owned()),
            }
            here = parent(folder);
        }
        for folder in missing {
            self.text += folder.len();
            self.nodes.insert(folder, Node::folder(0o755));
        }
        Ok(())
    }
}

/// Everything below a folder stands between these in the order of paths: `0` follows `/`.
fn range(folder: &str) -> (String, String) {
    if folder.is_empty() {
        ("\u{1}".to_owned(), "\u{10ffff}".to_owned())
    } else {
        (format!("{folder}/"), format!("{folder}0"))
    }
}

#[cfg(test)]
mod tests;
