//! What lies in a tree, and what systemd makes of its rules at boot: contents, modes, owners.

use crate::tree::{Entry, NodeTree, Owner};
use serde_json::Value;

/// A file or folder as it will be on the node.
#[derive(Clone, Debug)]
pub(super) struct Fact {
    /// Where it lies in the tree, or the file with the rule that makes it.
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) owner: Owner,
}

/// The text of a file.
pub(super) fn text<'a>(tree: &'a NodeTree, path: &str) -> Option<&'a str> {
    match tree.get(path) {
        Some(Entry::File(file)) => std::str::from_utf8(&file.content).ok(),
        _ => None,
    }
}

/// The object that a YAML or JSON file holds.
pub(super) fn object(tree: &NodeTree, path: &str) -> Option<Value> {
    serde_saphyr::from_str(text(tree, path)?).ok()
}

/// Mode and owner of a file or folder in the tree; links have neither.
pub(super) fn fact(tree: &NodeTree, path: &str) -> Option<Fact> {
    let (mode, owner) = match tree.get(path)? {
        Entry::File(file) => (file.mode, file.owner),
        Entry::Directory(directory) => (directory.mode, directory.owner),
        Entry::Link(_) => return None,
    };
    Some(Fact { path: path.to_owned(), mode, owner })
}

/// Everything below a folder, and the folder itself where the tree says something about it.
pub(super) fn below(tree: &NodeTree, folder: &str) -> Vec<Fact> {
    let inside = |path: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    tree.entries().filter_map(|(path, _)| inside(path.as_str()).then(|| fact(tree, path.as_str()))?).collect()
}

/// A folder that a rule of tmpfiles.d(5) makes and keeps at every boot.
pub(super) fn made_folder(tree: &NodeTree, folder: &str) -> Option<Fact> {
    let rules = lines(tree, "/etc/tmpfiles.d/");
    let mut found = rules.filter_map(|(file, line)| {
        let mut words = line.split_whitespace();
        let (kind, path) = (words.next()?, words.next()?);
        let (mode, user, group) = (words.next()?, words.next()?, words.next()?);
        let is_folder = kind.starts_with(['d', 'D', 'e']) && path == folder;
        let owner = Owner { uid: account(tree, user)?, gid: account(tree, group)? };
        let mode = u32::from_str_radix(mode.trim_start_matches(['~', ':']), 8).ok()?;
        is_folder.then(|| Fact { path: file.to_owned(), mode, owner })
    });
    found.next()
}

/// The number of a system user or of its group, by number or by a rule of sysusers.d(5).
pub(super) fn account(tree: &NodeTree, name: &str) -> Option<u32> {
    if name == "root" {
        return Some(0);
    }
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    lines(tree, "/etc/sysusers.d/").find_map(|(_, line)| {
        let mut words = line.split_whitespace();
        let (kind, user, number) = (words.next()?, words.next()?, words.next()?);
        (kind == "u" && user == name).then(|| number.parse().ok())?
    })
}

/// The name of the system user with a number.
pub(super) fn account_name(tree: &NodeTree, number: u32) -> String {
    if number == 0 {
        return "root".to_owned();
    }
    let name = lines(tree, "/etc/sysusers.d/").find_map(|(_, line)| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, user, its_number, ..] = words.as_slice() else { return None };
        (*kind == "u" && its_number.parse() == Ok(number)).then(|| (*user).to_owned())
    });
    name.unwrap_or_else(|| number.to_string())
}

/// The lines of all files directly below a folder, with their files.
fn lines<'a>(tree: &'a NodeTree, folder: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let files = tree.entries().map(|(path, _)| path.as_str()).filter(move |path| path.starts_with(folder));
    files.flat_map(|path| text(tree, path).unwrap_or_default().lines().map(move |line| (path, line)))
}
