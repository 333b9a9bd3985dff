//! What is wrong with what people wrote: as data, all of it at once, each with its place and its remedy.
//!
//! [`Report`] collects problems, [`Report::render`] shows them to people and [`Report::to_json`] to programs. What is right and
//! wrong is decided elsewhere.

mod excerpt;
mod fold;
mod render;
mod report;

pub use fold::fold;
pub use render::Appearance;
pub use report::{Draft, Report, SHOWN_LIMIT};

use crate::document::{Location, Path};

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Nothing is made of a description with an error.
    Error,
    /// Worth knowing; the work goes on.
    Warning,
    /// Nothing is wrong: what a setting will do, for who wrote it.
    Note,
}

impl Severity {
    /// `error`, `warning` or `note`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind in kebab-case, such as `unknown-key`: stable, for programs and for searching.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The setting that it is about.
    pub path: Option<Path>,
    /// Where it was written.
    pub at: Option<Location>,
    /// A few words beside the marked text.
    pub label: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
    /// The text at the place may be a secret: the place is named, its text is not shown.
    pub is_secret: bool,
    /// Other places that matter, and why.
    pub notes: Vec<(Location, String)>,
}

impl Problem {
    /// A problem without place, help and notes.
    #[must_use]
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity,
            code,
            message: message.into(),
            path: None,
            at: None,
            label: None,
            help: None,
            is_secret: false,
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
