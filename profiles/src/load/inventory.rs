//! The inventory: machines as CSV (with `#` comments) or YAML, as a layer in which every cell has its place.

use super::csv::{self, Cell};
use crate::document::{Entry, Location, Node, SourceId, Sources, Value, did_you_mean};
use crate::problem::Report;

/// The columns, by the settings of a node that they fill in.
const COLUMNS: [&str; 7] = ["name", "role", "address", "mac", "uuid", "serial", "labels"];

/// An inventory as a layer.
pub(super) struct Inventory {
    /// Its machines, as far as they could be read; `None` when nothing could.
    pub(super) layer: Option<Node>,
    /// Whether every machine is there, so that what others say about them can be judged. What is wrong with a single field
    /// does not take its machine away.
    pub(super) is_whole: bool,
}

impl Inventory {
    /// Nothing of it.
    pub(super) const fn unreadable() -> Self {
        Self { layer: None, is_whole: false }
    }
}

/// The CSV text as a layer. What is wrong with it is in the report.
pub(super) fn of_csv(sources: &Sources, source: SourceId, report: &mut Report) -> Inventory {
    let text = sources.get(source).text();
    let whole = Location::new(source, 0, 0);
    let table = csv::read(text, source, report);
    let mut rows = table.rows.into_iter();
    let Some(header) = rows.next() else {
        let help = format!("the first line names the columns: {}", COLUMNS.join(","));
        if table.is_whole {
            report.error_at("empty-inventory", whole, "the inventory is empty").help(help);
        }
        return Inventory::unreadable();
    };
    let Some(columns) = columns(&header, report) else { return Inventory::unreadable() };
    let nodes: Vec<Node> = rows.filter_map(|row| node(&columns, row, table.separator, report)).collect();
    let layer = layer(Node { value: Value::Sequence(nodes), at: whole });
    Inventory { layer: Some(layer), is_whole: table.is_whole }
}

/// A YAML inventory: a list of nodes, or a map with `nodes` alone.
pub(super) fn of_yaml(document: Node, report: &mut Report) -> Inventory {
    if matches!(document.value, Value::Sequence(_)) {
        return Inventory { layer: Some(layer(document)), is_whole: true };
    }
    let other = document.entries().iter().find(|entry| entry.key != "nodes");
    if document.get("nodes").is_none() || other.is_some() {
        let at = other.map_or(document.at, |entry| entry.key_at);
        report
            .error_at("bad-inventory", at, "an inventory is a list of nodes, or a map with `nodes` alone")
            .help("move other settings into a site file");
        return Inventory::unreadable();
    }
    Inventory { layer: Some(document), is_whole: true }
}

fn layer(nodes: Node) -> Node {
    let at = nodes.at;
    Node { value: Value::Mapping(vec![Entry { key: "nodes".to_owned(), key_at: at, value: nodes }]), at }
}

/// The columns of the header; `None` when a field of a row could not be told by them.
fn columns(header: &[Cell], report: &mut Report) -> Option<Vec<&'static str>> {
    let mut columns = Vec::new();
    let mut is_clear = true;
    for cell in header {
        let Some(column) = COLUMNS.into_iter().find(|column| *column == cell.text) else {
            let help = match did_you_mean(&cell.text, COLUMNS) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the columns are {}", COLUMNS.join(", ")),
            };
            report.error_at("unknown-column", cell.at, format!("there is no column `{}`", cell.text)).help(help);
            is_clear = false;
            continue;
        };
        if columns.contains(&column) {
            report.error_at("repeated-column", cell.at, format!("the column `{column}` is there twice"));
            is_clear = false;
        }
        columns.push(column);
    }
    if columns.len() == header.len() && !columns.contains(&"name") {
        let at = header.first().map(|cell| cell.at)?;
        report.error_at("missing-column", at, "the column `name` is missing").help("every machine needs a name");
        is_clear = false;
    }
    is_clear.then_some(columns)
}

/// A row as a machine: also one with too many fields, because a machine that was not there would cause problems that are none.
fn node(columns: &[&'static str], row: Vec<Cell>, separator: char, report: &mut Report) -> Option<Node> {
    let at = row.first().map(|cell| cell.at)?;
    if let Some(extra) = row.get(columns.len()) {
        let message = format!("this row has {} fields, the header has {}", row.len(), columns.len());
        let help = format!("put a field that holds {} into quotes", shown(separator));
        report.error_at("too-many-fields", extra.at, message).help(help);
    } else if row.len() == 1 && columns.len() > 1 && row[0].text.contains([',', ';', '\t']) {
        let message = format!("nothing parts the fields of this row: the header does so by {}", shown(separator));
        report.error_at("wrong-separator", at, message).help("write all rows as the header");
        return None;
    }
    let is_named = columns.iter().zip(&row).any(|(column, cell)| *column == "name" && !cell.text.is_empty());
    if !is_named {
        // A list in which an item has no name would replace all that other layers say about machines.
        report.error_at("missing-setting", at, "this row has no name").help("every machine needs a name");
        return None;
    }
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

fn shown(separator: char) -> &'static str {
    match separator {
        ';' => "a semicolon",
        '\t' => "a tab",
        _ => "a comma",
    }
}

/// `key=value` pairs with `;`, `,` or white space between.
fn labels(cell: &Cell, report: &mut Report) -> Value {
    let mut entries: Vec<Entry> = Vec::new();
    for pair in cell.text.split([';', ',', ' ', '\t', '\n', '\r']).filter(|pair| !pair.is_empty()) {
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
