//! What a renewal changes: certificates and keys of the nodes that were named, and nothing else.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use kfimg_pki::{Error, Kind, NodeCredentials, Request, Rotated, Rotation, Row, State};

fn names(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

/// Every certificate by holder and name.
fn rows(folder: &Path, now: Timestamp) -> BTreeMap<(Option<String>, String), Row> {
    let rows = State::open_existing(folder).unwrap().summary(now);
    rows.into_iter().map(|row| ((row.node.clone(), row.name.clone()), row)).collect()
}

fn ensure(folder: &Path, request: &Request, now: Timestamp) -> Result<(), Error> {
    let (mut state, _) = State::open(folder, "fake", now)?.ensure(request, now)?;
    state.commit().map(drop)
}

fn renew(folder: &Path, request: &Request, nodes: &[&str], now: Timestamp) -> Result<usize, Error> {
    let (mut state, renewed) = State::open_existing(folder)?.renew(request, &names(nodes), None, now)?;
    state.commit()?;
    assert!(renewed.iter().all(|renewed| renewed.not_after > now && renewed.not_after >= renewed.ended), "{renewed:?}");
    Ok(renewed.len())
}

/// Names of nodes (`-` for what no node holds) whose certificates differ.
fn changed(folder: &Path, before: &BTreeMap<(Option<String>, String), Row>, now: Timestamp) -> BTreeSet<String> {
    let after = rows(folder, now);
    assert!(before.keys().eq(after.keys()));
    let differing = before.iter().filter(|(key, row)| after[*key].sha256 != row.sha256);
    differing.map(|((node, _), _)| node.clone().unwrap_or_else(|| "-".to_owned())).collect()
}

#[test]
fn only_the_nodes_named_get_new_certificates_with_new_keys() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(3, 2), Timestamp::now());
    ensure(&folder, &request, now).unwrap();
    let before = rows(&folder, now);
    let secrets = std::fs::read_to_string(folder.join("nodes/worker-1.pem")).unwrap();
    let later = now + SignedDuration::from_hours(24 * 400);
    assert_eq!(renew(&folder, &request, &["worker-1", "master-2"], later).unwrap(), 2 + 12);
    assert_eq!(changed(&folder, &before, later), names(&["master-2", "worker-1"]));
    let renewed = std::fs::read_to_string(folder.join("nodes/worker-1.pem")).unwrap();
    let key = |text: &str| text.split("-----BEGIN PRIVATE KEY-----").nth(1).unwrap().to_owned();
    assert_ne!(key(&secrets), key(&renewed), "a new key");
    let row = &rows(&folder, later)[&(Some("worker-1".to_owned()), "kubelet-serving".to_owned())];
    let old = &before[&(Some("worker-1".to_owned()), "kubelet-serving".to_owned())];
    assert_eq!((&row.names, &row.subject, &row.issuer), (&old.names, &old.subject, &old.issuer));
    assert!(row.not_after > old.not_after);
    let pages = rows(&folder, later);
    ensure(&folder, &request, later).unwrap();
    assert_eq!(pages, rows(&folder, later), "a render keeps what was renewed");
}

#[test]
fn without_a_name_every_node_and_the_administrator_are_renewed_and_no_authority() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let mut request = Request::fake(1, 1);
    request.policy.leaf_window = Duration::from_secs(86_400);
    let now = Timestamp::now();
    ensure(&folder, &request, now).unwrap();
    let before = rows(&folder, now);
    let later = now + SignedDuration::from_hours(48);
    let error = ensure(&folder, &request, later).unwrap_err();
    assert!(matches!(error, Error::Expired { .. }) && error.to_string().contains("kfimg pki renew"), "{error}");
    assert_eq!(renew(&folder, &request, &["master-1"], later).unwrap(), 12, "what else ended is no obstacle");
    assert_eq!(renew(&folder, &request, &[], later).unwrap(), 12 + 2 + 1);
    ensure(&folder, &request, later).unwrap();
    let after = rows(&folder, later);
    let kept: Vec<_> =
        before.iter().filter(|(key, row)| after[*key].sha256 == row.sha256).map(|(key, _)| key).collect();
    assert!(kept.len() == 3 && kept.iter().all(|(node, _)| node.is_none()), "the authorities alone: {kept:?}");
}

