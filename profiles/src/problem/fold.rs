//! Lines that are broken where a word ends, for terminals: they would break them anywhere.
//!
//! Colours (`ESC [ … m`) take no room. What is one word stays one.

/// The line in as many lines as the width asks for; those that follow begin with `indent` spaces.
#[must_use]
pub fn fold(line: &str, width: usize, indent: usize) -> String {
    let mut folded = String::with_capacity(line.len());
    let (mut column, mut is_first) = (0, true);
    for word in line.split_inclusive(' ') {
        let (all, bare) = (columns(word), columns(word.trim_end()));
        if column + bare > width && !is_first {
            folded.truncate(folded.trim_end_matches(' ').len());
            folded.push('\n');
            folded.push_str(&" ".repeat(indent));
            column = indent;
        }
        folded.push_str(word);
        column += all;
        // Spaces in front of the first word are no place to break.
        is_first = is_first && bare == 0;
    }
    folded
}

/// Columns that a text takes.
fn columns(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().unwrap_or_default().chars().count();
    plain + parts.map(|part| part.split_once('m').map_or(part, |(_, rest)| rest).chars().count()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(fold("error: one two three", 13, 2), "error: one\n  two three");
        assert_eq!(fold("error: one two three", 20, 2), "error: one two three");
        assert_eq!(fold("   = help: one two", 14, 11), "   = help: one\n           two");
        assert_eq!(fold("a-word-that-is-too-long x", 10, 2), "a-word-that-is-too-long\n  x");
        assert_eq!(fold("", 10, 2), "");
    }

    #[test]
    fn colours_take_no_room() {
        let red = "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: one two";
        assert_eq!(fold(red, 14, 2), red);
        assert_eq!(fold(red, 13, 2), "\u{1b}[1m\u{1b}[31merror\u{1b}[0m: one\n  two");
    }
}
