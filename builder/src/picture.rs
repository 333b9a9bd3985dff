//! The size report as a picture: `build.html`, a treemap of the parts and a table. One file, no script, nothing fetched.
//!
//! Layout: Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000).

use crate::record::BuildRecord;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The name of the file beside the outputs.
pub const PICTURE_FILE: &str = "build.html";
/// Pixels of the picture.
const WIDTH: f64 = 1120.0;
const HEIGHT: f64 = 520.0;
/// A part narrower or lower than this has no room for its name.
const ROOM: (f64, f64) = (70.0, 34.0);
/// Colours of the base's parts and of kfimg's, light enough for dark text.
const BASE: [&str; 6] = ["#c9d8e8", "#b8cce0", "#d6e1ee", "#a9c1da", "#dfe8f2", "#c0d3e6"];
const OWN: [&str; 6] = ["#f6c99a", "#f3b87b", "#f9d9b5", "#efab63", "#fbe3c8", "#f5c08a"];

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1120px;padding:0 1rem;color:#1d2733;background:#fff}\
h1{font-size:1.4rem;margin:0 0 .3rem}p{margin:.2rem 0 1rem;color:#4a5866}svg{width:100%;height:auto;display:block}\
svg text{font:13px system-ui,sans-serif;fill:#1d2733}table{border-collapse:collapse;margin:1.5rem 0;width:100%}\
td,th{padding:.25rem .6rem;border-bottom:1px solid #e3e8ee;text-align:left}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
i{display:inline-block;width:.8em;height:.8em;margin-right:.5em;border:1px solid #8796a5}code{font-size:.85em;word-break:break-all}";

/// A part of the picture.
#[derive(Clone, Debug, PartialEq)]
struct Tile {
    name: String,
    bytes: u64,
    colour: &'static str,
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The page.
#[must_use]
pub(crate) fn page(record: &BuildRecord) -> String {
    let tiles = tiles(record);
    let all: u64 = tiles.iter().map(|tile| tile.bytes).sum();
    let mut html = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1><p>{system}, kernel {kernel}, {architecture}. The root \
         holds {content} in {entries} files and folders; as {format} it takes {size}. Root hash <code>{hash}</code>.</p>",
        title = escaped(&format!("{} {}", record.image_id, record.image_version)),
        system = escaped(&record.system),
        kernel = escaped(&record.kernel_version),
        architecture = record.architecture,
        content = human(record.root.content_bytes),
        entries = record.root.entries,
        format = record.root.format.name(),
        size = human(record.root.size),
        hash = record.root.root_hash,
    );
    let _ = write!(html, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Sizes by part\">");
    tiles.iter().for_each(|tile| draw(&mut html, tile, all));
    html += "</svg><table><tr><th>part<th class=n>before compression<th class=n>share</tr>";
    for tile in &tiles {
        let (name, size, share) = (escaped(&tile.name), human(tile.bytes), share(tile.bytes, all));
        let colour = tile.colour;
        let _ = write!(
            html,
            "<tr><td><i style=\"background:{colour}\"></i>{name}<td class=n>{size}<td class=n>{share}</tr>"
        );
    }
    html += "</table><table><tr><th>file<th class=n>size<th>SHA-256</tr>";
    for (name, output) in &record.outputs {
        let (name, size, digest) = (escaped(name), human(output.size), output.digest.hexadecimal());
        let _ = write!(html, "<tr><td>{name}<td class=n>{size}<td><code>{digest}</code></tr>");
    }
    html += "</table>";
    licences(&mut html, record);
    html + "</html>\n"
}

/// Each licence, and what is under it.
fn licences(html: &mut String, record: &BuildRecord) {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in &record.licences {
        row.licences.iter().for_each(|licence| all.entry(licence).or_default().push(&row.name));
        if row.licences.is_empty() {
            all.entry("not named").or_default().push(&row.name);
        }
    }
    *html += "<table><tr><th>licence<th class=n>of<th>packages and programs</tr>";
    for (licence, names) in all {
        let (licence, count, names) = (escaped(licence), names.len(), escaped(&names.join(", ")));
        let _ = write!(html, "<tr><td>{licence}<td class=n>{count}<td>{names}</tr>");
    }
    *html += "</table>";
}

fn draw(html: &mut String, tile: &Tile, all: u64) {
    let Tile { name, bytes, colour, x, y, width, height } = tile;
    let (name, size) = (escaped(name), human(*bytes));
    let _ = write!(
        html,
        "<g><title>{name}: {size} ({})</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
         fill=\"{colour}\" stroke=\"#fff\" stroke-width=\"2\"/>",
        share(*bytes, all)
    );
    if *width >= ROOM.0 && *height >= ROOM.1 {
        // Seven pixels a letter, and a margin.
        let room = ((width - 12.0) / 7.0).max(0.0);
        let shown = shortened(tile.name.as_str(), room);
        let _ = write!(html, "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>", x + 7.0, y + 18.0, escaped(&shown));
        let _ = write!(html, "<text x=\"{:.1}\" y=\"{:.1}\">{size}</text>", x + 7.0, y + 33.0);
    }
    *html += "</g>";
}

/// The parts, largest first, laid out.
fn tiles(record: &BuildRecord) -> Vec<Tile> {
    let mut parts: Vec<(&String, u64)> =
        record.sizes.iter().map(|(name, bytes)| (name, *bytes)).filter(|part| part.1 > 0).collect();
    parts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let all: u64 = parts.iter().map(|part| part.1).sum();
    let areas: Vec<f64> = parts.iter().map(|part| float(part.1) / float(all.max(1)) * WIDTH * HEIGHT).collect();
    let (mut base, mut own) = (BASE.iter().cycle(), OWN.iter().cycle());
    let mut colour = |name: &str| if name.starts_with("base: ") { base.next() } else { own.next() };
    let places = squarified(&areas);
    parts
        .iter()
        .zip(places)
        .map(|((name, bytes), (x, y, width, height))| {
            let colour = colour(name).copied().unwrap_or(BASE[0]);
            Tile { name: (*name).clone(), bytes: *bytes, colour, x, y, width, height }
        })
        .collect()
}

/// Place and size of a rectangle.
type Rectangle = (f64, f64, f64, f64);

/// Areas, largest first, as rectangles that are as square as they can be.
fn squarified(areas: &[f64]) -> Vec<Rectangle> {
    let mut left: Rectangle = (0.0, 0.0, WIDTH, HEIGHT);
    let mut placed = Vec::new();
    let mut rest = areas;
    while !rest.is_empty() {
        let side = left.2.min(left.3);
        let mut count = 1;
        while count < rest.len() && worst(&rest[..=count], side) <= worst(&rest[..count], side) {
            count += 1;
        }
        let (row, after) = rest.split_at(count);
        left = lay(row, left, &mut placed);
        rest = after;
    }
    placed
}

/// The largest ratio of sides in a row.
fn worst(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let largest = row.iter().copied().fold(f64::MIN, f64::max);
    let smallest = row.iter().copied().fold(f64::MAX, f64::min);
    (side * side * largest / (sum * sum)).max(sum * sum / (side * side * smallest))
}

/// Lays a row along the shorter side; returns what is left.
fn lay(row: &[f64], (x, y, width, height): Rectangle, placed: &mut Vec<Rectangle>) -> Rectangle {
    let sum: f64 = row.iter().sum();
    let upright = width >= height;
    let side = if upright { height } else { width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let length = if depth > 0.0 { area / depth } else { 0.0 };
        placed.push(if upright { (x, y + at, depth, length) } else { (x + at, y, length, depth) });
        at += length;
    }
    if upright {
        (x + depth, y, (width - depth).max(0.0), height)
    } else {
        (x, y + depth, width, (height - depth).max(0.0))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a picture is not exact to the byte")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

fn share(bytes: u64, all: u64) -> String {
    format!("{:.1} %", float(bytes) / float(all.max(1)) * 100.0)
}

fn human(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, size)| bytes >= *size);
    unit.map_or_else(|| format!("{bytes} B"), |(name, size)| format!("{:.1} {name}", float(bytes) / float(*size)))
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

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::{HEIGHT, WIDTH, squarified};

    #[test]
    fn rectangles_fill_the_picture_without_overlap() {
        let shares = [0.4, 0.25, 0.15, 0.1, 0.05, 0.03, 0.02];
        let areas: Vec<f64> = shares.iter().map(|share| share * WIDTH * HEIGHT).collect();
        let placed = squarified(&areas);
        for ((x, y, width, height), area) in placed.iter().zip(&areas) {
            assert!((width * height - area).abs() < 1.0);
            assert!(*x >= -0.01 && *y >= -0.01 && x + width <= WIDTH + 0.01 && y + height <= HEIGHT + 0.01);
        }
        for (index, a) in placed.iter().enumerate() {
            for b in &placed[index + 1..] {
                let apart = a.0 + a.2 <= b.0 + 0.01
                    || b.0 + b.2 <= a.0 + 0.01
                    || a.1 + a.3 <= b.1 + 0.01
                    || b.1 + b.3 <= a.1 + 0.01;
                assert!(apart, "{a:?} {b:?}");
            }
        }
    }
}
