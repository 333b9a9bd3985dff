//! What the machine shows on its serial console.

use std::path::Path;

/// The last lines of it, without colours; empty when it never showed anything.
pub(super) fn end(path: &Path, lines: usize) -> String {
    let bytes = fs_err::read(path).unwrap_or_default();
    let text = plain(&String::from_utf8_lossy(&bytes));
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// What it shows behind so many bytes of earlier boots, without colours.
pub(super) fn since(path: &Path, bytes: u64) -> String {
    let all = fs_err::read(path).unwrap_or_default();
    let before = usize::try_from(bytes).unwrap_or(usize::MAX).min(all.len());
    plain(&String::from_utf8_lossy(&all[before..]))
}

/// Without escape sequences (ECMA-48, 5.4) and carriage returns.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}

/// `[`, parameters, and one final byte from `@` to `~`; any other sequence has one byte.
fn skip_sequence(characters: &mut std::str::Chars<'_>) {
    if characters.next() == Some('[') {
        for character in characters.by_ref() {
            if ('@'..='~').contains(&character) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn colours_and_carriage_returns_are_taken_away_and_nothing_else() {
        assert_eq!(
            plain("[\u{1b}[0;32m  OK  \u{1b}[0m] Reached \u{1b}[0;1;39mx\u{1b}[0m.\r\nä\u{1b}cb"),
            "[  OK  ] Reached x.\näb"
        );
    }
}
