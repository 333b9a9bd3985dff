//! Writing HTML and SVG: what comes from outside is escaped, what is not kfimg's own text has no other way in. `build.html` and
//! `report.html` are written by it.

mod page;

pub use page::{Page, Section};

use std::fmt::{self, Display, Write};

/// A text that grows.
#[derive(Clone, Debug, Default)]
pub struct Html(String);

/// Escapes while it writes.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // HTML has no way to write control characters (<https://html.spec.whatwg.org/#valid-character-references>),
                // and what turns the direction of text would let a name pass for another one (UAX #9, section 2).
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                character if character.is_control() && character != '\n' => self.0.push('\u{fffd}'),
                character => self.0.push(character),
            }
        }
        Ok(())
    }
}

/// Names and values of attributes.
pub type Attributes<'a> = &'a [(&'static str, &'a dyn Display)];

impl Html {
    /// kfimg's own markup; nothing else is `'static`.
    pub fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Text.
    pub fn text(&mut self, text: impl Display) {
        let written = write!(Escaped(&mut self.0), "{text}");
        written.expect("writing into memory cannot fail");
    }

    /// The start of an element.
    pub fn open(&mut self, element: &'static str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(element);
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            self.text(value);
            self.0.push('"');
        }
        self.0.push('>');
    }

    /// The end of an element.
    pub fn close(&mut self, element: &'static str) {
        self.0.push_str("</");
        self.0.push_str(element);
        self.0.push('>');
    }

    /// An element with text in it.
    pub fn element(&mut self, element: &'static str, attributes: Attributes<'_>, text: impl Display) {
        self.open(element, attributes);
        self.text(text);
        self.close(element);
    }

    /// An element with anything in it.
    pub fn nest(&mut self, element: &'static str, attributes: Attributes<'_>, inner: impl FnOnce(&mut Self)) {
        self.open(element, attributes);
        inner(self);
        self.close(element);
        self.0.push('\n');
    }

    /// The whole text.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Html;

    #[test]
    fn whatever_comes_from_outside_is_text() {
        let hostile = "<script>\"&'\u{1b}\u{202e}</script>";
        let mut html = Html::default();
        html.nest("p", &[("title", &hostile), ("data-n", &7)], |html| html.text(hostile));
        let escaped = "&lt;script&gt;&quot;&amp;&#39;\u{fffd}\u{fffd}&lt;/script&gt;";
        assert_eq!(html.finish(), format!("<p title=\"{escaped}\" data-n=\"7\">{escaped}</p>\n"));
    }
}
