//! What a second run changes: nothing, or only what it must.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kfimg_pki::{Error, KeyAlgorithm, Request, State, Warning, Watch};

/// Content and time of change of every file and folder.
type Picture = BTreeMap<String, (Option<Vec<u8>>, i64, i64)>;

fn picture(folder: &Path) -> Picture {
    fn add(root: &Path, path: &Path, picture: &mut Picture) {
        let metadata = fs::symlink_metadata(path).unwrap();
        let content = metadata.is_file().then(|| fs::read(path).unwrap());
        let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
        picture.insert(name, (content, metadata.mtime(), metadata.mtime_nsec()));
        if metadata.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| add(root, &entry.unwrap().path(), picture));
        }
    }
    let mut picture = Picture::new();
    add(folder, folder, &mut picture);
    picture
}

/// Files whose content differs between two pictures, new and gone ones among them.
fn changed(before: &Picture, after: &Picture) -> BTreeSet<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let content = |picture: &Picture, name: &str| picture.get(name).map(|entry| entry.0.clone());
    names.into_iter().filter(|name| content(before, name) != content(after, name)).cloned().collect()
}

fn run(folder: &Path, request: &Request, now: Timestamp) -> bool {
    let (mut state, _) = State::open(folder, "fake", now).unwrap().ensure(request, now).unwrap();
    state.commit().unwrap()
}

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn a_second_run_touches_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(3, 2), Timestamp::now());
    assert!(run(&folder, &request, now));
    let first = picture(&folder);
    assert!(!run(&folder, &request, now + SignedDuration::from_hours(24)));
    assert_eq!(picture(&folder), first, "bytes and times");
}

/// Somebody who waits for so many certificates and no more.
struct Impatient(usize, AtomicUsize);

impl Watch for Impatient {
    fn begin(&self, _: usize) {}

    fn one(&self) {
        self.1.fetch_add(1, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.1.load(Ordering::Relaxed) >= self.0
    }
}

#[test]
fn certificates_that_nobody_waits_for_any_more_are_not_issued_and_nothing_is_changed() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(3, 50), Timestamp::now());
    let wait_for_two = || Impatient(2, AtomicUsize::new(0));
    let stopped = State::open(&folder, "fake", now).unwrap().ensure_watched(&request, now, &wait_for_two());
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert!(!folder.join("state.json").exists() && !folder.join("nodes").exists());

    run(&folder, &request, now);
    let before = picture(&folder);
    let state = State::open_existing(&folder).unwrap();
    let stopped = state.renew_watched(&request, &BTreeSet::new(), (None, now), &wait_for_two());
    assert!(matches!(stopped, Err(Error::Stopped)));
    assert_eq!(picture(&folder), before);
}

#[test]
fn every_file_and_folder_is_closed_to_others() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    run(&folder, &Request::fake(1, 1), Timestamp::now());
    for name in picture(&folder).keys() {
        let metadata = fs::symlink_metadata(folder.join(name)).unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o7777, wanted, "{name:?}");
    }
}

#[test]
fn a_new_node_adds_only_its_own_certificates() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    run(&folder, &Request::fake(1, 1), now);
    let before = picture(&folder);
    run(&folder, &Request::fake(1, 2), now);
    let expected = ["nodes/worker-2.pem", "state.json"];
    assert_eq!(changed(&before, &picture(&folder)), names(&expected));
}

#[test]
fn a_changed_address_issues_only_what_names_it_and_keeps_the_key() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (mut request, now) = (Request::fake(1, 1), Timestamp::now());
    run(&folder, &request, now);
    let before = picture(&folder);
    request.nodes[1].addresses[0] = "10.9.9.9".parse().unwrap();
    assert!(run(&folder, &request, now));
    let after = picture(&folder);
    assert_eq!(changed(&before, &after), names(&["nodes/worker-1.pem", "state.json"]));
    let blocks = |picture: &Picture| {
        let text = String::from_utf8(picture["nodes/worker-1.pem"].0.clone().unwrap()).unwrap();
        text.split("-----END").map(str::to_owned).collect::<Vec<_>>()
    };
    let pairs = blocks(&before).into_iter().zip(blocks(&after));
    assert_eq!(pairs.map(|(old, new)| old == new).collect::<Vec<_>>(), [true, true, false, true, true]);
    assert!(!run(&folder, &request, now));
}

#[test]
fn a_removed_node_keeps_its_certificates_and_finds_them_again() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    run(&folder, &Request::fake(1, 2), now);
    assert!(!run(&folder, &Request::fake(1, 1), now));
    assert!(!run(&folder, &Request::fake(1, 2), now));
}

#[test]
fn another_algorithm_or_window_applies_to_new_certificates_only() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    run(&folder, &Request::fake(1, 0), now);
    let mut request = Request::fake(1, 1);
    request.policy.algorithm = KeyAlgorithm::Rsa2048;
    request.policy.leaf_window = Duration::from_secs(86_400);
    run(&folder, &request, now);
    let rows = State::open_existing(&folder).unwrap().summary(now);
    for row in rows.iter().filter(|row| row.node.is_some()) {
        let new = row.node.as_deref() == Some("worker-1");
        assert_eq!((row.algorithm.as_str(), row.days_left), if new { ("RSA-2048", 1) } else { ("ECDSA-P256", 1095) });
    }
}

