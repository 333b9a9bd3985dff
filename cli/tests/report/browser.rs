//! The pages in the real Chromium: in windows of several widths, light and dark, and on paper.
//!
//! `probe.html` measures in the browser; what it finds is judged here. The pictures stay in the tests' folder for who wants to look.

use crate::pages::{build_page, hostile, many, profile_page};
use crate::support::browser::{Browser, Window};
use crate::support::program::{empty_folder, find, succeed};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The window of the probe, which shows the page in windows of its own.
const PROBE: (u32, u32) = (800, 600);
/// Names of pictures, and the windows that they are of.
const PICTURES: [(&str, (u32, u32), bool); 3] =
    [("light", (1200, 3600), false), ("dark", (1200, 3600), true), ("phone", (390, 3600), false)];

/// A browser that shows a file in such a window, as a whole.
fn showing(folder: &Path, file: &Path, (width, height): (u32, u32), is_dark: bool) -> Browser {
    let mut browser = Browser::start(&folder.join("profile"));
    browser.show(Window { width, height, is_dark });
    browser.open(&format!("file://{}", file.display()));
    browser.until("location.protocol === 'file:' && document.readyState === 'complete'");
    browser
}

/// A page in a file of its own, and the folder that it is in.
fn shown(name: &str, page: &str) -> (PathBuf, PathBuf) {
    let folder = empty_folder(&format!("report/seen-{name}"));
    let file = folder.join("report.html");
    fs::write(&file, page).unwrap();
    (folder, file)
}

/// What the probe says of a page, for each width of the window.
fn probed(folder: &Path, page: &str, is_dark: bool) -> Vec<Value> {
    let text = serde_json::to_string(page).unwrap().replace('<', "\\u003c");
    let probe = folder.join("probe.html");
    fs::write(&probe, include_str!("probe.html").replacen("PAGE", &text, 1)).unwrap();
    let mut browser = showing(folder, &probe, PROBE, is_dark);
    browser.until("document.getElementById('said') !== null");
    let said = browser.value("document.getElementById('said').textContent");
    serde_json::from_str(said.as_str().unwrap()).unwrap()
}

/// What is to be found on a page.
#[derive(Clone, Copy)]
struct Expected {
    /// What the search says at 300 machines, `None` for a page without one.
    found: Option<&'static str>,
    /// Lines that mark today, which its script draws.
    today: u64,
    /// Texts in drawings, at least.
    texts: u64,
}

const REPORT: Expected = Expected { found: None, today: 1, texts: 31 };
const BUILD: Expected = Expected { found: None, today: 0, texts: 12 };

fn judge(name: &str, page: &str, expected: Expected) {
    let (folder, file) = shown(name, page);
    for (light, is_dark) in [("light", false), ("dark", true)] {
        let said = probed(&folder, page, is_dark);
        assert_eq!(said.len(), 3, "{name} {light}");
        for window in said {
            let problems = window["problems"].as_array().unwrap();
            assert!(problems.is_empty(), "{name} {light}: {problems:#?}");
            assert_eq!(window["isDark"], light == "dark", "{name} {light}");
            assert_eq!(window["isOpen"], false, "{name}: a script ran that the policy does not know");
            assert_eq!(window["today"], expected.today, "{name}: the page's own script runs");
            assert_eq!(window["found"].as_str(), expected.found, "{name}");
            assert!(window["texts"].as_u64().unwrap() >= expected.texts, "{name}: {window}");
        }
    }
    for (picture, size, is_dark) in PICTURES {
        let target = folder.join(format!("{picture}.png"));
        showing(&folder, &file, size, is_dark).paint(false, &target);
        let bytes = fs::metadata(&target).unwrap().len();
        assert!(bytes > 50_000, "{}: an empty picture of {bytes} bytes", target.display());
    }
}

/// What is on paper.
fn printed(name: &str, page: &str) -> String {
    let (folder, file) = shown(&format!("{name}-on-paper"), page);
    let paper = folder.join("report.pdf");
    showing(&folder, &file, PROBE, false).print(&paper);
    succeed(Command::new(find("pdftotext")).arg("-layout").arg(paper).arg("-"))
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn every_text_can_be_read_in_every_window_by_day_and_by_night() {
    judge("ha3", &profile_page("ha3", "seen"), REPORT);
    judge("external-etcd", &profile_page("external-etcd", "seen"), REPORT);
    judge("hostile", &hostile("seen").1, REPORT);
    judge("many", &many("seen-many").1, Expected { found: Some("9 of 297 workers"), ..REPORT });
    judge("build", &build_page("seen-build-made").1, BUILD);
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn paper_has_every_part_and_digest_of_a_build() {
    let (folder, page) = build_page("paper-build-made");
    let text = printed("build", &page);
    let words: String = text.split_whitespace().collect();
    for part in ["base:kernelmodules", "addedbykfimg", "live.iso", "registry.k8s.io/pause:3.10.2"] {
        assert!(words.contains(part), "{part}: {text}");
    }
    let record: serde_json::Value = serde_json::from_slice(&fs::read(folder.join("out/build.json")).unwrap()).unwrap();
    for output in record["outputs"].as_object().unwrap().values() {
        assert!(words.contains(output["digest"].as_str().unwrap()), "{text}");
    }
    assert!((1..=6).contains(&text.matches('\u{c}').count()), "{text}");
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn paper_has_every_machine_and_no_search() {
    let text = printed("many", &many("paper-many").1);
    for number in 1..=297 {
        let name = format!("worker{number}");
        assert!(text.split_whitespace().any(|word| word == name), "{name}");
    }
    for part in ["10.20.0.10:6443", "All 131 checks", "5.6.4", "kubelet-serving", "registry.k8s.io/pause"] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("Find a machine"));
    let pages = text.matches('\u{c}').count();
    assert!((5..=25).contains(&pages), "{pages} pages");
}
