//! Columns for people: aligned, without borders. In files and pipes a row is a line, so that `grep` and `cut` work too.

use comfy_table::{ContentArrangement, Table, presets};

/// Spaces between columns.
const GAP: u16 = 2;

/// A table as text with a line end, as wide as its cells are, or at most so many columns.
pub(crate) fn columns<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header);
    match width.and_then(|width| u16::try_from(width).ok()) {
        // The gap behind the last column is cut off.
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width.saturating_add(GAP)),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    table.trim_fmt() + "\n"
}
