//! Ctrl-C while files are written: a clean end, soon, and nothing half-written.

use super::upstream::Site;
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
