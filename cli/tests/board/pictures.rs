//! The board as people see it: painted at 3 and at 100 nodes, and judged by what can be measured of it.
//!
//! The pictures lie in the folder of the tests, `board/pictures`, for whoever changes the page.

use crate::scene::{Scene, State};
use crate::support::browser::{Browser, Window};
use crate::support::program::empty_folder;
use kfimg_agent::failure;
use std::path::Path;

const JUDGE: &str = include_str!("judge.js");
const DESK: Window = Window { width: 1440, height: 900, is_dark: false };
const TELEPHONE: Window = Window { width: 400, height: 800, is_dark: false };

/// Paints what is shown, in both schemes, and judges it.
fn look(browser: &mut Browser, window: Window, name: &str, folder: &Path) {
    let [light, dark] = [false, true].map(|is_dark| {
        browser.show(Window { is_dark, ..window });
        let complaints = browser.value(JUDGE);
        assert_eq!(complaints, serde_json::json!([]), "{name}, {}", if is_dark { "dark" } else { "light" });
        let scheme = if is_dark { "dark" } else { "light" };
        browser.paint(false, &folder.join(format!("{name}-{scheme}.png")));
        browser.paint(true, &folder.join(format!("{name}-{scheme}-whole.png")));
        std::fs::read(folder.join(format!("{name}-{scheme}.png"))).unwrap()
    });
    assert!(light != dark, "{name} is the same in the dark");
}

/// A text of each element of a kind, in their order.
fn texts(browser: &mut Browser, what: &str, text: &str) -> Vec<String> {
    let texts = browser.value(&format!("[...document.querySelectorAll('{what}')].map(box => {text})"));
    serde_json::from_value(texts).unwrap()
}

fn shows(count: usize, browser: &mut Browser, folder: &Path) {
    let scene = Scene::of(count);
    browser.show(DESK);
    browser.open(&format!("{}/board", scene.boot.url));
    browser.until(&format!("document.querySelectorAll('.node').length === {count}"));
    look(browser, DESK, &format!("{count}"), folder);
    look(browser, TELEPHONE, &format!("{count}-telephone"), folder);
    browser.show(DESK);
    // Who needs a person stands first, with code and remedy, failures before all else; each card says in a word how its node is.
    let troubles = texts(browser, "#troubles .trouble", "box.textContent");
    let cards = texts(
        browser,
        ".node",
        "box.querySelector('.name').textContent + ' ' + box.querySelector('.state').textContent",
    );
    for (name, state) in &scene.states {
        let State::Failed(code) = state else { continue };
        let remedy = failure::all().find(|known| known.name == *code).unwrap().remedy;
        let is_its = |text: &&String| text.starts_with(code) && text.contains(name.as_str()) && text.contains(remedy);
        assert!(troubles.iter().any(|text| is_its(&text)), "{name}: {code} in {troubles:?}");
    }
    let failures = troubles.iter().take_while(|text| !text.starts_with("NO_TICKET")).count();
    let refused = usize::from(scene.states.iter().any(|(_, state)| *state == State::Refused));
    assert_eq!(troubles.len(), failures + refused, "{troubles:?}");
    let top = "[...document.querySelectorAll('.trouble, .node')].map(box => box.getBoundingClientRect().top)";
    let tops: Vec<f64> = serde_json::from_value(browser.value(top)).unwrap();
    let (above, below) = tops.split_at(troubles.len());
    assert!(above.iter().all(|above| below.iter().all(|below| above < below)), "{tops:?}");
    for (name, state) in &scene.states {
        let word = match state {
            State::Silent => "silent",
            State::Script | State::Kernel => "loading",
            State::Loaded => "loaded",
            State::Booting => "booting",
            State::Waiting => "waiting",
            State::Failed(_) => "failed",
            State::Up | State::Refused | State::Warned(_) => "up",
        };
        assert!(cards.contains(&format!("{name} {word}")), "{name} is {word}: {cards:?}");
    }
    // A click on a node shows all of it.
    browser.value("[...document.querySelectorAll('.node')].find(card => card.innerText.startsWith('master2')).click()");
    browser.until("document.getElementById('details').innerText.includes('Time line')");
    look(browser, DESK, &format!("{count}-node"), folder);
    look(browser, TELEPHONE, &format!("{count}-node-telephone"), folder);
}

#[test]
#[ignore = "needs Chromium, which `make interop` installs"]
fn three_nodes_and_a_hundred_are_shown_so_that_they_can_be_read() {
    let folder = empty_folder("board/pictures");
    let mut browser = Browser::start(&empty_folder("board/profile"));
    for count in [3, 100] {
        shows(count, &mut browser, &folder);
    }
}
