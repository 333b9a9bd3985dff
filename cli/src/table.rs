//! Columns for people: aligned, without borders. In files and pipes a row is a line, so that `grep` and `cut` work too.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};

/// Spaces between columns.
const GAP: usize = 2;
/// What a column gets at least where there is little room, unless its words are shorter.
const LEAST: usize = 14;

/// A table as text with a line end, as wide as its cells are. If that is more than `width` allows, cells have several lines,
/// broken between words, and what stands further left is the last to be broken within a word.
pub(crate) fn columns<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
    width: Option<usize>,
) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(str::to_owned)).chain(rows).collect();
    let widths = width.and_then(|width| widths(&rows, width));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(match widths {
        Some(_) => ContentArrangement::Dynamic,
        None => ContentArrangement::Disabled,
    });
    table.add_rows(rows);
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, u16::try_from(GAP).unwrap_or(0)));
        if let Some(width) = widths.and_then(|widths| u16::try_from(widths[at] + GAP).ok()) {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
        }
    }
    table.trim_fmt() + "\n"
}

/// Widths of columns that together fit; `None` when the cells fit as they are, or nothing would.
fn widths<const N: usize>(rows: &[[String; N]], width: usize) -> Option<[usize; N]> {
    let longest = |at: usize, parts: fn(&str) -> usize| rows.iter().map(|row| parts(&row[at])).max().unwrap_or(0);
    let whole: [usize; N] = std::array::from_fn(|at| longest(at, |cell| cell.chars().count()));
    let word: [usize; N] = std::array::from_fn(|at| longest(at, longest_word));
    let room = width.saturating_sub(GAP * N.saturating_sub(1));
    let reserved = word.map(|word| word.min(LEAST));
    if whole.iter().sum::<usize>() <= room || reserved.iter().sum::<usize>() > room {
        return None;
    }
    let mut left = room - reserved.iter().sum::<usize>();
    let mut widths = reserved;
    // First whole words, then whole cells, from left to right.
    for wanted in [word, whole] {
        for (width, wanted) in widths.iter_mut().zip(wanted) {
            let more = wanted.saturating_sub(*width).min(left);
            *width += more;
            left -= more;
        }
    }
    Some(widths)
}

fn longest_word(cell: &str) -> usize {
    cell.split(' ').map(|word| word.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::columns;

    fn table(width: Option<usize>) -> String {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [
            row(["kubelet.imageGCLowThresholdPercent", "80", "default"]),
            row(["a", "two words", "profile ha3 (built-in):13"]),
        ];
        columns(["SETTING", "VALUE", "FROM"], rows, width)
    }

    #[test]
    fn a_row_is_a_line_where_there_is_room() {
        assert_eq!(table(None), table(Some(200)));
        assert_eq!(table(None).lines().count(), 3);
    }

    #[test]
    fn cells_are_folded_between_words_where_there_is_little() {
        let folded = table(Some(60));
        assert!(folded.lines().all(|line| line.chars().count() <= 60), "{folded}");
        for whole in ["kubelet.imageGCLowThresholdPercent", "(built-in):13", "two"] {
            assert!(folded.contains(whole), "{folded}");
        }
        assert_eq!(folded.lines().count(), 4, "{folded}");
    }

    #[test]
    fn nothing_is_folded_where_nothing_would_fit() {
        assert_eq!(table(Some(20)), table(None));
    }
}
