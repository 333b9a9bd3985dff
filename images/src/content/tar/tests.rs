//! Hostile archives, row by row. Each is a sound bundle with one thing wrong.

use std::fs;

use super::super::Content;
use crate::content::{BUNDLE_FILE, INDEX_FILE, LAYOUT_FILE, LAYOUT_TEXT};
use crate::hasher::sha256;

const INDEX: &[u8] = br#"{"schemaVersion":2,"manifests":[]}"#;

/// An archive in the making, with no scruples.
#[derive(Clone, Default)]
struct Archive(Vec<u8>);

/// One header, field by field.
struct Entry<'a> {
    name: &'a [u8],
    size: Vec<u8>,
    kind: u8,
    magic: &'a [u8; 8],
    prefix: &'a [u8],
}

impl<'a> Entry<'a> {
    fn file(name: &'a str, size: u64) -> Self {
        Self {
            name: name.as_bytes(),
            size: format!("{size:011o}\0").into_bytes(),
            kind: b'0',
            magic: b"ustar\x0000",
            prefix: b"",
        }
    }

    fn of(kind: u8, name: &'a str) -> Self {
        Self { kind, ..Self::file(name, 0) }
    }

    fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        block[..self.name.len()].copy_from_slice(self.name);
        block[124..136].copy_from_slice(&self.size);
        block[148..156].fill(b' ');
        block[156] = self.kind;
        block[257..265].copy_from_slice(self.magic);
        block[345..345 + self.prefix.len()].copy_from_slice(self.prefix);
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

impl Archive {
    /// The documents of a bundle.
    fn sound() -> Self {
        Self::default().file(LAYOUT_FILE, LAYOUT_TEXT.as_bytes()).file(INDEX_FILE, INDEX)
    }

