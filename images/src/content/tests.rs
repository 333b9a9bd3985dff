use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::archive::{ChunkOptions, Writing, write_chunks, write_tar};
use crate::fake::FakeBundle;
use crate::hasher::sha256;

/// A folder of its own for a test.
fn place() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn fake(place: &tempfile::TempDir) -> FakeBundle {
    FakeBundle::fake(&place.path().join("bundle"))
}

/// All blobs with their bytes, and the documents.
type Everything = (Vec<(Digest, Vec<u8>)>, Vec<u8>, Option<Vec<u8>>);

fn everything(content: &Content) -> Everything {
    let blobs = content.blobs().map(|(digest, extent)| {
        let mut bytes = Vec::new();
        extent.reader().read_to_end(&mut bytes).unwrap();
        (digest.clone(), bytes)
    });
    (blobs.collect(), content.index_bytes().to_vec(), content.manifest_bytes().map(<[u8]>::to_vec))
}

#[test]
fn folder_tar_and_chunks_of_any_size_are_the_same_content() {
    let place = place();
    let folder = Content::open(fake(&place).folder()).unwrap();
    let wanted = everything(&folder);
    assert!(wanted.0.iter().all(|(digest, bytes)| sha256(bytes) == *digest));
    let tar = place.path().join("bundle.tar");
    write_tar(&folder, &tar, &Writing::default()).unwrap();
    assert_eq!(everything(&Content::open(&tar).unwrap()), wanted);
    for chunk_size in [4096, 4097, 5000, 65_536, 1 << 30] {
        let manifest = place.path().join("cut.chunks.json");
        write_chunks(&folder, &manifest, ChunkOptions { chunk_size, parity: 0 }, &Writing::default()).unwrap();
        assert_eq!(everything(&Content::open(&manifest).unwrap()), wanted, "{chunk_size}");
    }
}

#[test]
fn a_reader_seeks_within_its_blob_over_all_pieces() {
    let place = place();
    let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
    let pieces = bytes.chunks(300).enumerate().map(|(number, part)| {
        let path = place.path().join(number.to_string());
        fs::write(&path, [b"before", part, b"after"].concat()).unwrap();
        Piece { file: Arc::new(Source::Path(path)), offset: 6, length: part.len() as u64 }
    });
    let extent = Extent::of(pieces.collect());
    for (offset, length) in [(0, 1000), (299, 2), (300, 300), (550, 450), (1000, 0), (0, 0)] {
        let mut found = Vec::new();
        extent.slice(offset, length).unwrap().reader().read_to_end(&mut found).unwrap();
        assert_eq!(found, bytes[usize::try_from(offset).unwrap()..][..usize::try_from(length).unwrap()]);
    }
    assert!(extent.slice(999, 2).is_none() && extent.slice(u64::MAX, 2).is_none());
    let mut reader = extent.reader();
    for (to, wanted) in [(SeekFrom::Start(900), 900), (SeekFrom::Current(-651), 250), (SeekFrom::End(-1), 999)] {
        assert_eq!(reader.seek(to).unwrap(), wanted);
        let mut byte = [0];
        reader.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], bytes[usize::try_from(wanted).unwrap()]);
    }
    assert!(reader.seek(SeekFrom::Start(1001)).is_err());
    assert!(reader.seek(SeekFrom::Current(-2000)).is_err());
}

#[test]
fn a_small_blob_is_verified_when_it_is_read() {
    let place = place();
    let mut bundle = fake(&place);
    let good = bundle.blob(b"good");
    let bad = bundle.blob(b"what was written");
    fs::write(bundle.path(&bad), b"what became of it").unwrap();
    let content = Content::open(bundle.folder()).unwrap();
    assert_eq!(content.read_small(&good, 4).unwrap(), b"good");
    assert!(matches!(content.read_small(&good, 3), Err(ContentError::TooLarge { size: 4, limit: 3, .. })));
    assert!(matches!(content.read_small(&bad, 100), Err(ContentError::Damaged { .. })));
    assert!(matches!(content.read_small(&sha256(b"absent"), 100), Err(ContentError::Missing { .. })));
    fs::write(bundle.path(&good), b"goo").unwrap();
    assert!(matches!(content.read_small(&good, 4), Err(ContentError::Read { .. })), "it became shorter");
}

