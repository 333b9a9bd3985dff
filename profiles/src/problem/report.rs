//! The collection of problems of one run.
//!
//! It looks up places by path in the description's tree, so that checks of validated types need only name a setting.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Problem, Severity};
use crate::document::{Location, Node, Path};

/// How many problems [`Report::render`] and [`Report::to_json`] show.
pub const SHOWN_LIMIT: usize = 100;

/// All problems found so far.
#[derive(Clone, Debug, Default)]
pub struct Report {
    problems: Vec<Problem>,
    tree: Option<Arc<Node>>,
    /// Settings that could not be read and were left out: what follows from their absence is no news.
    unreadable: BTreeSet<Path>,
}

/// A problem that was reported and can still be described further. Of a problem that was dropped nothing is kept.
#[derive(Debug)]
pub struct Draft<'a> {
    problem: Option<&'a mut Problem>,
    tree: Option<&'a Node>,
}

impl Report {
    /// No problems, and no tree to look up places in.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on paths are looked up in this tree.
    pub fn set_tree(&mut self, tree: Arc<Node>) {
        self.tree = Some(tree);
    }

    /// Reports an error in a setting. An error in what could not be read, or below it, is dropped.
    pub fn error(&mut self, code: &'static str, path: impl Into<Path>, message: impl Into<String>) -> Draft<'_> {
        self.setting(Severity::Error, code, path.into(), message.into())
    }

    /// Reports a warning about a setting. A warning about what could not be read, or below it, is dropped.
    pub fn warning(&mut self, code: &'static str, path: impl Into<Path>, message: impl Into<String>) -> Draft<'_> {
        self.setting(Severity::Warning, code, path.into(), message.into())
    }

    /// Says what a setting will do. What is said of a setting that could not be read is dropped.
    pub fn remark(&mut self, code: &'static str, path: impl Into<Path>, message: impl Into<String>) -> Draft<'_> {
        self.setting(Severity::Note, code, path.into(), message.into())
    }

    /// Reports an error at a place in a text.
    pub fn error_at(&mut self, code: &'static str, at: Location, message: impl Into<String>) -> Draft<'_> {
        self.push(Problem { at: Some(at), ..Problem::new(Severity::Error, code, message) })
    }

    /// Reports a warning at a place in a text.
    pub fn warning_at(&mut self, code: &'static str, at: Location, message: impl Into<String>) -> Draft<'_> {
        self.push(Problem { at: Some(at), ..Problem::new(Severity::Warning, code, message) })
    }

    /// Adds a problem as it is.
    pub fn push(&mut self, problem: Problem) -> Draft<'_> {
        self.problems.push(problem);
        Draft { problem: self.problems.last_mut(), tree: self.tree.as_deref() }
    }

    /// Adds the problems of another report and what it could not read.
    pub fn extend(&mut self, other: Report) {
        self.problems.extend(other.problems);
        self.unreadable.extend(other.unreadable);
    }

    /// Says that a setting could not be read and counts as absent: later problems at or below it are dropped.
    pub fn mark_unreadable(&mut self, path: Path) {
        self.unreadable.insert(path);
    }

    /// Whether a setting could not be read.
    #[must_use]
    pub fn is_unreadable(&self, path: &Path) -> bool {
        if self.unreadable.is_empty() {
            return false;
        }
        let segments = path.segments();
        (0..=segments.len()).any(|length| {
            let around: Path = segments[..length].iter().cloned().collect();
            self.unreadable.contains(&around)
        })
    }

    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether an error was found.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// All problems as people read their files: by text, then by position, without repetitions; those without a place last.
    #[must_use]
    pub fn problems(&self) -> Vec<&Problem> {
        let mut sorted: Vec<&Problem> = self.problems.iter().collect();
        sorted.sort_by_key(|problem| (problem.at.is_none(), problem.at, problem.severity));
        let mut seen = BTreeSet::new();
        sorted.retain(|problem| seen.insert((problem.at, problem.code, problem.message.as_str())));
        sorted
    }

    /// How many errors and warnings [`Report::problems`] gives.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let problems = self.problems();
        let of = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
        (of(Severity::Error), of(Severity::Warning))
    }

    /// Takes the notes out, as a report of their own.
    pub fn split_notes(&mut self) -> Self {
        let (notes, problems) = self.problems.drain(..).partition(|problem| problem.severity == Severity::Note);
        self.problems = problems;
        Self { problems: notes, tree: self.tree.clone(), unreadable: BTreeSet::new() }
    }

    fn setting(&mut self, severity: Severity, code: &'static str, path: Path, message: String) -> Draft<'_> {
        if self.is_unreadable(&path) {
            return Draft { problem: None, tree: None };
        }
        let at = self.tree.as_ref().and_then(|tree| {
            // An error about what is missing at the top points to where the description begins.
            let start = tree.entries().first().filter(|_| severity == Severity::Error).map(|entry| entry.key_at);
            tree.locate(&path).or(start)
        });
        self.push(Problem { at, path: Some(path), ..Problem::new(severity, code, message) })
    }
}

impl Draft<'_> {
    fn with(mut self, change: impl FnOnce(&mut Problem, Option<&Node>)) -> Self {
        if let Some(problem) = self.problem.as_deref_mut() {
            change(problem, self.tree);
        }
        self
    }

    /// Marks the key of the setting, not its value.
    pub fn at_key(self) -> Self {
        self.with(|problem, tree| {
            let at = tree.zip(problem.path.as_ref()).and_then(|(tree, path)| tree.locate_key(path));
            problem.at = at.or(problem.at);
        })
    }

    /// A few words beside the marked text.
    pub fn label(self, label: impl Into<String>) -> Self {
        self.with(|problem, _| problem.label = Some(label.into()))
    }

    /// The text at the place may be a secret: it is not shown.
    pub fn secret(self) -> Self {
        self.with(|problem, _| problem.is_secret = true)
    }

    /// What to write instead.
    pub fn help(self, help: impl Into<String>) -> Self {
        self.with(|problem, _| problem.help = Some(help.into()))
    }

    /// Says which setting a problem at a place is about.
    pub fn about(self, path: impl Into<Path>) -> Self {
        self.with(|problem, _| problem.path = Some(path.into()))
    }

    /// Another setting that matters. It is left out when nobody wrote it.
    pub fn note(self, path: impl Into<Path>, words: impl Into<String>) -> Self {
        let path = path.into();
        self.with(|problem, tree| {
            if let Some(at) = tree.and_then(|tree| tree.at_path(&path).and_then(|_| tree.locate(&path))) {
                problem.notes.push((at, words.into()));
            }
        })
    }

    /// Another place that matters.
    pub fn note_at(self, at: Location, words: impl Into<String>) -> Self {
        self.with(|problem, _| problem.notes.push((at, words.into())))
    }
}
