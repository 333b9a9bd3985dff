//! Finds the kernel of a base and what belongs to it. The newest one that has its modules wins.
//!
//! Places: Debian and Ubuntu keep all in `/boot`, Fedora and `kernel-install(8)` in `/usr/lib/modules/<version>`.

use crate::tree::{FileContent, Tree};
use crate::uki;
use kfimg_images::Architecture;
use std::cmp::Ordering;
use std::sync::Arc;

const MODULES: &str = "usr/lib/modules";

/// The kernel of a base. What is not there is [`crate::lint`]'s to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kernel {
    /// `6.1.0-37-cloud-amd64`.
    pub(crate) version: Option<String>,
    pub(crate) linux: Option<Arc<FileContent>>,
    pub(crate) initrd: Option<Arc<FileContent>>,
    /// `CONFIG_…` lines.
    pub(crate) config: Option<Arc<FileContent>>,
    /// systemd's stub for unified kernel images.
    pub(crate) stub: Option<Arc<FileContent>>,
}

/// Looks for them.
pub(crate) fn find(tree: &Tree, architecture: Architecture) -> Kernel {
    let mut versions: Vec<&str> = tree.children(MODULES).map(|(path, _)| crate::tree::name(path)).collect();
    versions.sort_by(|a, b| compare(b, a));
    let file = |path: &str| tree.lookup(path).and_then(|(_, node)| node.content().cloned());
    let first = |paths: &[String]| paths.iter().find_map(|path| file(path));
    let stub = file(uki::stub_place(architecture));
    let linux = |version: &str| first(&[format!("boot/vmlinuz-{version}"), format!("{MODULES}/{version}/vmlinuz")]);
    let Some((version, linux)) = versions.iter().find_map(|version| Some((*version, linux(version)?))) else {
        return Kernel { stub, linux: file("boot/vmlinuz"), ..Kernel::default() };
    };
    let initrd = first(&[
        format!("boot/initrd.img-{version}"),
        format!("boot/initrd-{version}"),
        format!("boot/initramfs-{version}.img"),
        format!("{MODULES}/{version}/initrd"),
        format!("{MODULES}/{version}/initramfs.img"),
    ]);
    // As a link it leads to the initrd of some kernel, whose modules need not be this one's.
    let initrd = initrd.or_else(|| tree.get("boot/initrd.img")?.content().cloned());
    let config = first(&[format!("boot/config-{version}"), format!("{MODULES}/{version}/config")]);
    Kernel { version: Some(version.to_owned()), linux: Some(linux), initrd, config, stub }
}

/// The module that a file is, whether packed or not, as [`canonical`] has it; [`None`] when it is none.
pub(crate) fn module(path: &str) -> Option<String> {
    let (module, _) = crate::tree::name(path).split_once(".ko")?;
    Some(canonical(module))
}

/// The name of a module as `modprobe` compares names.
pub(crate) fn canonical(module: &str) -> String {
    module.replace('-', "_")
}

/// Numbers in versions by their value, the rest by its letters.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    a.cmp(&b)
}

#[derive(Eq, Ord, PartialEq, PartialOrd)]
enum Part {
    Text(String),
    Number(u64),
}

fn parts(version: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = version;
    while !rest.is_empty() {
        let is_digit = rest.starts_with(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        parts.push(match part.parse() {
            Ok(number) if is_digit => Part::Number(number),
            _ => Part::Text(part.to_owned()),
        });
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use crate::tree::{Node, Tree};
    use kfimg_images::Architecture;

    /// Debian and Ubuntu on both architectures, Fedora, and those that have one kernel without a version in its name.
    #[test]
    fn kernels_are_found_where_distributions_lay_them_for_every_architecture() {
        let stubs = [
            (Architecture::Amd64, "usr/lib/systemd/boot/efi/linuxx64.efi.stub"),
            (Architecture::Arm64, "usr/lib/systemd/boot/efi/linuxaa64.efi.stub"),
        ];
        for version in ["6.1.0-44-amd64", "6.1.0-44-arm64", "6.8.0-79-generic", "6.17.1-300.fc43.aarch64"] {
            for kernel in [format!("boot/vmlinuz-{version}"), format!("usr/lib/modules/{version}/vmlinuz")] {
                let mut tree = Tree::default();
                tree.insert(&format!("usr/lib/modules/{version}/modules.dep"), Node::file(0o644, "")).unwrap();
                tree.insert(&kernel, Node::file(0o644, "kernel")).unwrap();
                stubs.iter().for_each(|(_, stub)| tree.insert(stub, Node::file(0o644, *stub)).unwrap());
                for (architecture, stub) in stubs {
                    let found = super::find(&tree, architecture);
                    assert_eq!(found.version.as_deref(), Some(version), "{kernel}");
                    assert!(found.linux.is_some(), "{kernel}");
                    assert_eq!(found.stub.unwrap().head(100).unwrap(), stub.as_bytes());
                }
            }
        }
    }

    fn find(tree: &Tree) -> super::Kernel {
        super::find(tree, Architecture::Arm64)
    }

    #[test]
    fn the_newest_kernel_with_modules_wins() {
        let mut tree = Tree::default();
        for version in ["6.1.0-9-amd64", "6.1.0-10-amd64", "7.0-without-kernel"] {
            tree.insert(&format!("usr/lib/modules/{version}/modules.dep"), Node::file(0o644, "")).unwrap();
        }
        for version in ["6.1.0-9-amd64", "6.1.0-10-amd64", "9.9-without-modules"] {
            tree.insert(&format!("boot/vmlinuz-{version}"), Node::file(0o644, version)).unwrap();
        }
        tree.insert("boot/initrd.img-6.1.0-10-amd64", Node::file(0o644, "initrd")).unwrap();
        tree.insert("boot/config-6.1.0-10-amd64", Node::file(0o644, "CONFIG_X=y")).unwrap();
        tree.insert("usr/lib/systemd/boot/efi/linuxx64.efi.stub", Node::file(0o644, "of other machines")).unwrap();
        let kernel = find(&tree);
        assert_eq!(kernel.version.as_deref(), Some("6.1.0-10-amd64"));
        assert!(kernel.initrd.is_some() && kernel.config.is_some() && kernel.stub.is_none());
        assert!(find(&Tree::default()).linux.is_none());
        tree.remove("boot/initrd.img-6.1.0-10-amd64");
        tree.insert("boot/initrd.img-6.1.0-9-amd64", Node::file(0o644, "of another kernel")).unwrap();
        tree.insert("boot/initrd.img", Node::link("initrd.img-6.1.0-9-amd64")).unwrap();
        assert!(find(&tree).initrd.is_none(), "an initrd has the modules of its own kernel");
        tree.insert("boot/initrd.img", Node::file(0o644, "the only one")).unwrap();
        assert!(find(&tree).initrd.is_some());
    }
}