/// What is done to a sound bundle's folder, and what is then said of it.
type FolderRow = (&'static str, fn(&FakeBundle), &'static str);

const FOLDERS: &[FolderRow] = &[
    ("no oci-layout", |b| fs::remove_file(b.folder().join("oci-layout")).unwrap(), "has no oci-layout"),
    ("no index.json", |b| fs::remove_file(b.folder().join("index.json")).unwrap(), "has no index.json"),
    ("layout of another version", |b| write(b, "oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#), "version `2.0.0`"),
    ("huge oci-layout", |b| write(b, "oci-layout", &[b' '; 5000]), "at most 4096"),
    ("index.json is no index", |b| write(b, "index.json", b"[]"), "malformed"),
    ("bundle.json of a later format", |b| write(b, "bundle.json", br#"{"formatVersion":2}"#), "format version 2"),
    ("unknown key in bundle.json", |b| write(b, "bundle.json", br#"{"formatVersion":1,"x":1}"#), "unknown field"),
    ("index.json is a link", |b| link(b, "index.json"), "is a symbolic link"),
    ("bundle.json is a link", |b| link(b, "bundle.json"), "is a symbolic link"),
    ("a link beside them", |b| symlink("/etc/passwd", b.folder().join("notes")).unwrap(), "is a symbolic link"),
    ("blobs is a link", |b| link(b, "blobs"), "is a symbolic link"),
    ("blobs/sha256 is a link", |b| link(b, "blobs/sha256"), "is a symbolic link"),
    ("a blob is a link", |b| symlink("/etc/passwd", b.path(&sha256(b"linked"))).unwrap(), "is a symbolic link"),
    ("a blob is a folder", |b| fs::create_dir(b.path(&sha256(b"folder"))).unwrap(), "is a folder"),
    ("a blob is a pipe", |b| pipe(&b.path(&sha256(b"pipe"))), "is a pipe"),
    (
        "index.json is a pipe",
        |b| {
            fs::remove_file(b.folder().join("index.json")).unwrap();
            pipe(&b.folder().join("index.json"));
        },
        "is a pipe",
    ),
    ("a blob without digits", |b| write(b, "blobs/sha256/readme", b""), "no blob's name"),
    (
        "a blob of an unknown algorithm",
        |b| {
            fs::create_dir(b.folder().join("blobs/md5")).unwrap();
            write(b, "blobs/md5/d41d8cd98f00b204e9800998ecf8427e", b"");
        },
        "algorithm `md5` is unknown",
    ),
    ("a file in blobs", |b| write(b, "blobs/file", b""), "is a file"),
];

fn write(bundle: &FakeBundle, name: &str, bytes: &[u8]) {
    fs::write(bundle.folder().join(name), bytes).unwrap();
}

/// Moves something away and puts a link to it in its place.
fn link(bundle: &FakeBundle, name: &str) {
    let path = bundle.folder().join(name);
    let away = bundle.folder().with_extension("away");
    fs::rename(&path, &away).unwrap();
    symlink(&away, &path).unwrap();
}

fn pipe(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o644), 0)
        .unwrap();
}

#[test]
fn a_folder_that_is_no_bundle_is_refused_and_named() {
    for (what, change, wanted) in FOLDERS {
        let place = place();
        let bundle = fake(&place);
        change(&bundle);
        let error = Content::open(bundle.folder()).expect_err(what).to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    }
}

#[test]
fn what_a_cut_pull_leaves_and_what_lies_beside_does_no_harm() {
    let place = place();
    let bundle = fake(&place);
    let wanted = everything(&Content::open(bundle.folder()).unwrap());
    write(&bundle, "blobs/sha256/.partial-abc", b"half");
    write(&bundle, "kfimg.lock", b"");
    fs::create_dir(bundle.folder().join("notes")).unwrap();
    assert_eq!(everything(&Content::open(bundle.folder()).unwrap()), wanted);
}

#[test]
fn a_link_to_the_bundle_itself_is_followed() {
    let place = place();
    let bundle = fake(&place);
    let name = place.path().join("name");
    symlink(bundle.folder(), &name).unwrap();
    Content::open(&name).unwrap();
}

/// A set of chunks, what is done to it, and what is then said.
type ChunkRow = (&'static str, fn(&Path), &'static str);

const CHUNKS: &[ChunkRow] = &[
    ("a chunk is missing", |p| fs::remove_file(p.join("b.001")).unwrap(), "is not there"),
    ("a chunk is short", |p| fs::write(p.join("b.001"), b"short").unwrap(), "has 5 bytes, but 8192 are promised"),
    (
        "a chunk is a link",
        |p| {
            fs::rename(p.join("b.001"), p.join("away")).unwrap();
            symlink(p.join("away"), p.join("b.001")).unwrap();
        },
        "no plain file",
    ),
    ("a chunk lies elsewhere", |p| edit(p, "\"b.001\"", "\"../b.001\""), "no plain file name"),
    ("a chunk is absolute", |p| edit(p, "\"b.001\"", "\"/etc/passwd\""), "no plain file name"),
    ("a chunk occurs twice", |p| edit(p, "\"b.001\"", "\"b.000\""), "occurs twice"),
    ("a chunk of another name", |p| edit(p, "\"b.001\"", "\"site.yaml\""), "\"site.yaml\" is not called NAME.000"),
    ("chunks in another order", |p| edit(p, "\"b.001\"", "\"b.999\""), "in their order"),
    ("sizes do not add up", |p| edit(p, "\"size\": 8192", "\"size\": 8191"), "do not add up"),
    ("no chunk size", |p| edit(p, "\"chunkSize\": 8192", "\"chunkSize\": 0"), "names no chunks"),
    ("a later format", |p| edit(p, "\"formatVersion\": 1", "\"formatVersion\": 2"), "format version 2"),
    ("no json", |p| fs::write(p.join("b.chunks.json"), b"{").unwrap(), "EOF"),
];

fn edit(place: &Path, from: &str, to: &str) {
    let path = place.join("b.chunks.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_set_of_chunks_that_is_not_whole_is_refused_and_named() {
    for (what, change, wanted) in CHUNKS {
        let place = place();
        let content = Content::open(fake(&place).folder()).unwrap();
        let manifest = place.path().join("b.chunks.json");
        write_chunks(&content, &manifest, ChunkOptions { chunk_size: 8192, parity: 0 }, &Writing::default()).unwrap();
        change(place.path());
        let error = Content::open(&manifest).expect_err(what).to_string();
        assert!(error.contains(wanted), "{what}: {error}");
    }
}

#[test]
fn sizes_beyond_all_files_are_refused() {
    let chunk = |name: &str, size: u64| format!(r#"{{"file":"{name}","size":{size},"digest":"{}"}}"#, sha256(b""));
    let manifest = |size: u64, parity: u64| {
        let (chunk, parity) = (chunk("b.000", size), chunk("b.parity.000", parity));
        format!(r#"{{"formatVersion":1,"chunkSize":{size},"size":{size},"chunks":[{chunk}],"parity":[{parity}]}}"#)
    };
    let error = ChunkManifest::parse(manifest(u64::MAX, u64::MAX).as_bytes()).unwrap_err();
    assert!(error.contains("more than any file"), "{error}");
    let largest = i64::MAX.cast_unsigned();
    assert_eq!(ChunkManifest::parse(manifest(largest, largest + 1).as_bytes()).unwrap().total(), u64::MAX);
}

#[test]
fn what_is_neither_is_refused() {
    let place = place();
    let file = |name: &str, bytes: &[u8]| -> PathBuf {
        let path = place.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let table = [
        (place.path().join("absent"), "absent; name a bundle"),
        (file("empty.tar", b""), "ends in the middle"),
        (file("zeros.tar", &[0; 1024]), "has no oci-layout"),
        (file("text.tar", &[b'x'; 2048]), "checksum is wrong"),
        (PathBuf::from("/dev/null"), "not a plain file"),
        (place.path().to_owned(), "has no oci-layout"),
    ];
    for (path, wanted) in table {
        let error = Content::open(&path).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}
