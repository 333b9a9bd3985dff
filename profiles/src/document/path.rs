//! Names of places in a description: `nodes[2].address`, `nodes[master2].labels.rack`.
//!
//! A path says where to look, not whether something is there.

use std::fmt;

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A key of a map.
    Key(String),
    /// An item of a list, counted from 0.
    Index(usize),
    /// The item of a list whose `name` is this.
    Named(String),
}

/// A way from the root of a description to a value. The empty path is the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Segment>);

/// A path that cannot be read, and the bytes of it that are wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// Offset of the first wrong byte.
    pub start: usize,
    /// Offset after the last wrong byte.
    pub end: usize,
}

/// No description is deeper, so no path is longer.
const MAX_SEGMENTS: usize = 64;

impl Path {
    /// The path of the root.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a key below this one.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.with(Segment::Key(key.to_owned()))
    }

    /// The path of an item of the list at this path.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(Segment::Index(index))
    }

    /// The path of the item with a name of the list at this path.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        self.with(Segment::Named(name.to_owned()))
    }

    /// This path and one more step.
    #[must_use]
    pub fn with(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// The steps, outermost first.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The path of what holds this one; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.split_last().map(|(_, rest)| Self(rest.to_vec()))
    }

    /// Whether this path is `other` or lies around it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// Reads `a.b[0].c` and `nodes[master1].labels."example.com/rack"`. A key that holds dots, brackets or `=` stands in
    /// double quotes; a backslash in front of such a character serves as well (`labels.example\.com/rack`).
    ///
    /// # Errors
    /// Empty steps, brackets and quotes that are not closed, more than 64 steps.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (path, end) = Self::parse_prefix(text)?;
        if end < text.len() {
            return Err(error("a path ends before `=`", end, text.len()));
        }
        Ok(path)
    }

    /// Reads a path up to a `=` outside quotes and brackets, or to the end; gives the offset where it stopped.
    ///
    /// # Errors
    /// As [`Path::parse`].
    pub fn parse_prefix(text: &str) -> Result<(Self, usize), PathError> {
        let mut reader = Reader { text, at: 0 };
        let mut segments = vec![reader.key()?];
        while let Some(next) = reader.peek() {
            match next {
                '.' => {
                    reader.at += 1;
                    segments.push(reader.key()?);
                }
                '[' => segments.push(reader.item()?),
                '=' => break,
                other => return Err(error("expected `.`, `[` or `=`", reader.at, reader.at + other.len_utf8())),
            }
            if segments.len() > MAX_SEGMENTS {
                return Err(error("a path has at most 64 steps", 0, reader.at));
            }
        }
        Ok((Self(segments), reader.at))
    }
}

fn error(message: &str, start: usize, end: usize) -> PathError {
    PathError { message: message.to_owned(), start, end }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn key(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        if self.peek() == Some('"') {
            return self.quoted().map(Segment::Key);
        }
        let mut key = String::new();
        while let Some(next) = self.peek().filter(|next| !matches!(next, '.' | '[' | ']' | '=')) {
            self.at += next.len_utf8();
            let escaped = if next == '\\' { self.next() } else { None };
            key.push(escaped.unwrap_or(next));
        }
        if key.is_empty() {
            return Err(error("expected the name of a setting", start, (start + 1).min(self.text.len())));
        }
        Ok(Segment::Key(key))
    }

    fn item(&mut self) -> Result<Segment, PathError> {
        let start = self.at;
        self.at += 1;
        let rest = &self.text[self.at..];
        let Some(length) = rest.find(']') else {
            return Err(error("this bracket is not closed", start, self.text.len()));
        };
        let inside = &rest[..length];
        self.at += length + 1;
        if inside.is_empty() {
            return Err(error("expected a number or a name inside the brackets", start, self.at));
        }
        if !inside.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Segment::Named(inside.to_owned()));
        }
        let number = inside.parse().map_err(|_| error("this number is too large", start + 1, self.at - 1))?;
        Ok(Segment::Index(number))
    }

    fn quoted(&mut self) -> Result<String, PathError> {
        let start = self.at;
        self.at += 1;
        let Some(length) = self.text[self.at..].find('"') else {
            return Err(error("this quote is not closed", start, self.text.len()));
        };
        let inside = self.text[self.at..self.at + length].to_owned();
        self.at += length + 1;
        Ok(inside)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) => {
                    let dot = if position == 0 { "" } else { "." };
                    let quote = if key.is_empty() || key.contains(['.', '[', ']', '=', '"', '\\']) { "\"" } else { "" };
                    write!(f, "{dot}{quote}{key}{quote}")?;
                }
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Named(name) => write!(f, "[{name}]")?,
            }
        }
        Ok(())
    }
}

/// For paths that a program writes; text that is no path becomes one key.
impl From<&str> for Path {
    fn from(text: &str) -> Self {
        if text.is_empty() {
            return Self::root();
        }
        Self::parse(text).unwrap_or_else(|_| Self(vec![Segment::Key(text.to_owned())]))
    }
}

impl From<String> for Path {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<&Path> for Path {
    fn from(path: &Path) -> Self {
        path.clone()
    }
}

impl FromIterator<Segment> for Path {
    fn from_iter<I: IntoIterator<Item = Segment>>(segments: I) -> Self {
        Self(segments.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_back_as_written() {
        for text in
            ["a", "a.b[0].c", "nodes[master1].labels.\"example.com/rack\"", "a[1][2]", "a.\"\".b", "nodes[a.b].x"]
        {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Path::parse(r"labels.example\.com/rack").unwrap(),
            Path::root().key("labels").key("example.com/rack")
        );
        assert_eq!(Path::parse_prefix("a.b=c=d").unwrap(), (Path::from("a.b"), 3));
    }

    #[test]
    fn wrong_paths_name_the_wrong_bytes() {
        for (text, start, end) in [
            ("", 0, 0),
            ("a..b", 2, 3),
            ("a[", 1, 2),
            ("a[]", 1, 3),
            ("a[0]b", 4, 5),
            ("\"a", 0, 2),
            ("a=b", 1, 3),
            ("=x", 0, 1),
        ] {
            let wrong = Path::parse(text).unwrap_err();
            assert_eq!((wrong.start, wrong.end), (start, end), "{text}: {wrong}");
        }
        assert!(Path::parse(&"a.".repeat(100)).is_err());
    }
}
