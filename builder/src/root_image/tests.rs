//! `unsquashfs` and `fsck.erofs` judge what is written.

use super::{Options, RootFormat, write};
use crate::output::Watch;
use crate::tree::{FileContent, Kind, Node, Tree};
use kfimg_images::stop::Stop;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const OPTIONS: Options<'static> =
    Options { format: RootFormat::Squashfs, source_date_epoch: 1_700_000_000, name: "test" };

/// One of everything.
fn tree() -> Tree {
    let mut tree = Tree::default();
    let mut put = |path: &str, node: Node| tree.insert(path, node).unwrap();
    let capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00".to_vec();
    let ping = Node { attributes: vec![("security.capability".to_owned(), capability)], ..Node::file(0o755, "ping") };
    put("usr/bin/ping", ping);
    put("usr/bin/su", Node { mtime: 1000, ..Node::file(0o4755, "su".repeat(100_000)) });
    let shared = Arc::new(FileContent::Bytes(b"shared".to_vec()));
    for name in ["usr/share/a", "usr/share/b"] {
        put(name, Node { kind: Kind::File(Arc::clone(&shared)), uid: 12, gid: 34, ..Node::file(0o600, "") });
    }
    put(&format!("usr/{}/{}", "long".repeat(40), "name".repeat(40)), Node::file(0o644, "x"));
    put("etc/Főtanúsítvány.crt", Node::file(0o644, ""));
    put("lib", Node::link("usr/lib"));
    put(&format!("etc/{}", "l".repeat(90)), Node::link(&"t/".repeat(150)));
    put("etc/owned", Node { uid: 3_000_000, gid: 4_000_000, ..Node::file(0o644, "") });
    put("dev/null", Node { kind: Kind::Device { block: false, major: 1, minor: 3 }, ..Node::file(0o666, "") });
    put("pipe", Node { kind: Kind::Pipe, ..Node::file(0o644, "") });
    tree
}

fn built(folder: &Path, name: &str, tree: &Tree) -> super::RootImage {
    write(tree, &folder.join(name), OPTIONS, &Stop::new(), &|_| {}).unwrap()
}

