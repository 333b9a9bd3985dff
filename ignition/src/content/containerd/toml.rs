//! Texts for TOML 1.0 files.

use std::fmt::Write as _;

/// A basic string with its quotes (TOML 1.0, "String").
pub(super) fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// An array of basic strings on one line.
pub(super) fn array(texts: &[&str]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::string;

    #[test]
    fn no_text_ends_its_own_string() {
        let cases = [
            ("overlayfs", r#""overlayfs""#),
            (r#"a"b\c"#, r#""a\"b\\c""#),
            ("a\nb\u{7f}", "\"a\\u000Ab\\u007F\""),
            ("ä", "\"ä\""),
        ];
        for (text, expected) in cases {
            assert_eq!(string(text), expected);
        }
    }
}
