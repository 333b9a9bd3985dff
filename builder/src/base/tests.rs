//! Layers, whiteouts, links, and every archive that should not be believed.

mod places;

use super::apply::Layer;
use super::{packed, tar};
use crate::error::Error;
use crate::output::Watch;
use crate::spool::Spool;
use crate::tree::{Kind, Tree};
use kfimg_images::content::Extent;
use kfimg_images::hasher::sha256;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;

/// A tar in the making.
struct Archive(::tar::Builder<Vec<u8>>);

impl Default for Archive {
    fn default() -> Self {
        Self(::tar::Builder::new(Vec::new()))
    }
}

impl Archive {
    fn raw(mut self, kind: u8, name: &str, link: &str, content: &[u8]) -> Self {
        let mut header = ::tar::Header::new_ustar();
        header.set_entry_type(::tar::EntryType::new(kind));
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_size(content.len() as u64);
        header.set_mode(0o4755);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(1000);
        header.set_device_major(1).unwrap();
        header.set_device_minor(3).unwrap();
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    fn file(self, name: &str, content: &str) -> Self {
        self.raw(b'0', name, "", content.as_bytes())
    }

    fn folder(self, name: &str) -> Self {
        self.raw(b'5', name, "", b"")
    }

    fn link(self, name: &str, target: &str) -> Self {
        self.raw(b'2', name, target, b"")
    }

    fn hard(self, name: &str, target: &str) -> Self {
        self.raw(b'1', name, target, b"")
    }

    fn records(mut self, records: &[(&str, &[u8])]) -> Self {
        self.0.append_pax_extensions(records.iter().copied()).unwrap();
        self
    }

    fn bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

fn extent(folder: &Path, bytes: &[u8]) -> Extent {
    // What was opened before stays as it is.
    let number = fs::read_dir(folder).unwrap().count();
    let path = folder.join(format!("archive{number}.tar"));
    fs::write(&path, bytes).unwrap();
    Extent::of_file(&path).unwrap()
}

/// The tree of archives that lie over each other.
fn layered(layers: Vec<Vec<u8>>) -> Result<Tree, Error> {
    let folder = tempfile::tempdir().unwrap();
    let mut tree = Tree::default();
    for (number, bytes) in (0..).zip(layers) {
        let mut layer = Layer { tree: &mut tree, number, whiteouts: true, hidden: BTreeSet::new() };
        tar::each("test.tar", &extent(folder.path(), &bytes), &Watch::default(), |entry| layer.take(entry))?;
    }
    Ok(tree)
}

fn paths(tree: &Tree) -> Vec<&str> {
    tree.iter().map(|(path, _)| path).filter(|path| !path.is_empty()).collect()
}

fn text(tree: &Tree, path: &str) -> String {
    String::from_utf8(tree.get(path).unwrap().content().unwrap().head(100).unwrap()).unwrap()
}

#[test]
fn an_archive_keeps_modes_owners_links_and_attributes() {
    let value = b"\x01\x00\n\x00\x02";
    let archive = Archive::default()
        .folder("./")
        .folder("./etc/")
        .file("./etc/a", "first")
        .hard("./etc/b", "./etc/a")
        .link("./lib", "usr/lib")
        .records(&[
            ("SCHILY.xattr.security.capability", value),
            ("SCHILY.xattr.security.selinux", b"x"),
            ("mtime", b"77.5"),
        ])
        .file("./usr/bin/ping", "ping")
        .raw(b'3', "./dev/null", "", b"")
        .raw(b'6', "./pipe", "", b"");
    let tree = layered(vec![archive.bytes()]).unwrap();
    assert_eq!(
        paths(&tree),
        ["dev", "dev/null", "etc", "etc/a", "etc/b", "lib", "pipe", "usr", "usr/bin", "usr/bin/ping"]
    );
    let ping = tree.get("usr/bin/ping").unwrap();
    assert_eq!((ping.mode, ping.uid, ping.gid, ping.mtime), (0o4755, 7, 8, 77));
    assert_eq!(ping.attributes, [("security.capability".to_owned(), value.to_vec())], "labels belong to one machine");
    assert!(std::sync::Arc::ptr_eq(
        tree.get("etc/a").unwrap().content().unwrap(),
        tree.get("etc/b").unwrap().content().unwrap()
    ));
    assert!(matches!(&tree.get("lib").unwrap().kind, Kind::Link(target) if target == "usr/lib"));
}

#[test]
fn of_two_records_about_one_attribute_the_later_one_counts() {
    let archive = Archive::default()
        .records(&[("SCHILY.xattr.user.a", b"9"), ("SCHILY.xattr.user.b", b"x"), ("SCHILY.xattr.user.a", b"1")])
        .file("a", "x");
    let tree = layered(vec![archive.bytes()]).unwrap();
    let wanted = [("user.a".to_owned(), b"1".to_vec()), ("user.b".to_owned(), b"x".to_vec())];
    assert_eq!(tree.get("a").unwrap().attributes, wanted);
}

#[test]
fn times_before_1970_are_no_times_in_the_far_future() {
    let mut header = ::tar::Header::new_gnu();
    header.set_size(0);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.as_old_mut().mtime = [0xff; 12];
    header.set_entry_type(::tar::EntryType::Regular);
    header.as_old_mut().name[0] = b'a';
    header.set_cksum();
    let mut gnu = ::tar::Builder::new(Vec::new());
    gnu.append(&header, &b""[..]).unwrap();
    let tree = layered(vec![gnu.into_inner().unwrap()]).unwrap();
    assert_eq!(tree.get("a").unwrap().mtime, 0);
}

#[test]
fn long_names_are_read_in_both_dialects() {
    let long = format!("usr/share/{}/{}", "d".repeat(90), "f".repeat(90));
    let mut gnu = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    gnu.append_data(&mut header, &long, &b"g"[..]).unwrap();
    let pax = Archive::default().records(&[("path", long.as_bytes())]).file("short", "p");
    for bytes in [gnu.into_inner().unwrap(), pax.bytes()] {
        let tree = layered(vec![bytes]).unwrap();
        assert!(tree.get(&long).is_some(), "{:?}", paths(&tree));
        assert!(tree.get("short").is_none());
    }
}

#[test]
fn whiteouts_hide_lower_layers_and_never_their_own() {
    let lower =
        Archive::default().file("a/old", "1").file("a/kept", "1").file("b/x", "1").file("c", "1").file("d/e/f", "1");
    let upper = Archive::default()
        .file("a/.wh.old", "")
        .file("b/new", "2")
        .file("b/.wh..wh..opq", "")
        .file(".wh.c", "")
        .file("d/e/new", "2")
        .file("d/.wh.e", "")
        .file(".wh..wh.aufs", "");
    let tree = layered(vec![lower.bytes(), upper.bytes()]).unwrap();
    assert_eq!(paths(&tree), ["a", "a/kept", "b", "b/new", "d", "d/e", "d/e/new"]);
}

#[test]
fn folders_without_an_entry_of_their_own_are_hidden_with_what_they_held() {
    let lower = Archive::default().file("a/b/x", "1").file("c/d/x", "1").file("e/f/x", "1");
    let upper = Archive::default().file(".wh.a", "").file("c/.wh..wh..opq", "").file("e/.wh.f", "");
    let tree = layered(vec![lower.bytes(), upper.bytes()]).unwrap();
    assert_eq!(paths(&tree), ["c", "e"]);
}

#[test]
fn marks_that_say_nothing_new_take_no_time_and_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let marks = (0..100).fold(Archive::default().file("a/x", ""), |archive, number| {
        archive.file(&format!("none{number}/.wh..wh..opq"), "").file(&format!(".wh.none{number}"), "").file(".wh.a", "")
    });
    let mut tree = Tree::default();
    let mut layer = Layer { tree: &mut tree, number: 0, whiteouts: true, hidden: BTreeSet::new() };
    let bytes = marks.file("a/.wh..wh..opq", "").bytes();
    tar::each("test.tar", &extent(folder.path(), &bytes), &Watch::default(), |entry| layer.take(entry)).unwrap();
    assert_eq!(layer.hidden, BTreeSet::from(["a".to_owned(), "a/".to_owned()]));
    assert!(tree.get("a/x").is_some(), "its own layer never hides it");
}

#[test]
fn upper_layers_replace_what_is_below() {
    let lower = Archive::default()
        .file("a/b", "1")
        .link("lib", "usr/lib")
        .file("usr/lib/x", "1")
        .folder("was")
        .file("was/x", "1");
    let upper = Archive::default().file("a/b", "2").file("lib/y", "2").file("was", "2").hard("z", "usr/lib/x");
    let tree = layered(vec![lower.bytes(), upper.bytes()]).unwrap();
    assert_eq!(text(&tree, "a/b"), "2");
    assert_eq!(text(&tree, "usr/lib/y"), "2", "links of the base are followed inside of it");
    assert_eq!(text(&tree, "was"), "2");
    assert_eq!(text(&tree, "z"), "1");
    assert!(tree.get("was/x").is_none());
}

/// An archive that is refused, and a part of what is said.
#[test]
fn hostile_archives_are_refused_with_the_place_and_the_reason() {
    let plain = || Archive::default().file("etc/a", "x");
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Archive::default().file("../etc/passwd", "x").bytes(), "`../etc/passwd` leads upwards"),
        (Archive::default().file("/etc/passwd", "x").bytes(), "`/etc/passwd` is absolute"),
        (Archive::default().file("a/../../b", "x").bytes(), "leads upwards"),
        (Archive::default().records(&[("path", b"../x")]).file("a", "x").bytes(), "leads upwards"),
        (plain().hard("b", "../../etc/shadow").bytes(), "`../../etc/shadow` leads upwards"),
        (plain().hard("b", "/etc/shadow").bytes(), "`/etc/shadow` is absolute"),
        (plain().hard("b", "etc/none").bytes(), "hard link to `etc/none`, which is no file before it"),
        (plain().hard("b", "etc").bytes(), "is no file before it"),
        (Archive::default().link("out", "../..").file("out/x", "x").bytes(), "the link `out`, which leads out"),
        (Archive::default().link("a", "b").link("b", "a").file("a/x", "x").bytes(), "lead in a circle"),
        (plain().file("etc/a", "y").bytes(), "`etc/a` occurs twice"),
        (plain().file("etc/a/b", "y").bytes(), "lies below `etc/a`, which is no folder"),
        (
            Archive::default().records(&[("size", b"9")]).file("a", "x").bytes(),
            "1 bytes by its header and 9 by its record",
        ),
        (Archive::default().records(&[("GNU.sparse.major", b"1")]).file("a", "x").bytes(), "sparse"),
        (Archive::default().raw(b'S', "a", "", b"").bytes(), "a sparse file"),
        (Archive::default().raw(b'x', "PaxHeader", "", &vec![b'9'; 2 << 20]).bytes(), "it has 2097152 bytes"),
        (
            Archive::default()
                .records(&[("SCHILY.xattr.user.a", &vec![b'x'; 600_000])])
                .records(&[("SCHILY.xattr.user.b", &vec![b'x'; 600_000])])
                .file("a", "x")
                .bytes(),
            "with those before it, it has 1200",
        ),
        (Archive::default().raw(b'x', "PaxHeader", "", b"999 a=b\n").bytes(), "malformed"),
        (
            Archive::default().records(&[("uid", b"99999999999")]).file("a", "x").bytes(),
            "belongs to the number 99999999999",
        ),
        (Archive::default().link("a", "").bytes(), "a link to nothing"),
        (vec![b'x'; 2048], "is no tar"),
        (Vec::new(), "ends in the middle"),
    ];
    for (bytes, text) in cases {
        let error = layered(vec![bytes]).expect_err(text).to_string();
        assert!(error.contains(text) && error.starts_with("test.tar: at byte "), "{text}: {error}");
    }
}

