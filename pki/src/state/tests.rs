//! A state that is killed at any step, and the lock: what needs the inner parts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use jiff::Timestamp;

use crate::error::Error;
use crate::request::Request;
use crate::state::State;
use crate::store::{COMMIT, Folder, LOCK, Lock, Operations, STAGING};

const MOST_STEPS: usize = 200;

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ensured(folder: &Path, request: &Request) -> State {
    State::open(folder, "fake", now()).unwrap().ensure(request, now()).unwrap().0
}

/// Every file but the lock, with its content.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files(&entry));
        } else if !entry.ends_with(LOCK) {
            found.push((entry.clone(), fs::read(&entry).unwrap()));
        }
    }
    found.sort();
    found
}

/// Kills a commit of `after` over `before` at each step and opens what is left.
fn kill_everywhere(before: Option<&Request>, after: &Request) {
    let mut outcomes = [0, 0];
    for steps in 0..MOST_STEPS {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("state");
        if let Some(before) = before {
            ensured(&folder, before).commit().unwrap();
        }
        let mut state = ensured(&folder, after);
        let old = files(&folder);
        let mut expected = old.clone();
        for (path, text) in &state.pending {
            expected.retain(|(known, _)| *known != folder.join(path));
            expected.push((folder.join(path), text.expose().as_bytes().to_vec()));
        }
        expected.retain(|(path, _)| !path.ends_with("state.json"));
        expected.push((folder.join("state.json"), state.index.write().unwrap().into_bytes()));
        expected.sort();
        let finished = state.commit_with(&Operations::stop_after(steps)).is_ok();
        drop(state);
        let state = State::open(&folder, "fake", now()).unwrap_or_else(|error| panic!("after {steps} steps: {error}"));
        drop(state);
        let left = files(&folder);
        assert!(
            left == old || left == expected,
            "after {steps} steps: {:?}",
            left.iter().map(|file| &file.0).collect::<Vec<_>>()
        );
        assert!(!folder.join(STAGING).exists() && !folder.join(COMMIT).exists(), "after {steps} steps");
        outcomes[usize::from(left == expected)] += 1;
        assert!(!ensured(&folder, after).pending.is_empty() || left == expected);
        ensured(&folder, after).commit().unwrap();
        if finished {
            assert!(outcomes.iter().all(|count| *count > 2), "both outcomes were seen: {outcomes:?}");
            return;
        }
    }
    panic!("it never finished");
}

#[test]
fn a_first_run_that_is_killed_leaves_nothing_or_everything() {
    kill_everywhere(None, &Request::fake(1, 1));
}

#[test]
fn a_later_run_that_is_killed_leaves_the_old_or_the_new() {
    let mut after = Request::fake(1, 3);
    after.nodes[0].addresses[0] = "10.9.9.9".parse().unwrap();
    kill_everywhere(Some(&Request::fake(1, 1)), &after);
}

#[test]
fn a_recovery_that_is_killed_can_be_repeated() {
    let mut after = Request::fake(1, 3);
    after.nodes[0].addresses[0] = "10.9.9.9".parse().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    ensured(&folder, &Request::fake(1, 1)).commit().unwrap();
    let mut state = ensured(&folder, &after);
    let mut steps = 0;
    while !folder.join(COMMIT).exists() {
        let _ = state.commit_with(&Operations::stop_after(steps));
        let _ = fs::remove_dir_all(folder.join(STAGING));
        steps += 1;
    }
    let expected = state.index.write().unwrap();
    drop(state);
    let store = Folder::new(&folder);
    let mut attempts = 0;
    while crate::store::recover(&store, &Operations::stop_after(attempts)).is_err() {
        attempts += 1;
        assert!(attempts < MOST_STEPS, "each attempt may take one step more");
    }
    assert!(attempts > 2, "{attempts}");
    assert_eq!(State::open(&folder, "fake", now()).unwrap().index.write().unwrap(), expected);
}

#[test]
fn a_failed_publication_cleans_up_behind_itself() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let mut state = ensured(&folder, &Request::fake(1, 1));
    fs::create_dir(folder.join(STAGING)).unwrap();
    fs::write(folder.join(STAGING).join("in the way"), "").unwrap();
    assert!(matches!(state.commit(), Err(Error::Io { .. })));
    assert!(!folder.join(STAGING).exists());
    assert!(state.commit().unwrap(), "it can be tried again");
}

#[test]
fn a_held_lock_is_waited_for_and_its_holder_named() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    ensured(&folder, &Request::fake(1, 0)).commit().unwrap();
    let lock = folder.join(LOCK);
    let mut holder = Command::new("flock").arg(&lock).args(["sleep", "60"]).spawn().unwrap();
    let store = Folder::new(&folder);
    let error = loop {
        match Lock::acquire(&store, Duration::from_millis(200)) {
            Ok(_) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => break error,
        }
    };
    // `flock` and the `sleep` that it starts share the lock; ending both frees it.
    let children = format!("/proc/{0}/task/{0}/children", holder.id());
    let sleep = fs::read_to_string(children).unwrap_or_default();
    Command::new("kill").args(sleep.split_whitespace()).arg(holder.id().to_string()).status().unwrap();
    holder.wait().unwrap();
    let text = error.to_string();
    assert!(matches!(error, Error::Locked { .. }) && text.contains(&lock.display().to_string()), "{text}");
    assert!(text.contains(&format!("process {} (flock)", holder.id())), "{text}");
    Lock::acquire(&store, Duration::from_secs(10)).unwrap();
}

#[test]
fn a_lock_is_exclusive_within_one_process_too() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("state");
    let first = ensured(&folder, &Request::fake(1, 0));
    let store = Folder::new(&folder);
    assert!(matches!(Lock::acquire(&store, Duration::ZERO), Err(Error::Locked { .. })));
    drop(first);
    Lock::acquire(&store, Duration::ZERO).unwrap();
}
