//! CSV (RFC 4180) as spreadsheets write it and as people type it: which character parts the fields, quotes, comments, and
//! where each field stands.
//!
//! What the columns mean is not known here.

use crate::document::{Location, SourceId};
use crate::problem::Report;

/// Characters that may part fields: the header tells which one does.
const SEPARATORS: [char; 3] = [',', ';', '\t'];
/// How a spreadsheet may say which one it is, in a line of its own before the header.
const DIRECTIVE: &str = "sep=";

/// A field with its place.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    /// Its text, without quotes and the white space around it.
    pub(super) text: String,
    /// Where it stands.
    pub(super) at: Location,
}

/// What was read.
pub(super) struct Table {
    /// All rows but blank ones and comments, the header first.
    pub(super) rows: Vec<Vec<Cell>>,
    /// What parts their fields.
    pub(super) separator: char,
    /// Whether it was read to its end.
    pub(super) is_whole: bool,
}

/// Reads a text. What is wrong with its quotes is in the report.
pub(super) fn read(text: &str, source: SourceId, report: &mut Report) -> Table {
    let (start, separator) = begin(text);
    let mut reader = Reader { text, source, separator, at: start };
    let mut table = Table { rows: Vec::new(), separator, is_whole: true };
    while reader.at < text.len() {
        if reader.rest().starts_with('#') {
            reader.skip_line();
            continue;
        }
        match reader.row(report) {
            Some(row) if row.iter().all(|cell| cell.text.is_empty()) => {}
            Some(row) => table.rows.push(row),
            None => {
                table.is_whole = false;
                return table;
            }
        }
    }
    table
}

/// Where the rows begin, and what parts their fields: what a directive says, else the first separator of the header.
fn begin(text: &str) -> (usize, char) {
    let mut start = 0;
    for line in text.split_inclusive(['\r', '\n']) {
        let content = line.trim();
        if let Some(separator) = content.strip_prefix(DIRECTIVE).and_then(one_of) {
            return (start + line.len(), separator);
        }
        if !content.is_empty() && !content.starts_with('#') {
            return (0, content.chars().find(|c| SEPARATORS.contains(c)).unwrap_or(SEPARATORS[0]));
        }
        start += line.len();
    }
    (0, SEPARATORS[0])
}

fn one_of(rest: &str) -> Option<char> {
    let mut characters = rest.chars();
    // A tab at the end of a line was trimmed away.
    let first = characters.next().unwrap_or('\t');
    (SEPARATORS.contains(&first) && characters.next().is_none()).then_some(first)
}

struct Reader<'a> {
    text: &'a str,
    source: SourceId,
    separator: char,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find(['\r', '\n']).map_or(self.rest().len(), |end| end + 1);
    }

    /// One row and its line end; `None` when a quote is not closed.
    fn row(&mut self, report: &mut Report) -> Option<Vec<Cell>> {
        let mut row = Vec::new();
        loop {
            let blank = |c: char| (c == ' ' || c == '\t') && c != self.separator;
            let field = self.rest().trim_start_matches(blank);
            row.push(if field.starts_with('"') {
                self.at = self.text.len() - field.len();
                self.quoted(report)?
            } else {
                self.plain()
            });
            let rest = self.rest();
            if rest.starts_with(self.separator) {
                self.at += 1;
                continue;
            }
            // Windows' line ends, and those of old Macintoshes.
            self.at += if rest.starts_with("\r\n") { 2 } else { rest.len().min(1) };
            return Some(row);
        }
    }

    fn plain(&mut self) -> Cell {
        let length = self.rest().find([self.separator, '\r', '\n']).unwrap_or(self.rest().len());
        let raw = &self.rest()[..length];
        let text = raw.trim();
        let start = self.at + (raw.len() - raw.trim_start().len());
        self.at += length;
        Cell { text: text.to_owned(), at: Location::new(self.source, start, start + text.len()) }
    }

    fn quoted(&mut self, report: &mut Report) -> Option<Cell> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let Some(length) = self.rest().find('"') else {
                let at = Location::new(self.source, start, start + 1);
                report.error_at("unclosed-quote", at, "this quote is not closed").help("close it with `\"`");
                return None;
            };
            text.push_str(&self.rest()[..length]);
            self.at += length + 1;
            if !self.rest().starts_with('"') {
                break;
            }
            text.push('"');
            self.at += 1;
        }
        let end = self.at;
        let after = self.plain();
        if !after.text.is_empty() {
            report
                .error_at("text-after-quote", after.at, "this stands after the quote that ends the field")
                .help("put the whole field into quotes; a quote in it is written twice");
        }
        Some(Cell { text: text.trim().to_owned(), at: Location::new(self.source, start, end) })
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::document::Sources;
    use crate::problem::Report;
    use std::path::Path;

    fn rows(text: &str) -> Vec<Vec<String>> {
        let mut sources = Sources::new();
        let source = sources.add("a.csv", "inventory", Path::new(""), text);
        let mut report = Report::new();
        let table = read(text, source, &mut report);
        assert!(report.is_empty() && table.is_whole, "{text:?}");
        table.rows.into_iter().map(|row| row.into_iter().map(|cell| cell.text).collect()).collect()
    }

    #[test]
    fn the_same_table_is_read_however_it_is_written() {
        let expected = vec![vec!["name", "labels"], vec!["a", "x=1,y=2"], vec!["b", "\"q\""]];
        for text in [
            "name,labels\na,\"x=1,y=2\"\nb,\"\"\"q\"\"\"\n",
            "name,labels\r\na,\"x=1,y=2\"\r\n\r\nb,\"\"\"q\"\"\"",
            "# a comment, with a comma\nname;labels\na;x=1,y=2\n;\nb;\"\"\"q\"\"\"\n",
            "sep=;\r\nname;labels\r\na;x=1,y=2\r\nb;\"\"\"q\"\"\"\r\n",
            "sep=\t\nname\tlabels\na\tx=1,y=2\nb\t\"\"\"q\"\"\"\n",
            "name , labels\r a , \"x=1,y=2\" \rb,\"\"\"q\"\"\"\r",
            "# old\rsep=;\rname;labels\r# spare\ra;x=1,y=2\rb;\"\"\"q\"\"\"\r",
        ] {
            assert_eq!(rows(text), expected, "{text:?}");
        }
        assert!(rows("").is_empty() && rows("# nothing").is_empty());
    }
}
