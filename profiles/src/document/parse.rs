//! YAML text to trees, within fixed bounds.
//!
//! YAML 1.2 as people write it by hand: no tags, no merge keys, no complex keys; aliases are expanded. The meaning of scalars
//! is decided later, by the type that they are decoded to.

use granit_parser::{Event, Parser, options};

use super::build::{Builder, Stop};
use super::node::{Node, Value};
use super::source::{Location, SourceId, Sources};
use crate::problem::Report;

/// The largest input, in bytes.
pub const MAX_INPUT_BYTES: usize = 16 << 20;

/// How deep lists and maps may lie in each other.
pub const MAX_DEPTH: usize = 64;

/// How many values one text may hold after its aliases are expanded.
pub const MAX_NODES: usize = 1_000_000;

/// Reads all documents of a text. `None` when there was a problem, which then is in the report.
pub fn parse(sources: &Sources, source: SourceId, report: &mut Report) -> Option<Vec<Node>> {
    parse_from(sources, source, 0, report)
}

/// Reads the documents that start at an offset of a text.
fn parse_from(sources: &Sources, source: SourceId, from: usize, report: &mut Report) -> Option<Vec<Node>> {
    let whole = sources.get(source).text();
    let text = whole.get(from..).unwrap_or_default();
    if !check_characters(source, whole, report) {
        return None;
    }
    let options = options! {
        disallow_directives: false,
        emit_comments: false,
        // Each kind by itself; both together are bounded by the builder.
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::new(source, report);
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => {
                let start = span.start.byte_offset().unwrap_or_default();
                let end = span.end.byte_offset().unwrap_or(start);
                let done = event == Event::StreamEnd;
                builder.take(event, from + start, from + end).map(|()| done)
            }
            Err(error) => {
                let start = error.marker().byte_offset().unwrap_or_else(|| byte_offset(text, error.marker().index()));
                builder.syntax_error(error.kind(), from + start.min(text.len()), whole)
            }
        };
        match step {
            Ok(false) => {}
            Ok(true) => break,
            Err(Stop) => return None,
        }
    }
    builder.finish()
}

/// Reads a text that holds one document; documents without content don't count. A text without content is nothing.
pub fn parse_one(sources: &Sources, source: SourceId, report: &mut Report) -> Option<Node> {
    parse_one_from(sources, source, 0, report)
}

/// As [`parse_one`], from an offset of the text on, as for `--set path=value`.
pub(crate) fn parse_one_from(sources: &Sources, source: SourceId, from: usize, report: &mut Report) -> Option<Node> {
    let mut documents = parse_from(sources, source, from, report)?;
    documents.retain(|document| document.value != Value::Null);
    if let [_, second, ..] = documents.as_slice() {
        report
            .error_at("several-documents", second.at, "a second document starts here, and only one is read")
            .help("write one document a file, without `---` between settings");
        return None;
    }
    Some(documents.pop().unwrap_or(Node { value: Value::Null, at: Location::new(source, from, from) }))
}

fn check_characters(source: SourceId, text: &str, report: &mut Report) -> bool {
    if text.len() > MAX_INPUT_BYTES {
        let message = format!("the text has {} bytes; at most {MAX_INPUT_BYTES} are read", text.len());
        report.error_at("too-large", Location::new(source, 0, 0), message);
        return false;
    }
    // YAML 1.2.2 section 5.1, the characters that are allowed in a text.
    let Some((start, wrong)) = text.char_indices().find(|&(_, c)| !is_allowed(c)) else { return true };
    let at = Location::new(source, start, start + wrong.len_utf8());
    report
        .error_at("control-character", at, format!("the control character U+{:04X} stands here", u32::from(wrong)))
        .help("remove it, or write it as an escape in double quotes");
    false
}

fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    }
}

fn byte_offset(text: &str, character: usize) -> usize {
    text.char_indices().nth(character).map_or(text.len(), |(offset, _)| offset)
}