fn unsquashfs(arguments: &[&str], image: &Path) -> String {
    let mut command = Command::new("unsquashfs");
    let output = command.env("TZ", "UTC").args(arguments).arg(image).output();
    let output = output.expect("unsquashfs is there: `make test` installs the package squashfs-tools");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn unsquashfs_finds_what_the_tree_has() {
    let folder = tempfile::tempdir().unwrap();
    let image = built(folder.path(), "root", &tree());
    assert_eq!(image.size % 4096, 0);
    assert!(image.program.starts_with("mksquashfs 4."), "{}", image.program);
    let squeezed = |text: String| {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect::<String>()
    };
    let listed = squeezed(unsquashfs(&["-lln"], &folder.path().join("root")));
    for line in [
        "drwxr-xr-x 0/0",
        "-rwsr-xr-x 0/0 200000 1970-01-01 00:16 squashfs-root/usr/bin/su",
        "2023-11-14 22:13 squashfs-root\n",
        "-rw------- 12/34 6 2023-11-14 22:13 squashfs-root/usr/share/a",
        "-rw------- 12/34 6 2023-11-14 22:13 squashfs-root/usr/share/b",
        "-rw-r--r-- 3000000/4000000",
        "squashfs-root/lib -> usr/lib",
        "squashfs-root/etc/Főtanúsítvány.crt",
        "crw-rw-rw- 0/0 1, 3 2023-11-14 22:13 squashfs-root/dev/null",
        "prw-r--r-- 0/0",
        &format!("squashfs-root/usr/{}/{}", "long".repeat(40), "name".repeat(40)),
        &format!("{} -> {}", "l".repeat(90), "t/".repeat(150)),
    ] {
        assert!(listed.contains(line), "{line}\n{listed}");
    }
    let about = squeezed(unsquashfs(&["-s"], &folder.path().join("root")));
    assert!(about.contains("Number of xattr ids 1\n"), "the capability of ping: {about}");
    let unpacked = folder.path().join("unpacked");
    unsquashfs(&["-no-xattrs", "-excludes", "-d", unpacked.to_str().unwrap()], &folder.path().join("root"));
    assert_eq!(fs::read(unpacked.join("usr/bin/su")).unwrap(), "su".repeat(100_000).as_bytes());
    assert_eq!(fs::read(unpacked.join("usr/share/b")).unwrap(), b"shared");
}

#[test]
fn the_listing_names_every_file_with_its_digest() {
    let folder = tempfile::tempdir().unwrap();
    let image = built(folder.path(), "root", &tree());
    let without_times =
        |line: &str| line.split(' ').filter(|word| !word.starts_with("time=")).collect::<Vec<_>>().join(" ");
    let whole = crate::listing::of_tree(&tree(), &Watch::default()).unwrap();
    assert_eq!(image.listing.lines().collect::<Vec<_>>(), whole.lines().map(without_times).collect::<Vec<_>>());
    let ping = image.listing.lines().find(|line| line.starts_with("./usr/bin/ping ")).unwrap();
    assert!(ping.contains(" xattr.security.capability=AQAAAgAgAAAAAAAACgAAAAAAAAA= "), "{ping}");
    assert_eq!(image.listing.lines().count(), 1 + tree().iter().count());
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let first = built(folder.path(), "first", &tree());
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let second = built(folder.path(), "second", &tree());
    assert_eq!(first.digest, second.digest);
}

/// Whether the mkfs.erofs of this machine reads a tar; Debian 12's does not.
fn erofs_reads_tar() -> bool {
    let said = Command::new("mkfs.erofs").arg("-V").output().expect("`make test` installs the package erofs-utils");
    let text = String::from_utf8(said.stdout).unwrap() + &String::from_utf8(said.stderr).unwrap();
    let version = text.split_whitespace().find(|word| word.starts_with("1.")).expect("it tells its version");
    version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor >= 7)
}

#[test]
fn fsck_accepts_an_erofs_and_an_old_program_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { format: RootFormat::Erofs, ..OPTIONS };
    let image = |name: &str| write(&tree(), &folder.path().join(name), options, &Stop::new(), &|_| {});
    if erofs_reads_tar() {
        let (first, second) = (image("first").unwrap(), image("second").unwrap());
        assert_eq!(first.digest, second.digest);
        assert_eq!(first.size % 4096, 0);
        let said = Command::new("fsck.erofs").arg(folder.path().join("first")).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    } else {
        let text = image("first").unwrap_err().to_string();
        let wanted =
            "reads no tar; install erofs-utils (1.7 or newer: Debian 13, Ubuntu 24.04), or choose --root squashfs";
        assert!(text.starts_with("mkfs.erofs: version 1.") && text.ends_with(wanted), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn a_content_that_becomes_shorter_is_an_error_and_not_a_short_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    fs::write(&path, vec![1; 100_000]).unwrap();
    let extent = kfimg_images::content::Extent::of_file(&path).unwrap();
    let mut tree = Tree::default();
    tree.insert("a", Node::stored(0o644, extent, crate::tree::Origin::Base)).unwrap();
    fs::write(&path, b"short").unwrap();
    let error = write(&tree, &folder.path().join("root"), OPTIONS, &Stop::new(), &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("reading a: "), "{error}");
}

#[test]
fn a_full_disk_is_told_in_the_programs_words() {
    let folder = tempfile::tempdir().unwrap();
    let error = write(&tree(), Path::new("/dev/full/root"), OPTIONS, &Stop::new(), &|_| {}).unwrap_err();
    assert!(error.to_string().starts_with("mksquashfs: writing the root image ended with"), "{error}");
    drop(folder);
}

#[test]
fn a_wish_to_stop_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Stop::new();
    stop.ask();
    let error = write(&tree(), &folder.path().join("root"), OPTIONS, &stop, &|_| {}).unwrap_err();
    assert!(matches!(error, crate::Error::Stopped), "{error}");
}