#[test]
fn what_cannot_be_renewed_is_named_and_changes_nothing() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(1, 1), Timestamp::now());
    ensure(&folder, &request, now).unwrap();
    let before = rows(&folder, now);
    let error = renew(&folder, &Request::fake(1, 2), &["worker-2"], now).unwrap_err();
    assert!(error.to_string().contains("worker-2 has no certificates yet"), "{error}");
    assert_eq!(error.kind(), Kind::Input);
    let years = now + SignedDuration::from_hours(24 * 365 * 9);
    let error = renew(&folder, &request, &[], years).unwrap_err();
    assert!(matches!(error, Error::BeyondCa { .. }), "{error}");
    let after_all = now + SignedDuration::from_hours(24 * 365 * 11);
    let error = renew(&folder, &request, &[], after_all).unwrap_err();
    assert!(matches!(&error, Error::AuthorityEnded { list } if list.len() == 3), "{error}");
    assert_eq!(before, rows(&folder, now));
}

#[test]
fn only_what_ends_soon_is_renewed_where_that_is_asked_for() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (mut request, now) = (Request::fake(1, 2), Timestamp::now());
    ensure(&folder, &request, now).unwrap();
    let later = now + SignedDuration::from_hours(24 * 300);
    // Those of one worker are younger.
    renew(&folder, &request, &["worker-1"], later).unwrap();
    let before = rows(&folder, later);
    request.policy.leaf_window = Duration::from_secs(86_400 * 365);
    let due = before[&(Some("worker-2".to_owned()), "kubelet-serving".to_owned())].not_after;
    let (mut state, renewed) =
        State::open_existing(&folder).unwrap().renew(&request, &names(&[]), Some(due), later).unwrap();
    state.commit().unwrap();
    drop(state);
    assert!(renewed.iter().all(|renewed| renewed.node.as_deref() != Some("worker-1")), "{renewed:?}");
    assert_eq!(changed(&folder, &before, later), names(&["-", "master-1", "worker-2"]));
}

#[test]
fn keys_are_rotated_in_three_steps_and_never_used_before_all_know_them() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let (request, now) = (Request::fake(1, 0), Timestamp::now());
    ensure(&folder, &request, now).unwrap();
    for (which, kind) in [(Rotated::ServiceAccount, "service-account"), (Rotated::Encryption, "encryption")] {
        let steps = [
            (Rotation::Added, vec![1, 2]),
            (Rotation::InUse, vec![2, 1]),
            (Rotation::Dropped, vec![2]),
            (Rotation::Added, vec![2, 3]),
        ];
        for (rotation, numbers) in steps {
            let state = State::open_existing(&folder).unwrap();
            assert_eq!(state.next_rotation(which), rotation);
            let (mut state, rotated) = state.rotate(which, &request.policy).unwrap();
            state.commit().unwrap();
            drop(state);
            let expected: Vec<String> = numbers.iter().map(|number| format!("{kind}-{number}")).collect();
            assert_eq!((rotated.rotation, rotated.keys), (rotation, expected));
            // What a render would hand out.
            let (mut state, _) = State::open_existing(&folder).unwrap().ensure(&request, now).unwrap();
            assert!(state.rotation_awaits_render(which), "{kind} {rotation:?}");
            state.generations_mut().assign(&[("master-1".to_owned(), format!("{kind} {rotation:?} {numbers:?}"))], now);
            assert!(!state.rotation_awaits_render(which));
            state.commit().unwrap();
            let credentials = state.credentials();
            let NodeCredentials::ControlPlane(node) = credentials.node("master-1").unwrap() else { panic!("a master") };
            let count = if which == Rotated::Encryption {
                node.encryption.len()
            } else {
                node.service_account.public_pem.matches("BEGIN PUBLIC KEY").count()
            };
            assert_eq!(count, numbers.len(), "{kind} {rotation:?}");
        }
    }
    assert!(folder.join("pki/encryption-1.key").is_file(), "an old snapshot can still be read");
}
