//! A bundle that is created as a folder, a tar and chunks over former ones, and chunks that are rebuilt.

use crate::support::registries;
use crate::support::sample::{GZIP_LAYER, Sample, noise, snapshot};
use crate::support::server::Server;
use crate::{at, counted, kill_at, shown};
use kfimg_images::archive::{ChunkOptions, Writing};
use kfimg_images::component::Architecture;
use kfimg_images::create::{Output, Request, Watch, create};
use kfimg_images::parity::rebuild;
use kfimg_images::pull::Options;
use kfimg_images::steps::{Step, Watcher};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;

/// What is made, each in a folder of its own.
const WORKS: [&str; 4] = ["folder", "tar", "chunks", "repair"];

fn serve() -> Server {
    let mut sample = Sample::default();
    let layers = (0..4).map(|number| sample.blob(GZIP_LAYER, noise(number, 20_000 + 15_000 * number as usize)));
    let layers = layers.collect();
    sample.image("amd64", layers);
    Server::start(move |request| sample.answer(request))
}

fn chunks(place: &Path, chunk_size: u64, parity: usize) -> Output {
    Output::Chunks { manifest: place.join("b.chunks.json"), options: ChunkOptions { chunk_size, parity } }
}

/// What is done, from the beginning or from wherever it ended.
pub(crate) fn make(work: &str, place: &Path, host: &str, watcher: Watcher) -> Result<(), Box<dyn Error>> {
    let output = match work {
        "folder" => Output::Folder,
        "tar" => Output::Tar(place.join("bundle.tar")),
        "chunks" => chunks(place, 16_384, 2),
        "many chunks" => chunks(place, 12_000, 3),
        _ => {
            let writing = Writing { watcher, ..Writing::default() };
            return Ok(rebuild(&place.join("b.chunks.json"), &writing).map(drop)?);
        }
    };
    let request = Request {
        references: vec![format!("{host}/app:1").parse()?],
        pull: Options { architectures: vec![Architecture::Amd64], workers: 1, ..Options::default() },
        ..Request::default()
    };
    let watch = Watch { watcher, ..Watch::default() };
    create(&request, &place.join("bundle"), &output, &registries(&[host], |_| {}), &watch)?;
    Ok(())
}

/// Files with their bytes, by their paths; a folder's ends in `/`.
type Files = BTreeMap<String, Vec<u8>>;

/// One work: what lies there before it, what after it, and how many changes of the disk it is.
struct Work {
    name: &'static str,
    before: Files,
    after: Files,
    steps: usize,
}

impl Work {
    fn prepare(name: &'static str, host: &str) -> Self {
        let place = tempfile::tempdir().unwrap();
        if let "chunks" | "repair" = name {
            make("many chunks", place.path(), host, Watcher::default()).unwrap();
        }
        if name == "repair" {
            fs::remove_file(place.path().join("b.001")).unwrap();
            fs::write(place.path().join("b.004"), noise(1, 12_000)).unwrap();
            fs::remove_file(place.path().join("b.parity.002")).unwrap();
        }
        let before = snapshot(place.path());
        let steps = counted(|watcher| make(name, place.path(), host, watcher).unwrap());
        Self { name, before, after: snapshot(place.path()), steps }
    }

    /// A folder of its own for each step.
    fn place(&self) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.before {
            let path = place.path().join(name);
            if name.ends_with('/') { fs::create_dir(path).unwrap() } else { fs::write(path, bytes).unwrap() }
        }
        place
    }

    fn assert_ends_well(&self, place: &Path, host: &str, step: usize) {
        let again = make(self.name, place, host, Watcher::default());
        again.unwrap_or_else(|error| panic!("{}, step {step}: {error}", self.name));
        let found = snapshot(place);
        assert!(found == self.after, "{}, step {step}: {:?}", self.name, found.keys());
    }
}

#[test]
fn killed_at_any_change_the_next_run_ends_as_a_clean_one() {
    let server = serve();
    let host = server.host();
    let mut killed = 0;
    for work in WORKS.map(|name| Work::prepare(name, &host)) {
        for step in 1..=work.steps {
            let place = work.place();
            killed += usize::from(kill_at(step, &["bundle", work.name, &shown(place.path()), &host]));
            work.assert_ends_well(place.path(), &host, step);
        }
    }
    assert!(killed >= 200, "{killed} steps");
}

#[test]
fn with_the_disk_full_at_any_change_nothing_half_written_is_left_and_the_next_run_ends_as_a_clean_one() {
    let server = serve();
    let host = server.host();
    for work in WORKS.map(|name| Work::prepare(name, &host)) {
        for full_at in 1..=work.steps {
            let place = work.place();
            let full = at(move |number, step| match step {
                Step::Remove => Ok(()),
                _ if number >= full_at => Err(io::Error::from_raw_os_error(28)),
                _ => Ok(()),
            });
            // Removals need no room: where only they follow, all is well.
            let _ = make(work.name, place.path(), &host, full);
            let names = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name());
            let partial: Vec<_> = names.filter(|name| name.to_string_lossy().contains("partial")).collect();
            assert!(partial.is_empty(), "{}, step {full_at}: {partial:?}", work.name);
            work.assert_ends_well(place.path(), &host, full_at);
        }
    }
}
