//! Ctrl-C while files are written or fetched: a clean end, soon, nothing half-written, and what came is kept.

use super::relay::dead_after;
use super::upstream::{Site, Upstream};
use kfimg_images::fake::FakeBundle;
use kfimg_images::hasher::sha256;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Waits until something is written under this name.
fn wait_for(site: &Site, name: &str, child: &mut Child) {
    while !fs::metadata(site.path(name)).is_ok_and(|about| about.len() > 0) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was written");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_first_signal_ends_it_and_leaves_nothing() {
    let site = Site::new();
    let mut bundle = FakeBundle::new(&site.path("bundle"));
    // Far more than is written until a signal comes. Nobody knows before the end that these are not its bytes.
    let vast = bundle.blob(b"vast");
    fs::File::create(bundle.path(&vast)).unwrap().set_len(8 << 30).unwrap();
    bundle.finish();
    assert_eq!(vast, sha256(b"vast"));
    let table = [
        ("bundle pack -o b.tar", ".b.tar.partial", Signal::INT),
        ("bundle pack -o b --chunk-size 1GiB --parity 1", ".b.000.partial", Signal::TERM),
    ];
    for (line, partial, signal) in table {
        let before = fs::read_dir(site.path("")).unwrap().count();
        let mut child = site.kfimg(line).stderr(Stdio::piped()).spawn().unwrap();
        wait_for(&site, partial, &mut child);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{line}: {said}");
        assert!(said.contains("stopped"), "{line}: {said}");
        assert_eq!(fs::read_dir(site.path("")).unwrap().count(), before, "{line}");
    }
}

/// What is left of a blob whose fetch was interrupted.
fn partial(site: &Site) -> Option<u64> {
    let blobs = fs::read_dir(site.path("bundle/blobs/sha256")).ok()?.flatten();
    let partial = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(".partial-");
    // One that is whole takes its place meanwhile.
    blobs.filter(partial).filter_map(|entry| Some(entry.metadata().ok()?.len())).max()
}

#[test]
fn a_signal_ends_a_download_that_hangs_and_the_next_run_goes_on() {
    const LAYER: u64 = 8 << 20;
    let site = Site::new();
    let image = "quay.io/large/image:1".to_owned();
    let registry = Upstream::of(&site.path("large"), &[image], |_| "x".repeat(usize::try_from(LAYER).unwrap()));
    let create = "bundle create --images-only --image quay.io/large/image:1 --mirrors-only --output-format json";
    for signal in [Signal::INT, Signal::TERM] {
        let _ = fs::remove_dir_all(site.path("bundle"));
        // Half of the layer comes, and then the line is dead.
        let relay = dead_after(LAYER / 2, registry.address);
        let line = format!("{create} --mirror {relay} --plain-http {relay}");
        let mut child = site.kfimg(&line).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while partial(&site).is_none_or(|length| length < LAYER / 4) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before the layer came");
            std::thread::sleep(Duration::from_millis(5));
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{said}");
        assert!(said.contains("stopped; run again to go on"), "{said}");
        assert!(!site.path("kfimg.lock").exists() && !site.path("bundle/bundle.json").exists());
        let kept = partial(&site).expect("what came is kept");

        let address = registry.address;
        let said = site.run(&format!("{create} --mirror {address} --plain-http {address}"));
        assert_eq!(said.code, 0, "{}", said.stderr);
        let created: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        let received = created["receivedBytes"].as_u64().unwrap();
        assert!(received < LAYER - kept + 100_000, "{received} came, though {kept} of {LAYER} were here");
        assert_eq!(site.run("bundle verify").code, 0);
        fs::remove_file(site.path("kfimg.lock")).unwrap();
    }
}