#[test]
fn ends_are_announced_for_thirty_days_and_then_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(1, 1), Timestamp::now());
    run(&folder, &request, now);
    let ensure = |days: i64| {
        let later = now + SignedDuration::from_hours(24 * days);
        State::open(&folder, "fake", later).unwrap().ensure(&request, later).map(|(_, warnings)| warnings)
    };
    assert_eq!(ensure(1064).unwrap(), []);
    let warnings = ensure(1066).unwrap();
    assert_eq!(warnings.len(), 15, "{warnings:?}");
    assert!(warnings[0].to_string().contains("kfimg pki renew"));
    let error = ensure(1096).unwrap_err();
    assert!(matches!(&error, Error::Expired { list } if list.len() == 15), "{error}");
    assert!(error.to_string().contains("apiserver of master-1 (") && error.to_string().contains("kfimg pki renew"));
    let error = ensure(3651).unwrap_err().to_string();
    assert!(error.contains("kubernetes CA (") && error.contains("etcd CA ("), "{error}");
}

#[test]
fn the_end_of_an_authority_is_announced_before_it_stops_work() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    let mut request = Request::fake(1, 1);
    run(&folder, &request, now);
    let mut ensure = |days: i64, leaf_days: u64| {
        let later = now + SignedDuration::from_hours(24 * days);
        request.policy.leaf_window = Duration::from_secs(leaf_days * 86_400);
        let (_, warnings) = State::open(&folder, "fake", later).unwrap().ensure(&request, later).unwrap();
        let kind = |warning: &Warning| match warning {
            Warning::Authority { authority, .. } => format!("{authority} ends"),
            Warning::Window { authority, .. } => format!("{authority} is too short"),
            Warning::Certificate { .. } => "certificate".to_owned(),
        };
        let mut kinds: Vec<String> = warnings.iter().map(kind).collect();
        kinds.dedup();
        (kinds.join(", "), warnings)
    };
    assert_eq!(ensure(700, 2950).0, "");
    let (kinds, warnings) = ensure(701, 2950);
    assert_eq!(kinds, "kubernetes is too short, etcd is too short, front-proxy is too short");
    assert!(warnings[0].to_string().contains("pki.certificateValidityPeriod"), "{}", warnings[0]);
    assert_eq!(ensure(701, 100).0, "");
}

#[test]
fn a_year_is_left_of_an_authority_and_its_end_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    let mut request = Request::fake(1, 0);
    request.policy.ca_window = Duration::from_secs(366 * 86_400);
    request.policy.leaf_window = Duration::from_secs(300 * 86_400);
    run(&folder, &request, now);
    request.policy.leaf_window = Duration::from_secs(86_400);
    let later = now + SignedDuration::from_hours(25);
    let (_, warnings) = State::open(&folder, "fake", later).unwrap().ensure(&request, later).unwrap();
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("the kubernetes CA ends ") && told[0].contains("no successor"), "{told:?}");
}

#[test]
fn an_expired_certificate_of_a_removed_node_is_no_obstacle() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let now = Timestamp::now();
    let mut request = Request::fake(0, 1);
    request.policy.leaf_window = Duration::from_secs(86_400);
    request.policy.ca_window = Duration::from_secs(400 * 86_400);
    run(&folder, &request, now);
    let later = now + SignedDuration::from_hours(48);
    let mut request = Request::fake(0, 1);
    request.policy.leaf_window = Duration::from_secs(86_400);
    request.nodes[0].name = "worker-9".to_owned();
    let error = State::open(&folder, "fake", later).unwrap().ensure(&request, later).unwrap_err();
    assert!(matches!(&error, Error::Expired { list } if list.len() == 1 && list[0].starts_with("admin (")), "{error}");
}

#[test]
fn generations_and_identity_last() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(1, 1), Timestamp::from_second(1_800_000_000).unwrap());
    let content =
        |digest: &str| vec![("master-1".to_owned(), digest.to_owned()), ("worker-1".to_owned(), "w".to_owned())];
    let (mut state, _) = State::open(&folder, "fake", now).unwrap().ensure(&request, now).unwrap();
    let uid = state.uid().to_owned();
    state.generations_mut().assign(&content("a"), now);
    state.commit().unwrap();
    drop(state);
    let mut state = State::open(&folder, "fake", now).unwrap();
    assert_eq!(state.uid(), uid);
    let numbers = state.generations_mut().assign(&content("a"), now);
    assert_eq!(numbers.into_values().collect::<Vec<_>>(), [1, 1]);
    assert!(!state.commit().unwrap());
    let numbers = state.generations_mut().assign(&content("b"), now + SignedDuration::from_secs(5));
    assert_eq!(numbers.into_values().collect::<Vec<_>>(), [2, 1]);
    assert!(state.commit().unwrap());
    drop(state);
    let state = State::open_existing(&folder).unwrap();
    assert_eq!(state.generations().generation("master-1"), Some(2));
    assert_eq!(state.generations().rendered_at(2).unwrap().as_second(), 1_800_000_005);
}
