//! A pull is killed, or finds the disk full, at every change of the disk in turn: the next pull ends as a clean one does, byte by
//! byte.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::pull::{Options, PullError, Pulled, pull};
use kfimg_images::steps::{Step, Steps, Watcher};
use kfimg_images::store::Store;
use rustix::process::{Signal, getpid, kill_process};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::sample::{GZIP_LAYER, Sample, assert_nothing_wrong, noise, snapshot};
use support::server::Server;
use support::{registries, wanted};

/// What the child is told by its parent.
const FOLDER: &str = "KFIMG_TEST_FOLDER";
const HOST: &str = "KFIMG_TEST_HOST";
const STEP: &str = "KFIMG_TEST_STEP";
const WORKERS: &str = "KFIMG_TEST_WORKERS";

/// Does something before a change of the disk, counted from 1.
struct At<F>(AtomicUsize, F);

impl<F: Fn(usize) -> io::Result<()> + Send + Sync> Steps for At<F> {
    fn before(&self, _: Step, _: &Path) -> io::Result<()> {
        (self.1)(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

fn at<F: Fn(usize) -> io::Result<()> + Send + Sync + 'static>(act: F) -> Arc<dyn Steps> {
    Arc::new(At(AtomicUsize::new(0), act))
}

/// An index over two images with many layers.
fn serve() -> Server {
    let mut sample = Sample::default();
    let entries = ["amd64", "arm64"].into_iter().zip([0, 100]).map(|(architecture, seed)| {
        let layers =
            (0..18).map(|number| sample.blob(GZIP_LAYER, noise(seed + number, 5_000 + 3_000 * number as usize)));
        let layers = layers.collect();
        sample.image(architecture, layers)
    });
    let entries = entries.collect();
    sample.index(entries);
    Server::start(move |request| sample.answer(request))
}

fn pull_into(folder: &Path, host: &str, workers: usize, steps: Option<Arc<dyn Steps>>) -> Result<Pulled, PullError> {
    let store = match steps {
        Some(steps) => Store::open_watched(folder, Watcher::of(steps))?,
        None => Store::open(folder)?,
    };
    let options = Options { workers, ..Options::default() };
    pull(&store, &registries(&[host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {})
}

fn clean(host: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    pull_into(&folder.path().join("store"), host, 1, None).unwrap();
    snapshot(folder.path())
}

/// The number of changes of the disk in a clean pull.
fn count(host: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let counting = at(move |step| {
        counted.store(step, Ordering::SeqCst);
        Ok(())
    });
    pull_into(&folder.path().join("store"), host, 1, Some(counting)).unwrap();
    steps.load(Ordering::SeqCst)
}

#[test]
#[ignore = "is started by the test that kills it"]
fn child_that_is_killed() {
    let told = |name: &str| std::env::var(name).unwrap();
    let last: usize = told(STEP).parse().unwrap();
    let killing = at(move |step| {
        if step >= last {
            kill_process(getpid(), Signal::KILL)?;
        }
        Ok(())
    });
    pull_into(Path::new(&told(FOLDER)), &told(HOST), told(WORKERS).parse().unwrap(), Some(killing)).unwrap();
}

/// Returns whether it came to that step: how many writes there are depends on how the network cuts the bytes.
fn kill_at(step: usize, workers: usize, folder: &Path, host: &str) -> bool {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "child_that_is_killed", "--ignored", "--quiet"]).stdout(Stdio::null()).stderr(Stdio::null());
    child.env(FOLDER, folder).env(HOST, host).env(STEP, step.to_string()).env(WORKERS, workers.to_string());
    let ended = child.status().unwrap();
    let killed = std::os::unix::process::ExitStatusExt::signal(&ended) == Some(9);
    assert!(killed || ended.success(), "step {step}: {ended}");
    killed
}

#[test]
fn killed_at_any_change_the_next_pull_ends_as_a_clean_one() {
    let server = serve();
    let host = server.host();
    let (wanted, steps) = (clean(&host), count(&host));
    assert!(steps >= 220, "{steps} steps");
    let mut killed = 0;
    for step in 1..=steps {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        killed += usize::from(kill_at(step, 1, &store, &host));
        assert_nothing_wrong(&store);
        // Every tenth is killed a second time, among several workers.
        if step % 10 == 0 && step < steps / 2 {
            kill_at(step / 2 + 1, 3, &store, &host);
            assert_nothing_wrong(&store);
        }
        pull_into(&store, &host, 2, None).unwrap();
        assert!(snapshot(folder.path()) == wanted, "step {step}: {:?}", snapshot(folder.path()).keys());
    }
    assert!(killed >= 200, "{killed} of {steps} steps");
}

#[test]
fn with_the_disk_full_at_any_change_the_next_pull_ends_as_a_clean_one() {
    let server = serve();
    let host = server.host();
    let (wanted, steps) = (clean(&host), count(&host));
    for full_at in 1..=steps {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let full = at(move |step| if step >= full_at { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) });
        match pull_into(&store, &host, 2, Some(full)) {
            Err(PullError::Store(error)) => assert!(error.is_full(), "step {full_at}: {error}"),
            // Two workers may come together on fewer steps: a blob that both plan is made once.
            Ok(_) => assert!(full_at + 20 > steps, "step {full_at}"),
            Err(error) => panic!("step {full_at}: {error}"),
        }
        assert_nothing_wrong(&store);
        pull_into(&store, &host, 2, None).unwrap();
        assert!(snapshot(folder.path()) == wanted, "step {full_at}: {:?}", snapshot(folder.path()).keys());
    }
}
