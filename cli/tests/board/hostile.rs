//! Machines report and call themselves what they like. The page shows it, and runs nothing of it.

use crate::support::boot::{Boot, SITE, rendered, report_of, report_token};
use crate::support::browser::Browser;

/// A text that a page which takes it for more than text would run.
const HOSTILE: &str = "<img src=x onerror=document.title='taken'><script>document.title='taken'</script>";

fn report() -> String {
    let failure =
        serde_json::json!({ "code": "WRONG_MACHINE", "message": HOSTILE, "remedy": format!("{HOSTILE} boot it") });
    let step = serde_json::json!({
        "name": "preflight", "state": "failed", "message": HOSTILE, "since": 1, "warnings": [failure], "failure": failure,
    });
    let report = report_of("master1", "ha3", "failed", &[step]);
    report.replace("v1.36.3", &HOSTILE.replace('"', "\\\""))
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn the_page_shows_failures_with_their_remedies_and_runs_nothing_of_them() {
    let folder = rendered("board/hostile", SITE);
    let boot = Boot::start(&folder, &[]);
    assert_eq!(boot.post(&format!("?token={}", report_token(&folder, "master1")), &report()), 200);
    // A machine calls itself what it likes, too; that nobody knows it is certain when it asks again.
    for _ in 0..2 {
        assert_eq!(boot.get("/pxe/mac-%3Cimg%20src=x%3E.ipxe").0, 404);
    }
    let mut browser = Browser::start(&folder.join("profile"));
    browser.open(&format!("{}/board#master1", boot.url));
    // The parts of the node's own window come last.
    browser.until("document.body.innerText.includes('Time line')");
    let shown = browser.value("document.documentElement.outerHTML");
    let shown = shown.as_str().unwrap();
    let text = HOSTILE.replace('<', "&lt;").replace('>', "&gt;");
    let parts = [
        &text,
        &format!("{text} boot it"),
        "preflight FAILED: WRONG_MACHINE",
        "master2",
        "worker2",
        "mac-&lt;img src=x&gt; at 127.0.0.1",
    ];
    for part in parts {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(!shown.contains("<img") && shown.matches("<script>").count() == 1, "{shown}");
    assert_eq!(browser.value("document.title"), "ha3: boot board");
    // What happens from now on comes by itself.
    assert_eq!(boot.get("/pxe/uuid-4c4c4544-0047-3510-8052-b4c04f4d3732.ipxe").0, 200);
    browser.until("[...document.querySelectorAll('.node')].some(card => card.innerText.includes('has its script'))");
}
