//! `kill -9` of the whole program at each change of the disk around bundle and lock: the next run ends as if nothing had happened.
//!
//! strace kills it. Changes within a blob are stepped through in the crate `images`, in its own process.

use super::said::{Said, said};
use super::upstream::Site;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Before which calls of the system it is killed. No processor has all of them.
const CHANGES: [&str; 10] =
    ["mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink", "unlinkat", "ftruncate", "fsync", "fdatasync"];
/// One image and the lock. One worker, so that all changes come from one thread, which is what strace counts by.
const CREATE: &str = "bundle create --image registry.k8s.io/pause:3.10.2 --workers 1";
/// Fewer would mean that strace no longer sees them.
const LEAST: usize = 20;

/// All files of a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = self::files(&entry.path());
            files.extend(below.into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            files.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// Makes the folder `work` a copy of another.
fn begin(site: &Site, from: &str) {
    let _ = fs::remove_dir_all(site.path("work"));
    let copied = Command::new("cp").arg("-a").arg(site.path(from)).arg(site.path("work")).status().unwrap();
    assert!(copied.success());
}

fn run(site: &Site, line: &str) -> Said {
    let said = said(site.kfimg(line).current_dir(site.path("work")));
    assert_eq!(said.code, 0, "{line}: {}", said.stderr);
    said
}

/// Runs it until it makes this change for the `number`th time; whether it was killed there, and did not end before.
fn is_killed(site: &Site, line: &str, change: &str, number: usize) -> bool {
    let kfimg = site.kfimg(line);
    let mut strace = Command::new("strace");
    // With `?`, a call that the processor does not have is no error.
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace=?{change}"), "-e"]);
    strace.arg(format!("inject=?{change}:signal=KILL:when={number}"));
    strace.arg(kfimg.get_program()).args(kfimg.get_args()).current_dir(site.path("work"));
    strace.env("HOME", site.path("")).env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    let ended = strace.output().unwrap_or_else(|error| panic!("strace: {error}; it is a package of Debian's"));
    let said = String::from_utf8_lossy(&ended.stderr);
    let (code, signal) = (ended.status.code(), ended.status.signal());
    assert!(signal == Some(9) || code == Some(0), "{change} {number}: {}: {said}", ended.status);
    code.is_none()
}

/// Kills `line` at every change, each time from the files of `start`, and lets it run again; what it ends with is what it makes of
/// them undisturbed. After each kill the lock is whole: the one from before, or the one from after.
fn step_through(site: &Site, start: &str, line: &str) {
    begin(site, start);
    let lock = || fs::read(site.path("work/kfimg.lock")).ok();
    let before = lock();
    run(site, line);
    let (clean, after) = (files(&site.path("work")), lock());
    let mut killed = 0;
    for change in CHANGES {
        for number in 1.. {
            begin(site, start);
            if !is_killed(site, line, change, number) {
                assert!(files(&site.path("work")) == clean, "{line}: not killed at all");
                break;
            }
            killed += 1;
            let found = lock();
            assert!(found == before || found == after, "{line}: killed before {change} {number}: half a lock");
            run(site, line);
            let ended = files(&site.path("work"));
            assert!(ended == clean, "{line}: killed before {change} {number}: {:?}", ended.keys().collect::<Vec<_>>());
        }
    }
    assert!(killed >= LEAST, "{line}: only {killed} changes were seen");
}

#[test]
fn killed_at_any_change_the_next_run_ends_with_the_same_bundle_and_lock() {
    let mut site = Site::new();
    fs::create_dir(site.path("empty")).unwrap();
    step_through(&site, "empty", &format!("{CREATE} {}", site.upstream.options()));
    // And from there to what the registry has later.
    fs::rename(site.path("work"), site.path("first")).unwrap();
    site.change("pause");
    step_through(&site, "first", &format!("{CREATE} --update {}", site.upstream.options()));
    let [first, second] = ["first", "work"].map(|folder| fs::read(site.path(folder).join("kfimg.lock")).unwrap());
    assert_ne!(first, second);
}
