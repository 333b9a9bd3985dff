//! Runs that are killed, or find the disk full, at every change of the disk in turn: the next one ends as a clean one does, byte by byte.
//!
//! Every kill is one of a process of its own: this binary again, which runs `child_that_is_killed` alone.

#![allow(clippy::unwrap_used)]

mod bundle;
mod pull;
#[path = "../support/mod.rs"]
mod support;

use kfimg_images::steps::{Step, Steps, Watcher};
use rustix::process::{Signal, getpid, kill_process};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the child is told by its parent: what to do, one word a line, and at which step it is killed.
const TASK: &str = "KFIMG_TEST_TASK";
const STEP: &str = "KFIMG_TEST_STEP";

/// Does something before a change of the disk, counted from 1.
struct At<F>(AtomicUsize, F);

impl<F: Fn(usize, Step) -> io::Result<()> + Send + Sync> Steps for At<F> {
    fn before(&self, step: Step, _: &Path) -> io::Result<()> {
        (self.1)(self.0.fetch_add(1, Ordering::SeqCst) + 1, step)
    }
}

fn at<F: Fn(usize, Step) -> io::Result<()> + Send + Sync + 'static>(act: F) -> Watcher {
    Watcher::of(Arc::new(At(AtomicUsize::new(0), act)))
}

/// The number of changes of the disk in some work.
fn counted(work: impl FnOnce(Watcher)) -> usize {
    let steps = Arc::new(AtomicUsize::new(0));
    let last = Arc::clone(&steps);
    work(at(move |step, _| {
        last.fetch_max(step, Ordering::SeqCst);
        Ok(())
    }));
    steps.load(Ordering::SeqCst)
}

#[test]
#[ignore = "is started by the tests that kill it"]
fn child_that_is_killed() {
    let told = |name: &str| std::env::var(name).unwrap();
    let (task, last) = (told(TASK), told(STEP).parse::<usize>().unwrap());
    let killing = at(move |step, _| {
        if step >= last {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
    match task.lines().collect::<Vec<_>>()[..] {
        ["pull", folder, host, workers] => {
            pull::pull_into(Path::new(folder), host, workers.parse().unwrap(), killing).unwrap();
        }
        ["bundle", work, folder, host] => bundle::make(work, Path::new(folder), host, killing).unwrap(),
        _ => panic!("no task is {task}"),
    }
}

/// Returns whether it came to that step: how many writes there are depends on how the network cuts the bytes.
fn kill_at(step: usize, task: &[&str]) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child_that_is_killed", "--ignored", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null());
    let ended = child.env(TASK, task.join("\n")).env(STEP, step.to_string()).status().unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9);
    assert!(killed || ended.success(), "{task:?}, step {step}: {ended}");
    killed
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
