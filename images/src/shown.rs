//! Texts of strangers (servers, archives, documents), made fit for a message.
//!
//! What they say is not judged here.

/// One line without control characters, of at most 300 characters.
pub(crate) fn shown(text: &str) -> String {
    let line: String =
        text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).take(300).collect();
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that change the direction of text or hide.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_text_is_one_short_line_that_commands_no_terminal() {
        assert_eq!(shown("a\u{1b}[2J b\r\n\u{202e}c\u{9b}d"), "a [2J b c d");
        assert_eq!(shown(&"x".repeat(1 << 20)).len(), 300);
    }
}
