//! The one line of a text that a problem shows: cropped around the marked part, with nothing in it that could harm a terminal.
//!
//! Long lines and hostile characters end here; the drawing itself is done by `render`.

use std::borrow::Cow;
use std::ops::Range;

use crate::document::{Location, Sources};

/// A line ready to be drawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// Counted from 1.
    pub(super) line: usize,
    /// Counted from 1, in characters of the whole line.
    pub(super) column: usize,
    /// The line, cropped, without control characters.
    pub(super) text: String,
    /// Whether a part of the line was left out.
    pub(super) is_cropped: bool,
    /// The marked bytes of `text`.
    pub(super) marked: Range<usize>,
}

/// Characters kept in front of the marked part when a line is too long.
const LEAD: usize = 24;

/// The line of a place, at most `width` characters of it, so that `label` fits behind the mark below it. A place of several
/// lines is marked up to the end of its first.
pub(super) fn excerpt(sources: &Sources, at: Location, width: usize, label: &str) -> Excerpt {
    let source = sources.get(at.source);
    let (line, column) = source.line_column(at.start);
    let (line_start, text) = source.line(line).unwrap_or((at.start, ""));
    let text = &*without_secrets(text);
    let start = ((at.start - line_start.min(at.start)) as usize).min(text.len());
    let end = ((at.end - line_start.min(at.end)) as usize).clamp(start, text.len());
    let before = text.get(..start).unwrap_or_default();
    let marked = text.get(start..end).unwrap_or_default().trim_end();
    let after = text.get(start + marked.len()..).unwrap_or_default();
    let width = width.max(2 * LEAD);
    let behind_label = before.chars().count() + marked.chars().count() + 1 + label.chars().count();
    if text.len() <= width && behind_label <= width {
        return joined((line, column, false), &harmless(before), &harmless(marked), &harmless(after));
    }
    let room = width - LEAD;
    let after = match room.saturating_sub(marked.chars().count()) {
        // The mark of what was left out stands at the end of the marked part.
        0 => String::new(),
        left => shorten(after, left),
    };
    let marked: String = shorten(marked, room);
    joined((line, column, true), &harmless(&last_characters(before, LEAD)), &harmless(&marked), &harmless(&after))
}

/// Keys whose values are not shown.
const SECRET_KEYS: [&str; 2] = ["passwordHash", "password"];

/// The line with `*` for each byte of a secret value, up to the next `,` or `}`, so that offsets stay.
fn without_secrets(line: &str) -> Cow<'_, str> {
    let Some((at, key)) = SECRET_KEYS.iter().find_map(|key| line.find(key).map(|at| (at, key))) else {
        return Cow::Borrowed(line);
    };
    let after_key = at + key.len();
    let rest = &line[after_key..];
    let quoted = rest.trim_start_matches(['"', '\'']);
    let Some(value) = quoted.trim_start().strip_prefix([':', '=']).map(str::trim_start) else {
        return Cow::Borrowed(line);
    };
    let start = line.len() - value.len();
    let length = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].rfind(quote).map_or(value.len(), |end| end + 2),
        _ => value.find([',', '}']).unwrap_or(value.len()),
    };
    Cow::Owned(format!("{}{}{}", &line[..start], "*".repeat(length), &line[start + length..]))
}

fn joined((line, column, is_cropped): (usize, usize, bool), before: &str, marked: &str, after: &str) -> Excerpt {
    let text = format!("{before}{marked}{after}");
    Excerpt { line, column, is_cropped, marked: before.len()..before.len() + marked.len(), text }
}

fn shorten(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

fn last_characters(text: &str, most: usize) -> String {
    match text.char_indices().rev().nth(most.saturating_sub(1)) {
        Some((cut, _)) if cut > 0 => format!("…{}", &text[cut..]),
        _ => text.to_owned(),
    }
}

/// The text with control characters and those that change the direction of writing replaced by visible ones.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(harmless_character).collect()
}

fn harmless_character(character: char) -> char {
    match character {
        '\t' => ' ',
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' => '\u{fffd}',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shown(text: &str, start: usize, end: usize, width: usize) -> (String, String) {
        let mut sources = Sources::new();
        let source = sources.add("a.yaml", "site", Path::new("."), text);
        let excerpt = excerpt(&sources, Location::new(source, start, end), width, "");
        (excerpt.text[excerpt.marked.clone()].to_owned(), excerpt.text)
    }

    #[test]
    fn an_excerpt_is_one_harmless_line_that_fits() {
        assert_eq!(shown("a: 1\nb: two\n", 8, 11, 80), ("two".into(), "b: two".into()));
        assert_eq!(shown("a: |\n  x\n  y\n", 3, 12, 80), ("|".into(), "a: |".into()));
        assert_eq!(shown("a: \x1b[31m\t\u{202e}", 3, 8, 80), ("␛[31m".into(), "a: ␛[31m \u{fffd}".into()));
        let long = format!("k: {}bad{}", "é".repeat(500_000), "x".repeat(500_000));
        let at = long.find("bad").unwrap();
        let (marked, line) = shown(&long, at, at + 3, 100);
        assert_eq!(marked, "bad");
        assert!(line.starts_with('…') && line.ends_with('…') && line.chars().count() <= 102, "{line}");
    }

    #[test]
    fn secret_values_are_never_shown() {
        for (line, shown_line) in [
            ("- {name: a, passwordHash: se cret, sudo: true}", "- {name: a, passwordHash: *******, sudo: true}"),
            ("users[0].passwordHash=sécret", "users[0].passwordHash=*******"),
            ("\"passwordHash\": 'se\"c,ret' # x", "\"passwordHash\": ********** # x"),
            ("passwordFile: a", "passwordFile: a"),
        ] {
            assert_eq!(shown(line, 0, 1, 80).1, shown_line);
        }
    }

    #[test]
    fn places_outside_the_text_are_shown_as_empty() {
        assert_eq!(shown("", 0, 0, 80), (String::new(), String::new()));
        assert_eq!(shown("a", 90, 99, 80), (String::new(), "a".into()));
        // In the middle of a character: nothing is marked, nothing breaks.
        assert_eq!(shown("é", 1, 2, 80).0, "");
    }
}
