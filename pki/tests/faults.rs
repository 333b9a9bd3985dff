//! Every way in which a state folder can be wrong: named with its path, refused, and left as it is.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use kfimg_pki::{Error, Kind, Request, State};

fn fresh(folder: &Path) {
    let (request, now) = (Request::fake(1, 1), Timestamp::now());
    let (mut state, _) = State::open(folder, "fake", now).unwrap().ensure(&request, now).unwrap();
    state.commit().unwrap();
}

fn open(folder: &Path) -> Error {
    State::open(folder, "fake", Timestamp::now()).expect_err("it must be refused")
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) {
    let text = fs::read_to_string(path).unwrap();
    fs::write(path, change(text)).unwrap();
}

type Damage = fn(&Path, &Path);

/// What is done to a file, which error it must give, and what the message must say besides the path.
const DAMAGES: [(&str, Damage, &str); 9] = [
    ("missing", |_, path| fs::remove_file(path).unwrap(), "is missing, though state.json lists it"),
    ("empty", |_, path| fs::write(path, "").unwrap(), "is damaged"),
    ("half-written", |_, path| edit(path, |text| text[..text.len() / 2].to_owned()), "is damaged"),
    ("with more behind it", |_, path| edit(path, |text| text + "x"), "is damaged"),
    ("not text", |_, path| fs::write(path, [0xff, 0xfe]).unwrap(), "it is not text"),
    ("open to the group", |_, path| fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap(), "chmod 0600"),
    (
        "a symbolic link",
        |root, path| {
            fs::rename(path, root.join("elsewhere")).unwrap();
            symlink(root.join("elsewhere"), path).unwrap();
        },
        "is a symbolic link, not a plain file",
    ),
    (
        "a folder",
        |_, path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        "not a plain file",
    ),
    (
        "a pipe",
        |_, path| {
            fs::remove_file(path).unwrap();
            assert!(std::process::Command::new("mkfifo").args(["-m", "600"]).arg(path).status().unwrap().success());
        },
        "not a plain file",
    ),
];

const FILES: [&str; 8] = [
    "state.json",
    "pki/ca.crt",
    "pki/ca.key",
    "pki/admin.pem",
    "pki/service-account-1.key",
    "pki/encryption-1.key",
    "nodes/master-1.pem",
    "nodes/worker-1.pem",
];

#[test]
fn each_damage_of_each_sort_of_file_is_named_and_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let pristine = temporary.path().join("pristine");
    fresh(&pristine);
    for file in FILES {
        for (index, (what, damage, message)) in DAMAGES.iter().enumerate() {
            let root = temporary.path().join(format!("{}-{index}", file.replace('/', "-")));
            copy(&pristine, &root);
            damage(temporary.path(), &root.join(file));
            let error = open(&root);
            let text = error.to_string();
            // Without its index a folder is no state at all.
            if file == "state.json" && *what == "missing" {
                assert!(matches!(error, Error::NotAState { .. }), "{text}");
                continue;
            }
            assert!(text.contains(message), "{file} {what}: {text}");
            assert!(text.contains(&*root.join(file).to_string_lossy()), "{file} {what}: {text}");
            let _ = fs::remove_file(temporary.path().join("elsewhere"));
        }
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn swapped_files_are_found() {
    let swaps = [
        ("nodes/master-1.pem", "nodes/worker-1.pem", "does not hold the certificates that state.json lists"),
        ("pki/ca.key", "pki/etcd-ca.key", "not the key of the certificate"),
        ("pki/ca.crt", "pki/etcd-ca.crt", "not the file that state.json lists"),
        ("pki/service-account-1.key", "pki/ca.key", "not the key"),
    ];
    for (first, second, message) in swaps {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("state");
        fresh(&root);
        let (one, two) = (root.join(first), root.join(second));
        let text = fs::read(&one).unwrap();
        fs::copy(&two, &one).unwrap();
        fs::write(&two, text).unwrap();
        let error = open(&root).to_string();
        assert!(error.contains(message), "{first} <-> {second}: {error}");
    }
}

/// Swaps two sections of a node's file, or only their keys.
fn swap_sections(path: &Path, first: &str, second: &str, keys_only: bool) {
    edit(path, |text| {
        let section = |name: &str| {
            let start = text.find(&format!("# {name}\n")).unwrap();
            let end = text[start + 1..].find("# ").map_or(text.len(), |length| start + 1 + length);
            let section = &text[start..end];
            let body = if keys_only { section.find("-----BEGIN PRIVATE").unwrap() } else { name.len() + 3 };
            section[body..].to_owned()
        };
        let (one, two) = (section(first), section(second));
        text.replace(&one, "HERE").replace(&two, &one).replace("HERE", &two)
    });
}

#[test]
fn swapped_sections_are_found() {
    let table = [
        ("etcd-server", "etcd-peer", true, "etcd-server: it is not the key of the certificate"),
        ("etcd-server", "etcd-peer", false, "etcd-server: it is not the certificate that state.json lists"),
        ("scheduler", "addons", false, "scheduler: it is not the certificate that state.json lists"),
    ];
    for (first, second, keys_only, message) in table {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("state");
        fresh(&root);
        swap_sections(&root.join("nodes/master-1.pem"), first, second, keys_only);
        let error = open(&root).to_string();
        assert!(error.contains(message) && error.contains("nodes/master-1.pem"), "{error}");
    }
}

#[test]
fn a_leaf_of_another_authority_is_found_even_when_the_list_was_changed_too() {
    let temporary = tempfile::tempdir().unwrap();
    let (root, other) = (temporary.path().join("state"), temporary.path().join("other"));
    fresh(&root);
    fresh(&other);
    let now = Timestamp::now();
    let fingerprints = |folder: &Path| {
        let rows = State::open_existing(folder).unwrap().summary(now).into_iter();
        rows.filter(|row| row.node.as_deref() == Some("worker-1")).map(|row| row.sha256).collect::<Vec<_>>()
    };
    let (old, new) = (fingerprints(&root), fingerprints(&other));
    let file = "nodes/worker-1.pem";
    fs::copy(other.join(file), root.join(file)).unwrap();
    edit(&root.join("state.json"), |text| text.replace(&old[0], &new[0]).replace(&old[1], &new[1]));
    let error = open(&root).to_string();
    assert!(error.contains("it was issued by another authority than") && error.contains(file), "{error}");
}

#[test]
fn folders_must_be_real_ours_and_closed() {
    for folder in ["", "pki", "nodes"] {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("state");
        fresh(&root);
        let path: PathBuf = root.join(folder).components().collect();
        fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        let error = open(&root);
        assert!(matches!(error, Error::TooPermissive { mode: 0o750, wanted: 0o700, .. }), "{folder:?}: {error}");
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        let real = temporary.path().join("real");
        fs::rename(&path, &real).unwrap();
        symlink(&real, &path).unwrap();
        let error = open(&root).to_string();
        assert!(error.contains("is a symbolic link, not a folder"), "{folder:?}: {error}");
        let error = open(&root.join("")).to_string();
        assert!(error.contains("is a symbolic link"), "{folder:?} with a slash at the end: {error}");
    }
}

#[test]
fn someone_elses_file_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("state");
    fresh(&root);
    let path = root.join("pki/ca.key");
    if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
        // Only root may give files away; elsewhere this cannot be arranged.
        return;
    }
    assert!(matches!(open(&root), Error::WrongOwner { owner: 12_345, .. }));
}

