//! The lines that differ between two texts, as `diff` shows them.

/// Lines around a difference that are shown with it.
const AROUND: usize = 2;
/// Tables of more cells than this are not made: the differing parts are then shown as a whole.
const MOST_CELLS: usize = 4_000_000;

/// One line of both texts or of one.
#[derive(Clone, Copy)]
enum Line<'a> {
    Both(&'a str),
    Old(&'a str),
    New(&'a str),
}

/// The differing lines with `-` or `+` before them and a few around them with a space; `...` stands for what is left out.
pub(super) fn difference(old: &str, new: &str) -> Vec<String> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let lines = align(&old, &new);
    let is_near = |index: usize| {
        let from = index.saturating_sub(AROUND);
        lines[from..(index + AROUND + 1).min(lines.len())].iter().any(|line| !matches!(line, Line::Both(_)))
    };
    let mut shown = Vec::new();
    let mut left_out = false;
    for (index, line) in lines.iter().enumerate() {
        if !is_near(index) {
            left_out = true;
            continue;
        }
        if std::mem::take(&mut left_out) {
            shown.push("...".to_owned());
        }
        shown.push(match line {
            Line::Both(text) => format!(" {text}"),
            Line::Old(text) => format!("-{text}"),
            Line::New(text) => format!("+{text}"),
        });
    }
    shown
}

/// All lines in an order in which as many as possible are of both.
fn align<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let start = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    let (old_rest, new_rest) = (&old[start..], &new[start..]);
    let end = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(one, other)| one == other).count();
    let (old_middle, new_middle) = (&old_rest[..old_rest.len() - end], &new_rest[..new_rest.len() - end]);
    let mut lines: Vec<Line<'a>> = old[..start].iter().map(|line| Line::Both(line)).collect();
    lines.extend(middle(old_middle, new_middle));
    lines.extend(old[old.len() - end..].iter().map(|line| Line::Both(line)));
    lines
}

/// The longest common subsequence, by the table of its lengths.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let width = new.len() + 1;
    if (old.len() + 1).saturating_mul(width) > MOST_CELLS {
        return old.iter().map(|line| Line::Old(line)).chain(new.iter().map(|line| Line::New(line))).collect();
    }
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for row in (0..old.len()).rev() {
        for column in (0..new.len()).rev() {
            let (below, right) = (lengths[(row + 1) * width + column], lengths[row * width + column + 1]);
            lengths[row * width + column] =
                if old[row] == new[column] { lengths[(row + 1) * width + column + 1] + 1 } else { below.max(right) };
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    while row < old.len() && column < new.len() {
        if old[row] == new[column] {
            lines.push(Line::Both(old[row]));
            (row, column) = (row + 1, column + 1);
        } else if lengths[(row + 1) * width + column] >= lengths[row * width + column + 1] {
            lines.push(Line::Old(old[row]));
            row += 1;
        } else {
            lines.push(Line::New(new[column]));
            column += 1;
        }
    }
    lines.extend(old[row..].iter().map(|line| Line::Old(line)));
    lines.extend(new[column..].iter().map(|line| Line::New(line)));
    lines
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn only_what_differs_and_a_little_around_it_is_shown() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\n";
        assert_eq!(difference(old, new), ["...", " c", " d", "-e", "+E", " f", " g", " h", " i", "+j"]);
        assert_eq!(difference("x\na\ny\n", "a\nx\ny\n"), ["-x", " a", "+x", " y"]);
        assert_eq!(difference("", "a\n"), ["+a"]);
        assert!(difference("a\n", "a\n").is_empty());
    }
}
