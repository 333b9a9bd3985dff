//! The packages of a base and their licences, from Debian's and Ubuntu's database and copyright files. Of other distributions
//! nothing is known here.

mod copyright;

use crate::tree::Tree;
pub(crate) use copyright::licences;

/// dpkg's database (`dpkg(1)`), and the folder that images without a package manager keep it in.
const STATUS: &str = "var/lib/dpkg/status";
const STATUS_FOLDER: &str = "var/lib/dpkg/status.d";
/// Most bytes of it; those of 4,000 packages are 5 MB.
const LIMIT: u64 = 16 << 20;
/// Most bytes of one copyright file, the kernel's has 100 kB; and of all of them. What is beyond is as if it were not there.
const COPYRIGHT_LIMIT: u64 = 1 << 20;
const COPYRIGHTS_LIMIT: usize = 256 << 20;
/// Most bytes of all names of licences.
const NAMES_LIMIT: usize = 16 << 20;
/// Areas of Debian and Ubuntu whose packages are not free, as sections name them (Debian policy, 2.4).
const UNFREE: &[&str] = &["non-free", "non-free-firmware", "restricted", "multiverse"];

/// A package that is installed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Whether its distribution counts it as free software.
    pub(crate) is_free: bool,
    /// Its copyright file, without a leading `/`.
    pub(crate) copyright: Option<String>,
    /// Short names of its licences, sorted.
    pub(crate) licences: Vec<String>,
}

/// All packages, sorted; none where the base has no such database.
pub(crate) fn all(tree: &Tree) -> Vec<Package> {
    let single = tree.lookup(STATUS).and_then(|(_, node)| node.content().cloned());
    let folder = tree.children(STATUS_FOLDER).filter_map(|(_, node)| node.content().cloned());
    let mut packages = Vec::new();
    let mut left = LIMIT;
    for content in single.into_iter().chain(folder) {
        let Ok(bytes) = content.head(left) else { continue };
        left -= bytes.len() as u64;
        packages.extend(String::from_utf8_lossy(&bytes).split("\n\n").filter_map(package));
    }
    packages.sort();
    packages.dedup();
    let (mut read, mut named) = (0, 0);
    for package in &mut packages {
        if read < COPYRIGHTS_LIMIT && named < NAMES_LIMIT {
            read += read_copyright(tree, package);
            named += package.licences.iter().map(String::len).sum::<usize>();
        }
    }
    packages
}

fn package(paragraph: &str) -> Option<Package> {
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let is_installed = field("Status").is_none_or(|status| status.ends_with(" installed"));
    let (name, version) = (field("Package")?.to_owned(), field("Version")?.to_owned());
    let area = field("Section").and_then(|section| section.split_once('/')).map_or("main", |(area, _)| area);
    let is_free = !UNFREE.contains(&area);
    is_installed.then_some(Package { name, version, is_free, copyright: None, licences: Vec::new() })
}

/// Returns how much it has read.
fn read_copyright(tree: &Tree, package: &mut Package) -> usize {
    let Some((path, node)) = tree.lookup(&format!("usr/share/doc/{}/copyright", package.name)) else { return 0 };
    let Some(bytes) = node.content().and_then(|content| content.head(COPYRIGHT_LIMIT).ok()) else { return 0 };
    package.licences = licences(&String::from_utf8_lossy(&bytes));
    package.copyright = Some(path);
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::all;
    use crate::tree::{Node, Tree};

    #[test]
    fn packages_are_those_that_are_installed_with_what_their_files_say() {
        let mut tree = Tree::default();
        let mut put = |path: &str, text: &str| tree.insert(path, Node::file(0o644, text)).unwrap();
        put(
            "var/lib/dpkg/status",
            "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\n\
             Package: libgcc-s1\nStatus: install ok installed\nSection: libs\nVersion: 12.2\nArchitecture: amd64\n\n\
             Package: firmware-x\nStatus: install ok installed\nSection: non-free-firmware/kernel\nVersion: 3\n",
        );
        put("usr/share/doc/gcc-12-base/copyright", "License: GPL-3+ with GCC exception\n");
        put("var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12\n");
        tree.insert("usr/share/doc/libgcc-s1", Node::link("gcc-12-base")).unwrap();
        let rows: Vec<_> = all(&tree)
            .into_iter()
            .map(|one| (one.name, one.version, one.is_free, one.copyright.is_some(), one.licences.join("; ")))
            .collect();
        let row = |name: &str, version: &str, free, file, licences: &str| {
            (name.to_owned(), version.to_owned(), free, file, licences.to_owned())
        };
        let wanted = [
            row("base-files", "12", true, false, ""),
            row("firmware-x", "3", false, false, ""),
            row("libgcc-s1", "12.2", true, true, "GPL-3+ with GCC exception"),
        ];
        assert_eq!(rows, wanted);
        assert!(all(&Tree::default()).is_empty());
    }
}
