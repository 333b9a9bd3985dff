//! Sizes by part as a drawing: a tile for each part, as large as its share, what the base brings apart from what kfimg adds by its
//! colour. Colours are the page's styles, by class.

use super::layout::{HEIGHT, Rectangle, WIDTH, squarified};
use super::{float, human, share};
use crate::html::Html;
use std::collections::BTreeMap;

/// A tile narrower or lower than this has no room for its name.
const ROOM: (f64, f64) = (64.0, 40.0);
/// How wide a bold letter is, about, and what stays free at both sides of a tile.
const LETTER: f64 = 8.0;
const MARGIN: f64 = 16.0;
/// Middles of the two lines of a tile, from its upper edge.
const NAME: f64 = 15.0;
const SIZE: f64 = 31.0;

/// A part and its bytes.
pub(super) type Part<'a> = (&'a str, u64);

/// Parts that take anything, the largest first.
pub(super) fn parts(sizes: &BTreeMap<String, u64>) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = sizes.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    parts.retain(|(_, bytes)| *bytes > 0);
    parts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    parts
}

/// Who brought a part, as a class of the page's styles.
pub(super) fn origin(name: &str) -> &'static str {
    if name.starts_with("base: ") { "base" } else { "own" }
}

/// The drawing.
pub(super) fn write(parts: &[Part<'_>], html: &mut Html) {
    let all: u64 = parts.iter().map(|part| part.1).sum();
    let areas: Vec<f64> = parts.iter().map(|part| float(part.1) / float(all.max(1)) * WIDTH * HEIGHT).collect();
    let frame = format_args!("0 0 {WIDTH} {HEIGHT}");
    let about: [(&'static str, &dyn std::fmt::Display); 4] =
        [("class", &"treemap"), ("viewBox", &frame), ("role", &"img"), ("aria-label", &"Sizes by part")];
    html.nest("svg", &about, |html| {
        parts.iter().zip(squarified(&areas)).for_each(|(part, place)| tile(*part, all, place, html));
    });
}

fn tile((name, bytes): Part<'_>, all: u64, (x, y, width, height): Rectangle, html: &mut Html) {
    let decimal = |value: f64| format!("{value:.1}");
    html.nest("g", &[("class", &format_args!("tile {}", origin(name)))], |html| {
        html.element("title", &[], format_args!("{name}: {} ({})", human(bytes), share(bytes, all)));
        let place = [x, y, width, height].map(decimal);
        html.element("rect", &[("x", &place[0]), ("y", &place[1]), ("width", &place[2]), ("height", &place[3])], "");
        if width < ROOM.0 || height < ROOM.1 {
            return;
        }
        let left = decimal(x + MARGIN / 2.0);
        let mut line = |below: f64, class: &'static str, text: &str| {
            html.element("text", &[("class", &class), ("x", &left), ("y", &decimal(y + below))], text);
        };
        line(NAME, "name", &shortened(name.trim_start_matches("base: "), (width - MARGIN) / LETTER));
        line(SIZE, "size", &shortened(&human(bytes), (width - MARGIN) / LETTER));
    });
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of letters, never negative")]
fn shortened(text: &str, room: f64) -> String {
    let room = room as usize;
    if text.chars().count() <= room {
        text.to_owned()
    } else {
        text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }
}
