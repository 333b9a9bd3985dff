//! A pull is killed, or finds the disk full, at every change of the disk in turn: the next pull ends as a clean one does, byte by
//! byte.

use crate::support::sample::{GZIP_LAYER, Sample, assert_nothing_wrong, noise, snapshot};
use crate::support::server::Server;
use crate::support::{registries, wanted};
use crate::{at, counted, kill_at, shown};
use kfimg_images::pull::{Options, PullError, Pulled, pull};
use kfimg_images::steps::Watcher;
use kfimg_images::store::Store;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

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

pub(crate) fn pull_into(folder: &Path, host: &str, workers: usize, watcher: Watcher) -> Result<Pulled, PullError> {
    let store = Store::open_watched(folder, watcher)?;
    let options = Options { workers, ..Options::default() };
    pull(&store, &registries(&[host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {})
}

fn clean(host: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    pull_into(&folder.path().join("store"), host, 1, Watcher::default()).unwrap();
    snapshot(folder.path())
}

/// The number of changes of the disk in a clean pull.
fn count(host: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    counted(|watcher| drop(pull_into(&folder.path().join("store"), host, 1, watcher).unwrap()))
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
        killed += usize::from(kill_at(step, &["pull", &shown(&store), &host, "1"]));
        assert_nothing_wrong(&store);
        // Every tenth is killed a second time, among several workers.
        if step % 10 == 0 && step < steps / 2 {
            kill_at(step / 2 + 1, &["pull", &shown(&store), &host, "3"]);
            assert_nothing_wrong(&store);
        }
        pull_into(&store, &host, 2, Watcher::default()).unwrap();
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
        let full = at(move |step, _| if step >= full_at { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) });
        match pull_into(&store, &host, 2, full) {
            Err(PullError::Store(error)) => assert!(error.is_full(), "step {full_at}: {error}"),
            // Two workers may come together on fewer steps: a blob that both plan is made once.
            Ok(_) => assert!(full_at + 20 > steps, "step {full_at}"),
            Err(error) => panic!("step {full_at}: {error}"),
        }
        assert_nothing_wrong(&store);
        pull_into(&store, &host, 2, Watcher::default()).unwrap();
        assert!(snapshot(folder.path()) == wanted, "step {full_at}: {:?}", snapshot(folder.path()).keys());
    }
}
