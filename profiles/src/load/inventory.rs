//! The inventory: machines as CSV (RFC 4180, with `#` comments) or YAML, as a layer in which every cell has its place.

use crate::document::{Entry, Location, Node, SourceId, Sources, Value, did_you_mean};
use crate::problem::Report;

/// The columns, by the settings of a node that they fill in.
const COLUMNS: [&str; 7] = ["name", "role", "address", "mac", "uuid", "serial", "labels"];

/// A field with its place.
#[derive(Clone, Debug)]
struct Cell {
    text: String,
    at: Location,
}

/// The CSV text as a layer. `None` when there was a problem, which then is in the report.
pub(super) fn csv(sources: &Sources, source: SourceId, report: &mut Report) -> Option<Node> {
    let text = sources.get(source).text();
    let whole = Location::new(source, 0, 0);
    let mut rows = rows(text, source, report)?.into_iter();
    let Some(header) = rows.next() else {
        let help = format!("the first line names the columns: {}", COLUMNS.join(","));
        report.error_at("empty-inventory", whole, "the inventory is empty").help(help);
        return None;
    };
    let columns = columns(&header, report)?;
    let nodes: Vec<Node> = rows.filter_map(|row| node(&columns, row, report)).collect();
    Some(layer(Node { value: Value::Sequence(nodes), at: whole }))
}

/// A YAML inventory: a list of nodes, or a map with `nodes` alone.
pub(super) fn yaml(document: Node, report: &mut Report) -> Option<Node> {
    if matches!(document.value, Value::Sequence(_)) {
        return Some(layer(document));
    }
    let other = document.entries().iter().find(|entry| entry.key != "nodes");
    if document.get("nodes").is_none() || other.is_some() {
        let at = other.map_or(document.at, |entry| entry.key_at);
        report
            .error_at("bad-inventory", at, "an inventory is a list of nodes, or a map with `nodes` alone")
            .help("move other settings into a site file");
        return None;
    }
    Some(document)
}

fn layer(nodes: Node) -> Node {
    let at = nodes.at;
    Node { value: Value::Mapping(vec![Entry { key: "nodes".to_owned(), key_at: at, value: nodes }]), at }
}

fn columns(header: &[Cell], report: &mut Report) -> Option<Vec<&'static str>> {
    let mut columns = Vec::new();
    for cell in header {
        let Some(column) = COLUMNS.into_iter().find(|column| *column == cell.text) else {
            let help = match did_you_mean(&cell.text, COLUMNS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the columns are {}", COLUMNS.join(", ")),
            };
            report.error_at("unknown-column", cell.at, format!("there is no column `{}`", cell.text)).help(help);
            continue;
        };
        if columns.contains(&column) {
            report.error_at("repeated-column", cell.at, format!("the column `{column}` is there twice"));
        }
        columns.push(column);
    }
    if columns.len() == header.len() && !columns.contains(&"name") {
        let at = header.first().map(|cell| cell.at)?;
        report.error_at("missing-column", at, "the column `name` is missing").help("every machine needs a name");
    }
    (!report.has_errors()).then_some(columns)
}

fn node(columns: &[&'static str], row: Vec<Cell>, report: &mut Report) -> Option<Node> {
    if let Some(extra) = row.get(columns.len()) {
        let message = format!("this row has {} fields, the header has {}", row.len(), columns.len());
        report.error_at("too-many-fields", extra.at, message).help("put a field that holds a comma into quotes");
        return None;
    }
    let at = row.first().map(|cell| cell.at)?;
    let mut entries = Vec::new();
    for (column, cell) in columns.iter().zip(row) {
        if cell.text.is_empty() {
            continue;
        }
        let (text, at) = (cell.text.clone(), cell.at);
        let value = if *column == "labels" { labels(&cell, report) } else { Value::Scalar { text, plain: true } };
        entries.push(Entry { key: (*column).to_owned(), key_at: at, value: Node { value, at } });
    }
    Some(Node { value: Value::Mapping(entries), at })
}

/// `key=value` pairs with `;` or white space between.
fn labels(cell: &Cell, report: &mut Report) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    for pair in cell.text.split([';', ' ', '\t']).filter(|pair| !pair.is_empty()) {
        let Some((key, value)) = pair.split_once('=') else {
            let message = format!("`{pair}` is no label");
            report.error_at("bad-labels", cell.at, message).help("write labels as `key=value;key=value`");
            continue;
        };
        if entries.iter().any(|entry| entry.key == key) {
            report.error_at("bad-labels", cell.at, format!("the label `{key}` is there twice"));
        }
        let value = Value::Scalar { text: value.to_owned(), plain: true };
        entries.push(Entry { key: key.to_owned(), key_at: cell.at, value: Node { value, at: cell.at } });
    }
    Value::Mapping(entries)
}

/// All rows but blank ones and comments.
fn rows(text: &str, source: SourceId, report: &mut Report) -> Option<Vec<Vec<Cell>>> {
    let mut reader = Reader { text, source, at: 0 };
    let mut rows = Vec::new();
    while reader.at < text.len() {
        if reader.rest().starts_with('#') {
            reader.at += reader.rest().find('\n').map_or(reader.rest().len(), |end| end + 1);
            continue;
        }
        match reader.row() {
            Ok(row) if row.iter().all(|cell| cell.text.is_empty()) => {}
            Ok(row) => rows.push(row),
            Err(start) => {
                let at = Location::new(source, start, start + 1);
                report.error_at("unclosed-quote", at, "this quote is not closed").help("close it with `\"`");
                return None;
            }
        }
    }
    Some(rows)
}

struct Reader<'a> {
    text: &'a str,
    source: SourceId,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// One row and its line end; an error is the place of a quote that is not closed.
    fn row(&mut self) -> Result<Vec<Cell>, usize> {
        let mut row = Vec::new();
        loop {
            row.push(if self.rest().starts_with('"') { self.quoted()? } else { self.plain() });
            match self.rest().chars().next() {
                Some(',') => self.at += 1,
                Some(_) => {
                    self.at += self.rest().find('\n').map_or(self.rest().len(), |end| end + 1);
                    return Ok(row);
                }
                None => return Ok(row),
            }
        }
    }

    fn plain(&mut self) -> Cell {
        let length = self.rest().find([',', '\r', '\n']).unwrap_or(self.rest().len());
        let raw = &self.rest()[..length];
        let text = raw.trim();
        let start = self.at + (raw.len() - raw.trim_start().len());
        self.at += length;
        Cell { text: text.to_owned(), at: Location::new(self.source, start, start + text.len()) }
    }

    fn quoted(&mut self) -> Result<Cell, usize> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let length = self.rest().find('"').ok_or(start)?;
            text.push_str(&self.rest()[..length]);
            self.at += length + 1;
            if !self.rest().starts_with('"') {
                break;
            }
            text.push('"');
            self.at += 1;
        }
        let end = self.at;
        let _ = self.plain();
        Ok(Cell { text: text.trim().to_owned(), at: Location::new(self.source, start, end) })
    }
}