    fn entry(mut self, entry: &Entry<'_>) -> Self {
        self.0.extend(entry.block());
        self
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    fn file(self, name: &str, bytes: &[u8]) -> Self {
        self.entry(&Entry::file(name, bytes.len() as u64)).bytes(bytes)
    }

    fn special(self, kind: u8, name: &str, bytes: &[u8]) -> Self {
        self.entry(&Entry { kind, ..Entry::file(name, bytes.len() as u64) }).bytes(bytes)
    }

    fn pax(self, records: &[u8]) -> Self {
        self.special(b'x', "PaxHeaders/x", records)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.extend([0; 1024]);
        self.0
    }
}

fn blob(bytes: &[u8]) -> String {
    format!("blobs/sha256/{}", sha256(bytes).hexadecimal())
}

fn open(bytes: &[u8]) -> Result<Content, String> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("b.tar");
    fs::write(&path, bytes).unwrap();
    Content::open(&path).map_err(|error| error.to_string())
}

/// What is wrong, the archive, and what is said of it.
type Row = (&'static str, Vec<u8>, &'static str);

fn names() -> Vec<Row> {
    let sound = Archive::sound;
    vec![
        ("a parent", sound().file("../evil", b"").end(), "not one of a bundle"),
        ("a parent inside", sound().file("blobs/../../evil", b"").end(), "not one of a bundle"),
        ("a parent by PAX", sound().pax(b"16 path=../evil\n").file("x", b"").end(), "not one of a bundle"),
        (
            "a parent by GNU",
            sound().special(b'L', "././@LongLink", b"../evil\0").file("x", b"").end(),
            "not one of a bundle",
        ),
        ("absolute", sound().file("/etc/passwd", b"").end(), "not one of a bundle"),
        ("the root itself", sound().entry(&Entry::of(b'5', "/")).end(), "not one of a bundle"),
        ("an empty name", sound().file("", b"").end(), "not one of a bundle"),
        ("an empty part", sound().file("blobs//x", b"").end(), "not one of a bundle"),
        ("a dot inside", sound().file("blobs/./x", b"").end(), "not one of a bundle"),
        ("a backslash", sound().file("..\\evil", b"").end(), "not one of a bundle"),
        ("not UTF-8", sound().entry(&Entry { name: b"\xff\xfe", ..Entry::file("", 0) }).end(), "not one of a bundle"),
        ("a zero byte by PAX", sound().pax(b"12 path=a\0b\n").file("x", b"").end(), "not one of a bundle"),
        ("a command for the terminal", sound().file("a\u{1b}[2J", b"").end(), "`a\\u{1b}[2J` is not one of a bundle"),
        (
            "a name longer than a file's",
            sound().pax(format!("310 path={}\n", "x".repeat(300)).as_bytes()).file("x", b"").end(),
            "not one of a bundle",
        ),
        (
            "a prefix that leads out",
            sound().entry(&Entry { prefix: b"..", ..Entry::file("evil", 0) }).end(),
            "not one of a bundle",
        ),
    ]
}

fn kinds() -> Vec<Row> {
    let sound = Archive::sound;
    vec![
        ("a hard link", sound().entry(&Entry::of(b'1', &blob(b"x"))).end(), "is a hard link"),
        ("a symbolic link", sound().entry(&Entry::of(b'2', &blob(b"x"))).end(), "is a symbolic link"),
        ("a link in place of blobs", sound().entry(&Entry::of(b'2', "blobs")).end(), "is a symbolic link"),
        ("a link in place of the root", sound().entry(&Entry::of(b'2', "./")).end(), "is a symbolic link"),
        ("a hard link in place of the root", sound().entry(&Entry::of(b'1', ".")).end(), "is a hard link"),
        (
            "a file through a link",
            sound().entry(&Entry::of(b'2', "blobs/sha256")).file(&blob(b"x"), b"x").end(),
            "is a symbolic link",
        ),
        ("a long link", sound().special(b'K', "././@LongLink", b"/etc\0").end(), "long target"),
        ("a character device", sound().entry(&Entry::of(b'3', "null")).end(), "is a character device"),
        ("a block device", sound().entry(&Entry::of(b'4', "sda")).end(), "is a block device"),
        ("a pipe", sound().entry(&Entry::of(b'6', "pipe")).end(), "is a pipe"),
        ("a sparse file", sound().entry(&Entry::of(b'S', "holes")).end(), "is a sparse file"),
        ("an unknown kind", sound().entry(&Entry::of(b'V', "volume")).end(), "unknown kind"),
        ("a PAX link target", sound().pax(b"17 linkpath=/etc\n").file("x", b"").end(), "belongs to a link"),
        ("a PAX sparse file", sound().pax(b"22 GNU.sparse.major=1\n").file("x", b"").end(), "sparse"),
    ]
}

fn places() -> Vec<Row> {
    let sound = Archive::sound;
    vec![
        ("a duplicate", sound().file(INDEX_FILE, INDEX).end(), "occurs twice"),
        ("a duplicate by ./", sound().file("./index.json", INDEX).end(), "occurs twice"),
        ("a duplicate blob", sound().file(&blob(b"x"), b"x").file(&blob(b"x"), b"y").end(), "occurs twice"),
        (
            "a folder in place of a document",
            sound().entry(&Entry::of(b'5', BUNDLE_FILE)).end(),
            "is no file of a bundle",
        ),
        ("a folder with bytes", sound().special(b'5', "blobs", b"bytes").end(), "is no file of a bundle"),
        ("a blob that is no digest", sound().file("blobs/sha256/readme", b"").end(), "is no file of a bundle"),
        ("a digest that is too short", sound().file("blobs/sha256/abcd", b"").end(), "is no file of a bundle"),
        ("an unknown algorithm", sound().file("blobs/md5/d41d8cd98f00b204e9800998ecf8427e", b"").end(), "is no file"),
        ("another folder", sound().file("usr/bin/kfimg", b"").end(), "is no file of a bundle"),
    ]
}

fn records() -> Vec<Row> {
    let sound = Archive::sound;
    let size_record = |size: &str| format!("{} size={size}\n", 9 + size.len()).into_bytes();
    vec![
        (
            "header and PAX disagree",
            sound().pax(&size_record("512")).file(&blob(b"x"), b"x").end(),
            "by its PAX record",
        ),
        (
            "the header hides the size",
            sound().pax(&size_record("1024")).entry(&Entry::file("x", 0)).end(),
            "by its PAX record",
        ),
        (
            "the PAX record hides the size",
            sound().pax(&size_record("0")).file("x", b"bytes").end(),
            "by its PAX record",
        ),
        (
            "two sizes",
            sound().pax(&[size_record("1"), size_record("1")].concat()).file("x", b"x").end(),
            "occurs twice",
        ),
        ("a negative PAX size", sound().pax(&size_record("-1")).file("x", b"").end(), "is no number"),
        ("an endless PAX size", sound().pax(&size_record(&"9".repeat(40))).file("x", b"").end(), "is no number"),
        ("a global size", sound().special(b'g', "g", &size_record("1")).file("x", b"x").end(), "no global one"),
        ("a record of no length", sound().pax(b"path=x\n").file("x", b"").end(), "malformed"),
        ("a record that is longer than its header", sound().pax(b"99 path=x\n").file("x", b"").end(), "malformed"),
        ("a record without an end", sound().pax(b"9 path=xy").file("x", b"").end(), "malformed"),
        ("two extended headers", sound().pax(b"10 path=x\n").pax(b"10 path=y\n").file("z", b"").end(), "two of a kind"),
        ("two names", sound().pax(b"10 path=x\n").special(b'L', "L", b"y\0").file("z", b"").end(), "occurs twice"),
        (
            "a huge extended header",
            sound().entry(&Entry { kind: b'x', ..Entry::file("x", 1 << 30) }).end(),
            "it has 1073741824 bytes",
        ),
        ("an extended header for nothing", sound().pax(b"10 path=x\n").end(), "ends in the middle"),
    ]
}

fn ends() -> Vec<Row> {
    let sound = Archive::sound;
    vec![
        ("a size beyond the end", sound().entry(&Entry::file("x", 1 << 32)).end(), "ends in the middle"),
        (
            "a size beyond all",
            sound()
                .entry(&Entry { size: b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(), ..Entry::file("x", 0) })
                .end(),
            "ends in the middle",
        ),
        (
            "a negative size",
            sound().entry(&Entry { size: vec![0xff; 12], ..Entry::file("x", 0) }).end(),
            "size is no number",
        ),
        (
            "a size of letters",
            sound().entry(&Entry { size: b"0000000000z\0".to_vec(), ..Entry::file("x", 0) }).end(),
            "size is no number",
        ),
        (
            "a wrong checksum",
            {
                let mut bytes = sound().end();
                bytes[10] ^= 1;
                bytes
            },
            "checksum is wrong",
        ),
        (
            "no magic",
            sound().entry(&Entry { magic: b"\0\0\0\0\0\0\0\0", ..Entry::file("x", 0) }).end(),
            "no header of a ustar",
        ),
        ("no end", sound().0, "ends in the middle"),
        (
            "half an end",
            {
                let mut bytes = sound().0;
                bytes.extend([0; 512]);
                bytes
            },
            "ends in the middle",
        ),
        (
            "something in the end",
            {
                let mut bytes = sound().0;
                bytes.extend([0; 512]);
                bytes.extend([1; 512]);
                bytes
            },
            "follows the end",
        ),
        (
            "something after the end",
            {
                let mut bytes = sound().end();
                bytes.extend(Archive::sound().end());
                bytes
            },
            "follows the end",
        ),
        (
            "zeros without end",
            {
                let mut bytes = sound().end();
                bytes.resize(2 << 20, 0);
                bytes
            },
            "follows the end",
        ),
        ("no layout", Archive::default().file(INDEX_FILE, INDEX).end(), "has no oci-layout"),
        (
            "a bomb of an index",
            Archive::default().file(LAYOUT_FILE, LAYOUT_TEXT.as_bytes()).file(INDEX_FILE, &vec![b' '; 17 << 20]).end(),
            "at most 16777216",
        ),
    ]
}

#[test]
fn a_hostile_archive_is_refused_and_named() {
    for (what, bytes, wanted) in [names(), kinds(), places(), records(), ends()].concat() {
        let error = open(&bytes).expect_err(what);
        assert!(error.contains(wanted), "{what}: {error}");
    }
}

#[test]
fn an_archive_that_is_cut_anywhere_is_refused() {
    let whole = Archive::sound().pax(b"18 mtime=1.000000\n").file(&blob(b"x"), b"x").end();
    open(&whole).unwrap();
    for length in (0..whole.len()).step_by(61) {
        let error = open(&whole[..length]).expect_err("cut");
        assert!(error.contains("ends in the middle"), "{length}: {error}");
    }
}

#[test]
fn every_form_of_a_sound_archive_is_read() {
    let digest = sha256(b"x");
    let long = format!(
        "blobs/sha512/{}",
        crate::hasher::digest_like(&format!("sha512:{}", "0".repeat(128)).parse().unwrap(), b"x").hexadecimal()
    );
    let record = format!("{} path={long}\n", long.len() + 10);
    let gnu: &[u8; 8] = b"ustar  \0";
    let table = [
        ("ustar", Archive::sound().file(&blob(b"x"), b"x").end(), false),
        (
            "with ./ and folders",
            {
                Archive::default()
                    .entry(&Entry::of(b'5', "./"))
                    .file("./oci-layout", LAYOUT_TEXT.as_bytes())
                    .file("./index.json", INDEX)
                    .entry(&Entry::of(b'5', "./blobs/"))
                    .entry(&Entry::of(b'5', "./blobs/sha256/"))
                    .file(&format!("./{}", blob(b"x")), b"x")
                    .end()
            },
            false,
        ),
        (
            "a prefix",
            {
                let digits = digest.hexadecimal();
                Archive::sound().entry(&Entry { prefix: b"blobs/sha256", ..Entry::file(digits, 1) }).bytes(b"x").end()
            },
            false,
        ),
        (
            "GNU in base 256",
            {
                let size = b"\x80\0\0\0\0\0\0\0\0\0\0\x01".to_vec();
                Archive::sound().entry(&Entry { magic: gnu, size, ..Entry::file(&blob(b"x"), 0) }).bytes(b"x").end()
            },
            false,
        ),
        ("PAX with the same size", Archive::sound().pax(b"10 size=1\n").file(&blob(b"x"), b"x").end(), false),
        ("PAX with a long name", Archive::sound().pax(record.as_bytes()).file("short", b"x").end(), true),
        (
            "GNU with a long name",
            {
                let name = format!("{long}\0");
                Archive::sound().special(b'L', "././@LongLink", name.as_bytes()).file("short", b"x").end()
            },
            true,
        ),
        (
            "docker's and kfimg's files beside",
            { Archive::sound().file("manifest.json", b"[]").file("kfimg.lock", b"").file(&blob(b"x"), b"x").end() },
            false,
        ),
        (
            "filled to a record of GNU tar",
            {
                let mut bytes = Archive::sound().file(&blob(b"x"), b"x").end();
                bytes.resize(10_240, 0);
                bytes
            },
            false,
        ),
    ];
    for (what, bytes, sha512) in table {
        let content = open(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        let (found, extent) = content.blobs().next().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(extent.size(), 1, "{what}");
        assert_eq!(found.algorithm() == "sha512", sha512, "{what}");
    }
}
