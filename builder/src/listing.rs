//! [`Listing`]: every file of an image with mode, owner, size and SHA-256, as a text that `mtree(8)` and people read.
//!
//! Source: NetBSD and libarchive mtree(5), "nawk" form: one line an entry, full paths, no defaults. Extended attributes are keywords
//! of their own, `xattr.<name>=<base64>`, as go-mtree writes them.

use crate::error::Error;
use crate::output::Watch;
use crate::tree::{FileContent, Kind, Node, Tree};
use data_encoding::BASE64;
use kfimg_images::digest::Digest;
use kfimg_images::hasher::Hasher;
use std::fmt::Write as _;
use std::path::Path;

/// The name of the file beside the outputs.
pub const LISTING_FILE: &str = "root.mtree";
/// The first line.
const HEAD: &str = "#mtree v2.0\n";

/// A listing that grows in the order of the paths.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    text: String,
    /// Whether times are told. Those of an image follow from its own, so that they would only be noise between two images.
    times: bool,
}

impl Default for Listing {
    fn default() -> Self {
        Self { text: HEAD.to_owned(), times: false }
    }
}

impl Listing {
    /// Adds a node; `digest` is that of a file's content.
    pub(crate) fn add(&mut self, path: &str, node: &Node, digest: Option<&Digest>) {
        let place = if path.is_empty() { ".".to_owned() } else { format!("./{}", escaped(path)) };
        let kind = match &node.kind {
            Kind::Folder => "type=dir".to_owned(),
            Kind::File(content) => {
                let digest = digest.map_or("", Digest::hexadecimal);
                format!("type=file size={} sha256={digest}", content.size())
            }
            Kind::Link(target) => format!("type=link link={}", escaped(target)),
            Kind::Device { block, major, minor } => {
                format!("type={} device=linux,{major},{minor}", if *block { "block" } else { "char" })
            }
            Kind::Pipe => "type=fifo".to_owned(),
        };
        let _ = write!(self.text, "{place} mode={:04o} uid={} gid={}", node.mode, node.uid, node.gid);
        if self.times {
            let _ = write!(self.text, " time={}.0", node.mtime);
        }
        for (name, value) in &node.attributes {
            let _ = write!(self.text, " xattr.{}={}", escaped(name), BASE64.encode(value));
        }
        let _ = writeln!(self.text, " {kind}");
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// The listing of a whole tree with all that an image takes of it, times too. Contents are read.
pub(crate) fn of_tree(tree: &Tree, watch: &Watch<'_>) -> Result<String, Error> {
    let mut listing = Listing { times: true, ..Listing::default() };
    for (path, node) in tree.iter() {
        let digest = node.content().map(|content| digest(content, watch)).transpose();
        let digest = digest.map_err(Error::io("reading", Path::new(path)))?;
        listing.add(path, node, digest.as_ref());
    }
    Ok(listing.finish())
}

/// The SHA-256 of a content.
fn digest(content: &FileContent, watch: &Watch<'_>) -> std::io::Result<Digest> {
    let mut hasher = Hasher::sha256();
    hasher.read(watch.reader(content.reader()))?;
    Ok(hasher.finish())
}

/// As `vis(3)` writes blanks, backslashes, `#` and what is not ASCII: three octal digits.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#');
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if plain(byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "\\{byte:03o}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::{HEAD, of_tree};
    use crate::output::Watch;
    use crate::tree::{Node, Tree};

    #[test]
    fn a_listing_is_an_mtree() {
        let mut tree = Tree::default();
        let attributes = vec![("user.a b".to_owned(), b"\x00x".to_vec())];
        tree.insert("a b", Node { attributes, mtime: 9, ..Node::file(0o4755, "abc") }).unwrap();
        tree.insert("lib", Node { mtime: 8, ..Node::link("usr/lib") }).unwrap();
        tree.get_mut("").unwrap().mtime = 7;
        let text = of_tree(&tree, &Watch::default()).unwrap();
        let wanted = ". mode=0755 uid=0 gid=0 time=7.0 type=dir\n\
            ./a\\040b mode=4755 uid=0 gid=0 time=9.0 xattr.user.a\\040b=AHg= type=file size=3 \
            sha256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n\
            ./lib mode=0777 uid=0 gid=0 time=8.0 type=link link=usr/lib\n";
        assert_eq!(text, format!("{HEAD}{wanted}"));
    }
}