#[test]
fn what_is_no_state_or_another_clusters_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    let documents = temporary.path().join("documents");
    fs::create_dir(&documents).unwrap();
    fs::set_permissions(&documents, Permissions::from_mode(0o700)).unwrap();
    File::create(documents.join("letter.txt")).unwrap();
    assert!(matches!(open(&documents), Error::NotAState { entry, .. } if entry == "letter.txt"));
    assert_eq!(fs::read_dir(&documents).unwrap().count(), 1, "nothing was put there");

    let file = temporary.path().join("file");
    File::create(&file).unwrap();
    assert!(matches!(open(&file), Error::WrongFileType { .. }));

    let error = open(&temporary.path().join("missing/parent"));
    assert!(matches!((&error, error.kind()), (Error::Io { .. }, Kind::Input)), "{error}");

    let error = State::open_existing(&temporary.path().join("nowhere")).unwrap_err();
    assert!(matches!(error, Error::NoState { .. }), "{error}");

    let state = temporary.path().join("state");
    fresh(&state);
    let error = State::open(&state, "production", now).unwrap_err();
    assert!(matches!(&error, Error::OtherCluster { found, wanted, .. } if found == "fake" && wanted == "production"));
}

#[test]
fn an_index_that_lies_is_refused() {
    let table: [(&str, &str, &str); 8] = [
        ("\"format\": 1", "\"format\": 2", "reads up to 1; use the newer kfimg"),
        ("\"format\": 1", "\"format\": \"one\"", "no valid format number"),
        ("kfimg-state", "something-else", "its kind is not"),
        ("\"uid\"", "\"unknown\"", "unknown field"),
        ("\"worker-1\"", "\"../worker-1\"", "is not a name"),
        ("\"kubernetes\":", "\"etcd\":", "it lists no kubernetes CA"),
        ("\"service-account-1\"", "\"service-account-2\"", "service-account-2.key is missing"),
        ("\"current\": 0", "\"current\": -1", "invalid value"),
    ];
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("state");
    fresh(&root);
    let original = fs::read_to_string(root.join("state.json")).unwrap();
    for (from, to, message) in table {
        assert!(original.contains(from), "{from}");
        fs::write(root.join("state.json"), original.replacen(from, to, 1)).unwrap();
        let error = open(&root).to_string();
        assert!(error.contains(message), "{from} -> {to}: {error}");
    }
}

#[test]
fn files_that_the_list_does_not_know_are_never_overwritten() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("state");
    fresh(&root);
    let stranger = root.join("nodes/worker-2.pem");
    fs::write(&stranger, "precious").unwrap();
    let (request, now) = (Request::fake(1, 2), Timestamp::now());
    let (mut state, _) = State::open(&root, "fake", now).unwrap().ensure(&request, now).unwrap();
    let error = state.commit().unwrap_err();
    assert!(matches!(&error, Error::Unrecorded { path } if *path == stranger), "{error}");
    assert_eq!(fs::read_to_string(&stranger).unwrap(), "precious");
    assert!(!root.join(".staging").exists() && !root.join(".commit").exists());
}

#[test]
fn impossible_names_are_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let now = Timestamp::now();
    for name in ["", "..", "a/b", ".hidden", "nö"] {
        let mut request = Request::fake(1, 1);
        request.nodes[1].name = name.to_owned();
        let state = State::open(&temporary.path().join("state"), "fake", now).unwrap();
        let error = state.ensure(&request, now).unwrap_err();
        assert!(matches!(error, Error::UnusableName { .. }), "{name:?}: {error}");
    }
}
