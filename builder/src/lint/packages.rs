//! The packages of a base, from Debian's and Ubuntu's database. Of other distributions nothing is known here.

use super::{Subject, listed};
use crate::tree::Tree;

/// dpkg's database (`dpkg(1)`), and the folder that images without a package manager keep it in.
const STATUS: &str = "var/lib/dpkg/status";
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";
/// Most bytes of it.
const LIMIT: u64 = 32 << 20;

/// A package that is installed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
}

/// All packages, sorted; none where the base has no such database.
pub(crate) fn all(tree: &Tree) -> Vec<Package> {
    let single = tree.lookup(STATUS).and_then(|(_, node)| node.content().cloned());
    let folder = tree.children(STATUS_FOLDER).filter_map(|(_, node)| node.content().cloned());
    let mut packages = Vec::new();
    for content in single.into_iter().chain(folder) {
        let Ok(bytes) = content.head(LIMIT) else { continue };
        packages.extend(String::from_utf8_lossy(&bytes).split("\n\n").filter_map(package));
    }
    packages.sort();
    packages.dedup();
    packages
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let is_installed = field("Status").is_none_or(|status| status.ends_with(" installed"));
    let (name, version) = (field("Package")?.to_owned(), field("Version")?.to_owned());
    is_installed.then_some(Package { name, version })
}

pub(super) fn licences(subject: &Subject<'_>) -> Vec<String> {
    let lacks = |package: &Package| {
        let folder = format!("usr/share/doc/{}/copyright", package.name);
        subject.tree.lookup(&folder).is_none()
    };
    let lacking: Vec<String> = all(subject.tree).into_iter().filter(lacks).map(|package| package.name).collect();
    if lacking.is_empty() { Vec::new() } else { vec![format!("no copyright file of {}", listed(&lacking))] }
}

pub(super) fn count(subject: &Subject<'_>) -> Vec<String> {
    match all(subject.tree).len() {
        0 => vec!["the base has no database of packages that kfimg reads".to_owned()],
        count => vec![format!("{count} packages")],
    }
}
