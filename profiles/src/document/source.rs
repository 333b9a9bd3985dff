//! The texts that people wrote, kept for as long as something may be said about them.
//!
//! Files are not read here: who reads one registers its text.

use std::path::{Path, PathBuf};

/// One text: a file, standard input, or an argument of the command line.
#[derive(Clone, Debug)]
pub struct Source {
    /// What people call it: `site.yaml`, `--set endpoint.mode=node`.
    pub name: String,
    /// The layer that it belongs to: `profile ha3`, `site site.yaml`, `inventory nodes.csv`, `--set`.
    pub label: String,
    /// The folder that relative paths written in it start from.
    pub folder: PathBuf,
    text: String,
    line_starts: Vec<u32>,
}

impl Source {
    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Line and column of a byte offset, both counted from 1, columns in characters.
    #[must_use]
    pub fn line_column(&self, offset: u32) -> (usize, usize) {
        let line = self.line_starts.partition_point(|&start| start <= offset).max(1);
        let start = self.line_starts[line - 1] as usize;
        let before = self.text.as_bytes().get(start..self.clamp(offset)).unwrap_or_default();
        let continuation_bytes = before.iter().filter(|&&byte| byte & 0xC0 == 0x80).count();
        (line, before.len() - continuation_bytes + 1)
    }

    /// The bytes of a line (counted from 1) without its line break; `None` past the end.
    #[must_use]
    pub fn line(&self, line: usize) -> Option<(u32, &str)> {
        let start = *self.line_starts.get(line.checked_sub(1)?)?;
        let end = self.line_starts.get(line).map_or(self.text.len(), |&next| next as usize);
        let text = self.text.get(start as usize..end)?;
        Some((start, text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))))
    }

    fn clamp(&self, offset: u32) -> usize {
        (offset as usize).min(self.text.len())
    }
}

/// Names a [`Source`] of one [`Sources`]; ordered as the sources were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

/// A range of bytes in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The text.
    pub source: SourceId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Location {
    /// A range from byte offsets; offsets beyond 4 GiB are cut.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let cut = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: cut(start), end: cut(end.max(start)) }
    }
}

/// All texts of one run.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    sources: Vec<Source>,
}

impl Sources {
    /// No texts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a text; a byte order mark in front of it is dropped.
    pub fn add(&mut self, name: &str, label: &str, folder: &Path, text: &str) -> SourceId {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        let breaks = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)));
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(Source {
            name: name.to_owned(),
            label: label.to_owned(),
            folder: folder.to_owned(),
            line_starts: line_starts.collect(),
            text,
        });
        id
    }

    /// The text that an id names.
    #[must_use]
    pub fn get(&self, id: SourceId) -> &Source {
        &self.sources[id.0 as usize]
    }

    /// Line and column of the start of a place, both counted from 1.
    #[must_use]
    pub fn line_column(&self, at: Location) -> (usize, usize) {
        self.get(at.source).line_column(at.start)
    }

    /// `site.yaml:4:3`
    #[must_use]
    pub fn describe(&self, at: Location) -> String {
        let (line, column) = self.line_column(at);
        format!("{}:{line}:{column}", self.get(at.source).name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = Sources::new();
        let id = sources.add("a.yaml", "site a.yaml", Path::new("."), "\u{feff}é: 1\r\nb: ü x\n");
        for (offset, expected) in [(0, (1, 1)), (2, (1, 2)), (7, (2, 1)), (12, (2, 5)), (99, (3, 1))] {
            assert_eq!(sources.get(id).line_column(offset), expected, "offset {offset}");
        }
        assert_eq!(sources.get(id).line(1), Some((0, "é: 1")));
        assert_eq!(sources.get(id).line(2), Some((7, "b: ü x")));
        assert_eq!(sources.get(id).line(4), None);
    }
}
