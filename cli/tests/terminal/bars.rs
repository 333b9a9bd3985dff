//! The bars of `kfimg bundle create` in a real terminal: one in total and one for each item that comes just now, none of them broken,
//! and nothing of them left after the end or Ctrl-C.

use crate::relay::slow_until;
use crate::screen::Screen;
use crate::support::program::{both, run};
use crate::upstream::Upstream;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Images, each with a layer of its own.
const NAMES: [&str; 4] = ["first", "second", "third", "fourth"];
/// Items that come at a time.
const WORKERS: usize = 3;
/// Bytes of a layer: some seconds on the slow way.
const LAYER: usize = 3 << 19;
/// Pause before every 16 KiB.
const PAUSE: Duration = Duration::from_millis(20);
const ROWS: usize = 30;

fn reference(name: &str) -> String {
    format!("quay.io/some/where/{name}:1")
}

fn upstream(folder: &Path) -> Upstream {
    let references: Vec<String> = NAMES.iter().map(|name| reference(name)).collect();
    Upstream::of(&folder.join("upstream"), &references, |_| "x".repeat(LAYER))
}

/// The command that fetches all of them by way of an address.
fn create(way: SocketAddr) -> String {
    let images: String = NAMES.iter().map(|name| format!(" --image {}", reference(name))).collect();
    format!("bundle create --workers {WORKERS} --images-only --mirror {way} --mirrors-only --plain-http {way}{images}")
}

/// What stands on the screen of bars.
struct Bars {
    total: Vec<String>,
    items: Vec<String>,
}

impl Bars {
    fn of(shown: &str) -> Self {
        let lines =
            |is_it: &dyn Fn(&str) -> bool| shown.lines().filter(|line| is_it(line)).map(str::to_owned).collect();
        let is_item = |line: &str| NAMES.iter().any(|name| line.starts_with(name));
        Self { total: lines(&|line| line.contains("fetching")), items: lines(&is_item) }
    }

    /// One in total, one for each item, each in one line with all that it should tell; and nothing else.
    fn assert_sound(&self, shown: &str, columns: usize) {
        assert!(self.total.len() <= 1 && self.items.len() <= WORKERS, "{shown}");
        let all = shown.lines().filter(|line| !line.is_empty()).count();
        assert_eq!(all, self.total.len() + self.items.len(), "{shown}");
        // They end with the time that is left, and with a size.
        let is_whole = |line: &str, ends: &[char]| {
            line.contains(" of ") && line.ends_with(ends) && line.chars().count() <= columns
        };
        assert!(self.total.iter().all(|line| is_whole(line, &['s', 'm', 'h'])), "{shown}");
        assert!(self.items.iter().all(|line| is_whole(line, &['B'])), "{shown}");
    }
}

/// Looks until all bars stand there; no look shows too many or a broken one.
fn wait_for_bars(screen: &Screen, columns: usize) {
    screen.wait_until("all bars", |shown| {
        let bars = Bars::of(shown);
        bars.assert_sound(shown, columns);
        bars.total.len() == 1 && bars.items.len() == WORKERS
    });
}

/// What is left when the command has ended: no bar, no hole where one was, and these words.
fn assert_left(screen: &Screen, words: &[&str], code: u8) {
    screen.wait();
    let shown = screen.shows();
    let bars = Bars::of(&shown);
    assert!(bars.total.is_empty() && bars.items.is_empty(), "left over:\n{shown}");
    assert!(!shown.starts_with('\n') && !shown.contains("\n\n"), "holes:\n{shown}");
    assert!(shown.ends_with(&format!("ended {code}")), "{shown}");
    let whole = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.iter().all(|word| whole.contains(word)), "{words:?} in\n{shown}");
}

#[test]
fn a_bar_in_total_and_one_for_each_item_that_comes_and_none_at_the_end() {
    for columns in [80, 200] {
        let folder = tempfile::tempdir().unwrap();
        let upstream = upstream(folder.path());
        let screen =
            Screen::start(&create(slow_until(u64::MAX, PAUSE, upstream.address)), columns, ROWS, folder.path(), true);
        wait_for_bars(&screen, columns);
        assert_left(&screen, &["bundle holds 4 images for amd64"], 0);
    }
}

#[test]
fn ctrl_c_leaves_no_bar_whether_the_registry_answers_or_is_silent() {
    for columns in [80, 200] {
        for is_silent in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let upstream = upstream(folder.path());
            let bytes = if is_silent { LAYER as u64 } else { u64::MAX };
            let way = slow_until(bytes, PAUSE, upstream.address);
            let screen = Screen::start(&create(way), columns, ROWS, folder.path(), true);
            wait_for_bars(&screen, columns);
            screen.press("C-c");
            assert_left(&screen, &["stopped; run again to go on"], 130);
        }
    }
}

/// A bundle with one blob that takes its time, and hardly any room on the disk.
fn long_bundle(folder: &Path) {
    let blobs = folder.join("bundle/blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(folder.join("bundle/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    fs::write(folder.join("bundle/index.json"), r#"{"schemaVersion":2,"manifests":[]}"#).unwrap();
    File::create(blobs.join("0".repeat(64))).unwrap().set_len(1 << 40).unwrap();
}

#[test]
fn ctrl_c_ends_a_verification_and_leaves_no_bar() {
    let folder = tempfile::tempdir().unwrap();
    long_bundle(folder.path());
    let screen = Screen::start("bundle verify --bundle bundle", 80, ROWS, folder.path(), true);
    screen.wait_for("hashing");
    screen.press("C-c");
    screen.wait();
    let shown = screen.shows();
    assert!(shown.ends_with("error: stopped; nothing was written\nended 130") && !shown.contains("hashing"), "{shown}");
}

#[test]
fn a_pipe_gets_no_bars_of_what_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = upstream(folder.path());
    let line = create(slow_until(u64::MAX, PAUSE, upstream.address));
    let said = run(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(line.split(' ')).current_dir(folder.path()));
    let text = both(&said);
    assert!(said.status.success() && text.contains("holds 4 images"), "{text}");
    assert!(!text.contains("fetching") && !text.contains(['\r', '\u{1b}']), "{text}");
}