#[test]
fn an_archive_that_was_cut_is_refused_wherever() {
    let whole = Archive::default().folder("etc").file("etc/a", &"x".repeat(3000)).file("etc/b", "y").bytes();
    for length in (0..whole.len() - 1024).step_by(100) {
        assert!(layered(vec![whole[..length].to_vec()]).is_err(), "{length} of {}", whole.len());
    }
    assert!(layered(vec![whole]).is_ok());
}

#[test]
fn flipped_bytes_never_panic() {
    let whole = Archive::default().records(&[("path", b"long/name")]).file("etc/a", "x").hard("b", "long/name").bytes();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        let _ = layered(vec![bytes.clone()]);
        // With the right sum, what is wrong in a header is read.
        let header = &mut bytes[at / 512 * 512..][..512];
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let _ = layered(vec![bytes]);
    }
}

fn spool(folder: &Path) -> Spool<'static> {
    Spool::new(folder, Watch::default()).unwrap()
}

#[test]
fn packed_archives_are_unpacked_and_hashed_as_they_lie() {
    let folder = tempfile::tempdir().unwrap();
    let plain = Archive::default().file("etc/a", &"long ".repeat(10_000)).bytes();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).unwrap();
    let zstandard = zstd::encode_all(&plain[..], 1).unwrap();
    for packed in [plain.clone(), gzip.finish().unwrap(), zstandard] {
        let (found, digest) =
            packed::unpacked("a", &extent(folder.path(), &packed), &sha256(b""), &mut spool(folder.path())).unwrap();
        assert_eq!(digest, sha256(&packed));
        assert_eq!(found.size(), plain.len() as u64);
    }
    let error =
        packed::unpacked("a", &extent(folder.path(), b"\xfd7zXZ\0\0\0"), &sha256(b""), &mut spool(folder.path()));
    assert!(error.unwrap_err().to_string().contains("unpack it with `unxz`"));
}
