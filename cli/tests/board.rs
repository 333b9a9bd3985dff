//! The boot board in the real Chromium: it shows what happens, and takes texts of machines for texts.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};
use support::program::{empty_folder, find, succeed};
use support::registry::Served;

/// Time for a page to show what it is told, far more than it takes.
const BOUND: Duration = Duration::from_secs(180);
/// A text that a page which takes it for more than text would run.
const HOSTILE: &str = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>";

fn report(node: &str) -> String {
    let failure =
        serde_json::json!({ "code": "WRONG_MACHINE", "message": HOSTILE, "remedy": format!("{HOSTILE} boot it") });
    let step = serde_json::json!({
        "name": "preflight", "state": "failed", "message": HOSTILE, "since": 1, "warnings": [failure], "failure": failure,
    });
    serde_json::json!({
        "version": 1, "node": node, "role": "control-plane", "cluster": "ha3", "generation": 1,
        "versions": {"agent": HOSTILE, "kubernetes": HOSTILE}, "bootId": "b", "phase": "failed", "since": 1,
        "upAfterSeconds": null, "units": [], "certificates": null, "steps": [step],
    })
    .to_string()
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn the_page_shows_failures_with_their_remedies_and_runs_nothing_of_them() {
    let folder = empty_folder("board");
    let site = "nodes: [{name: master1, mac: '52:54:00:00:00:11'}]\n";
    fs::write(folder.join("site.yaml"), site).unwrap();
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let line = "render --profile ha3 --registry reg.local --site site.yaml --channel pxe";
    succeed(kfimg.args(line.split(' ')).current_dir(&folder));
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args("serve --out out --boot-listen 127.0.0.1:0".split(' ')).current_dir(&folder);
    let served = Served::start(&mut kfimg);
    let url = served.said["boot"].as_str().unwrap();
    let status = |arguments: &[&str], path: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code}"]).args(arguments);
        succeed(curl.arg(format!("{url}{path}")))
    };
    assert_eq!(status(&["--data-binary", &report("master1")], "/report"), "200");
    // A machine calls itself what it likes, too; that nobody knows it is certain when it asks again.
    for _ in 0..2 {
        assert_eq!(status(&[], "/pxe/mac-%3Cimg%20src=x%3E.ipxe"), "404");
    }
    let mut chromium = Command::new(find("chromium"));
    chromium.args(["--headless", "--no-sandbox", "--disable-gpu", "--timeout=5000", "--dump-dom"]);
    chromium.arg(format!("--user-data-dir={}", folder.join("profile").display())).arg(format!("{url}/board#master1"));
    let begin = Instant::now();
    let shown = loop {
        let page = succeed(&mut chromium);
        // The parts of the node's own window come last.
        if page.contains("Time line") && page.contains("preflight FAILED: WRONG_MACHINE") {
            break page;
        }
        assert!(begin.elapsed() < BOUND, "the page never showed the failure:\n{page}");
    };
    let text = HOSTILE.replace('<', "&lt;").replace('>', "&gt;");
    for part in [&text, &format!("{text} boot it"), "master2", "worker2", "mac-&lt;img src=x&gt; at 127.0.0.1"] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("<img") && shown.matches("<script>").count() == 1, "{shown}");
    assert!(shown.contains("<title>ha3: boot board</title>"), "{shown}");
}
