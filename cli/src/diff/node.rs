//! One node in both outputs: what it has, and what differs.

use super::change::{Change, Topic, What};
use super::files;
use super::lines;
use super::plan::{self, Plan};
use kfimg_ignition::tree::{Entry, File, NodePath, NodeTree, User};
use serde::Serialize;
use std::collections::BTreeSet;

/// One node of one output.
#[derive(Debug)]
pub(super) struct Node {
    /// `control-plane`, `etcd` or `worker`.
    pub(super) role: String,
    /// Number of its payload.
    pub(super) generation: u64,
    /// SHA-256 of its content apart from number and time.
    pub(super) content: String,
    /// What it gets.
    pub(super) tree: NodeTree,
    /// What its agent obeys.
    pub(super) plan: Plan,
    /// Names of the keys for encryption at rest, as the manifest has them of sealed payloads.
    pub(super) encryption_keys: Vec<String>,
}

impl Node {
    /// What a file of its own holds; `None`: it gets no such file, or sealed.
    pub(super) fn file(&self, path: &str) -> Option<&[u8]> {
        match self.tree.get(path) {
            Some(Entry::File(file)) => Some(&file.content),
            _ => None,
        }
    }

    /// Names of its keys for encryption at rest, the one in use first; `None`: it has none.
    pub(super) fn encryption_key_names(&self) -> Option<Vec<String>> {
        let is_sealed = || self.plan.sealed.paths.iter().any(|path| path == files::ENCRYPTION);
        match self.file(files::ENCRYPTION) {
            Some(settings) => Some(files::encryption_key_names(settings)),
            None => is_sealed().then(|| self.encryption_keys.clone()),
        }
    }
}

/// What became of a node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Its content differs.
    Changed,
    /// It was not there.
    New,
    /// It is not there any more.
    Removed,
    /// The same content under another number.
    Renumbered,
    /// The same content and number, written otherwise.
    Rewritten,
    /// Nothing differs.
    Same,
}

/// What differs on a node.
#[derive(Debug)]
pub(super) struct NodeDifference {
    /// Its name.
    pub(super) name: String,
    /// What became of it.
    pub(super) state: State,
    /// What it was.
    pub(super) old: Option<Node>,
    /// What it is.
    pub(super) new: Option<Node>,
    /// What changed, in the order of topics.
    pub(super) changes: Vec<Change>,
    /// Lines that differ, by path.
    pub(super) texts: Vec<Text>,
}

/// The lines that differ in one file.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Text {
    /// Path on the node.
    pub(crate) path: String,
    /// Lines with `-`, `+` or a space before them.
    pub(crate) lines: Vec<String>,
}

impl NodeDifference {
    /// Compares a node that at least one output has; `with_texts` asks for the lines that differ.
    pub(super) fn new(
        name: String,
        old: Option<Node>,
        new: Option<Node>,
        is_same_file: bool,
        with_texts: bool,
    ) -> Self {
        let (changes, texts) = match (&old, &new) {
            // The same content by another channel, or under another number.
            (Some(old), Some(new)) if !is_same_file && old.content != new.content => compare(old, new, with_texts),
            _ => (Vec::new(), Vec::new()),
        };
        let state = match (&old, &new) {
            (None, _) => State::New,
            (_, None) => State::Removed,
            _ if !changes.is_empty() => State::Changed,
            (Some(old), Some(new)) if old.generation != new.generation => State::Renumbered,
            _ if is_same_file => State::Same,
            _ => State::Rewritten,
        };
        Self { name, state, old, new, changes, texts }
    }

    /// With what differs in its boot script.
    pub(super) fn booted_by(mut self, changes: Vec<Change>) -> Self {
        if !changes.is_empty() && matches!(self.state, State::Renumbered | State::Rewritten | State::Same) {
            self.state = State::Changed;
        }
        self.changes.extend(changes);
        self.changes.sort();
        self
    }

    /// Its role: the new one, where it has one.
    pub(super) fn role(&self) -> &str {
        self.new.as_ref().or(self.old.as_ref()).map_or("", |node| &node.role)
    }
}

