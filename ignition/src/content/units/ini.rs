//! Text in systemd's form: sections with `Key=value` lines (`systemd.syntax(7)`).
//!
//! It knows no key. A value that would end its line, or run on into the next one, is refused when the text is finished,
//! so that no value of a description can add a setting of its own.

use crate::content::ContentError;
use std::fmt::{Display, Write as _};

/// A text that grows section by section.
#[derive(Debug, Default)]
pub(in crate::content) struct Ini {
    text: String,
    fault: Option<String>,
}

impl Ini {
    /// An empty text.
    pub(in crate::content) fn new() -> Self {
        Self::default()
    }

    /// Opens a section.
    pub(in crate::content) fn section(mut self, name: &str) -> Self {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}[{name}]");
        self
    }

    /// One setting.
    pub(in crate::content) fn key(mut self, key: &str, value: impl Display) -> Self {
        let value = value.to_string();
        if self.fault.is_none() && (value.contains(char::is_control) || value.ends_with('\\')) {
            self.fault = Some(format!("{key}: {value:?} is not one line"));
        }
        let _ = writeln!(self.text, "{key}={value}");
        self
    }

    /// The same setting once for each value.
    pub(in crate::content) fn keys(self, key: &str, values: impl IntoIterator<Item = impl Display>) -> Self {
        values.into_iter().fold(self, |ini, value| ini.key(key, value))
    }

    /// A setting that is left out without a value.
    pub(in crate::content) fn optional(self, key: &str, value: Option<impl Display>) -> Self {
        self.keys(key, value)
    }

    /// A command line, one argument a line: `%`, `$`, quotes and blanks in it reach the program as they stand.
    pub(in crate::content) fn command(mut self, key: &str, arguments: &[String]) -> Self {
        let quoted: Vec<String> = arguments.iter().map(|argument| quote(argument)).collect();
        let _ = writeln!(self.text, "{key}={}", quoted.join(" \\\n    "));
        self
    }

    /// The text of `path`.
    ///
    /// # Errors
    /// [`ContentError::Format`] when a value was not one line.
    pub(in crate::content) fn finish(self, path: &str) -> Result<String, ContentError> {
        match self.fault {
            None => Ok(self.text),
            Some(reason) => Err(ContentError::Format { path: path.to_owned(), reason }),
        }
    }
}

/// One word of a command line (`systemd.service(5)`, "Command lines"): specifiers and variables are doubled, the rest is
/// put between quotes where it is no plain word.
fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+[]*".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    let mut text = String::from("\"");
    for c in argument.chars() {
        match c {
            '%' | '$' => text.extend([c, c]),
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => text.push(c),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::{Ini, quote};

    #[test]
    fn no_value_can_add_a_line() {
        for value in ["a\nExecStart=/bin/sh", "a\rb", "a\\"] {
            let error = Ini::new().section("Network").key("Domains", value).finish("/x").unwrap_err().to_string();
            assert!(error.starts_with("writing /x: Domains: "), "{error}");
        }
    }

    #[test]
    fn sections_stand_apart() {
        let text = Ini::new().section("A").key("B", 1).section("C").keys("D", ["x", "y"]).finish("/x");
        assert_eq!(text.unwrap(), "[A]\nB=1\n\n[C]\nD=x\nD=y\n");
    }

    #[test]
    fn arguments_reach_the_program_as_they_stand() {
        let cases = [
            ("--node-ip=10.0.0.1,fd00::1", "--node-ip=10.0.0.1,fd00::1"),
            ("", r#""""#),
            ("--a=50%", r#""--a=50%%""#),
            ("--a=$HOME", r#""--a=$$HOME""#),
            ("--a=b c", r#""--a=b c""#),
            (r#"--a="\"#, r#""--a=\"\\""#),
            ("--a=b;c", r#""--a=b;c""#),
            ("--a=b\nc", r#""--a=b\u000ac""#),
        ];
        for (argument, expected) in cases {
            assert_eq!(quote(argument), expected, "{argument}");
        }
    }
}