fn compare(old: &Node, new: &Node, with_texts: bool) -> (Vec<Change>, Vec<Text>) {
    let (mut changes, mut texts) = (BTreeSet::new(), Vec::new());
    let paths: BTreeSet<&NodePath> =
        [&old.tree, &new.tree].iter().flat_map(|tree| tree.entries()).map(|(path, _)| path).collect();
    for path in paths.into_iter().map(NodePath::as_str) {
        let pair = (old.tree.get(path), new.tree.get(path));
        if pair.0 == pair.1 || is_sealed_or_opened(path, old, new) {
            continue;
        }
        match pair {
            (Some(Entry::File(old)), Some(Entry::File(new))) if path == plan::PATH => {
                changes.extend(plan::changes(&old.content, &new.content));
            }
            (old, new) => changes.extend(files::compare(path, old, new)),
        }
        if with_texts && let (Some(Entry::File(old)), Some(Entry::File(new))) = pair {
            texts.extend(text(path, old, new));
        }
    }
    changes.extend(compare_users(&old.tree, &new.tree));
    let what = What::of(disk(&old.plan).as_deref(), disk(&new.plan).as_deref());
    changes.extend(what.map(|what| Change::new(Topic::Machine, "", "data disk", what)));
    changes.extend(sealed_keys(old, new));
    drop_echoes(&mut changes);
    if changes.is_empty() && old.content != new.content {
        changes.insert(Change::new(Topic::Plan, "", "", What::Replaced));
    }
    (changes.into_iter().collect(), texts)
}

/// Whether a file lies in the one payload and in the sealed part of the other one: it is there before and after, and nobody can
/// compare it.
fn is_sealed_or_opened(path: &str, old: &Node, new: &Node) -> bool {
    let is_sealed = |node: &Node| node.plan.sealed.paths.iter().any(|sealed| sealed == path);
    is_sealed(old) != is_sealed(new)
        && (is_sealed(old) || old.tree.get(path).is_some())
        && (is_sealed(new) || new.tree.get(path).is_some())
}

/// Keys for encryption at rest by their names, where at least one of the payloads is sealed.
fn sealed_keys(old: &Node, new: &Node) -> Option<Change> {
    if [old, new].iter().all(|node| node.tree.get(files::ENCRYPTION).is_some()) {
        return None;
    }
    let what = What::of_items(&old.encryption_key_names()?, &new.encryption_key_names()?)?;
    Some(Change::new(Topic::Certificates, files::ENCRYPTION_KEYS, "", what))
}

/// A unit that came or went was enabled or disabled with it, and is no news of its own.
fn drop_echoes(changes: &mut BTreeSet<Change>) {
    let whole: BTreeSet<String> = changes
        .iter()
        .filter(|change| change.topic == Topic::Units && change.name.is_empty() && change.what != What::Replaced)
        .map(|change| change.subject.clone())
        .collect();
    changes
        .retain(|change| change.topic != Topic::Units || change.name != "enabled" || !whole.contains(&change.subject));
}

fn text(path: &str, old: &File, new: &File) -> Option<Text> {
    let (old_text, new_text) = (std::str::from_utf8(&old.content).ok()?, std::str::from_utf8(&new.content).ok()?);
    let lines = files::may_show(path, old, new).then(|| lines::difference(old_text, new_text))?;
    (!lines.is_empty()).then(|| Text { path: path.to_owned(), lines })
}

fn disk(plan: &Plan) -> Option<String> {
    let partition = plan.data_partition.as_ref()?;
    Some(format!("{} ({} at {})", partition.disk.as_ref()?, partition.filesystem, partition.mount_point))
}

fn compare_users(old: &NodeTree, new: &NodeTree) -> Vec<Change> {
    let find = |tree: &NodeTree, name: &str| tree.users().find(|user| user.name == name).cloned();
    let names: BTreeSet<&str> = old.users().chain(new.users()).map(|user| user.name.as_str()).collect();
    let mut changes = Vec::new();
    for name in names {
        let mut change = |setting: &str, what| changes.push(Change::new(Topic::Users, name, setting, what));
        match (find(old, name), find(new, name)) {
            (Some(old), Some(new)) => {
                if old.password_hash != new.password_hash {
                    change("password", What::Replaced);
                }
                if keys(&old) == keys(&new) && old.ssh_authorized_keys != new.ssh_authorized_keys {
                    change("key", What::Replaced);
                }
                let lists = [("key", keys(&old), keys(&new)), ("groups", old.groups, new.groups)];
                for (setting, old, new) in lists {
                    What::of_items(&old, &new).into_iter().for_each(|what| change(setting, what));
                }
            }
            (None, _) => change("", What::Added { to: None }),
            (_, None) => change("", What::Removed { from: None }),
        }
    }
    changes
}

/// Keys by their comments, or by their last letters.
fn keys(user: &User) -> Vec<String> {
    let name = |key: &String| match key.split_whitespace().nth(2) {
        Some(comment) => comment.to_owned(),
        None => format!("…{}", key.get(key.len().saturating_sub(8)..).unwrap_or_default()),
    };
    user.ssh_authorized_keys.iter().map(name).collect()
}
