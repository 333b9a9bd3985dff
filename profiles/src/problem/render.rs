//! Problems drawn as rustc draws them, and as JSON.
//!
//! Colour and width are chosen by the caller, who knows the terminal.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Message, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use super::excerpt::{Excerpt, excerpt, harmless};
use super::fold::fold;
use super::{Problem, Report, SHOWN_LIMIT, Severity};
use crate::document::{Location, Sources};

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appearance {
    /// Whether to use ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
    /// Whether sentences are broken at that width. Files and pipes want them whole.
    pub fold: bool,
}

impl Default for Appearance {
    fn default() -> Self {
        Self { color: false, width: 120, fold: false }
    }
}

impl Report {
    /// All problems for people, an empty line between them, the first 100 of them.
    #[must_use]
    pub fn render(&self, sources: &Sources, appearance: Appearance) -> String {
        let renderer = if appearance.color { Renderer::styled() } else { Renderer::plain() };
        let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(appearance.width.max(40));
        let problems = self.problems();
        let mut text = String::new();
        for problem in problems.iter().take(SHOWN_LIMIT) {
            let drawn = renderer.render(&[draw(problem, sources, appearance.width)]);
            drawn.lines().filter(|line| !is_empty_origin(line)).for_each(|line| {
                text.push_str(&if appearance.fold { sentence(line, appearance.width) } else { line.to_owned() });
                text.push('\n');
            });
            text.push('\n');
        }
        if problems.len() > SHOWN_LIMIT {
            let more = problems.len() - SHOWN_LIMIT;
            text.push_str(&format!("and {more} more problem{}\n\n", if more == 1 { "" } else { "s" }));
        }
        text.truncate(text.trim_end().len());
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }

    /// All problems for programs: `{"problems": [{severity, code, message, path, file, line, column, help, notes}], "more": 0}`,
    /// the first 100 of them; `line` and `column` are counted from 1, columns in characters.
    #[must_use]
    pub fn to_json(&self, sources: &Sources) -> Value {
        let problems = self.problems();
        let shown: Vec<Value> = problems.iter().take(SHOWN_LIMIT).map(|problem| object(problem, sources)).collect();
        json!({ "problems": shown, "more": problems.len().saturating_sub(SHOWN_LIMIT) })
    }
}

/// Whether a line is the renderer's mark of another file without the file: it draws one before a cropped excerpt, whose
/// place is named above it.
fn is_empty_origin(line: &str) -> bool {
    visible(line).trim() == ":::"
}

/// The line, folded if it is a sentence: a title or a help. What is drawn stays as it is.
fn sentence(line: &str, width: usize) -> String {
    let visible = visible(line);
    let is_title =
        [Severity::Error, Severity::Warning, Severity::Note].iter().any(|one| visible.starts_with(one.word()));
    match visible.find("= help: ") {
        Some(at) => fold(line, width, at + "= help: ".len()),
        None if is_title => fold(line, width, 2),
        None => line.to_owned(),
    }
}

/// The line without colours.
fn visible(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut visible = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| visible.push_str(part.split_once('m').map_or(part, |(_, rest)| rest)));
    visible
}

/// Columns of a line that are not its text.
const FRAME: usize = 10;

fn draw<'a>(problem: &'a Problem, sources: &'a Sources, width: usize) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(harmless(&problem.message)).id(problem.code);
    // Line number and frame stand to the left of the text, and on both sides the marks of what was left out.
    let room = width.saturating_sub(FRAME);
    let mut elements: Vec<Element<'a>> = Vec::new();
    if let Some(at) = problem.at {
        let found = excerpt(sources, at, room, problem.label.as_deref().unwrap_or_default());
        if problem.is_secret {
            elements.push(origin(sources, at, &found).into());
        } else {
            let label = problem.label.as_deref().map(harmless);
            show(&mut elements, sources, found, (at, AnnotationKind::Primary, label));
        }
    }
    for (at, words) in &problem.notes {
        let label = Some(harmless(words));
        show(&mut elements, sources, excerpt(sources, *at, room, words), (*at, AnnotationKind::Context, label));
    }
    if let Some(help) = &problem.help {
        let message: Message<'a> = Level::HELP.message(harmless(help));
        elements.push(message.into());
    }
    title.elements(elements)
}

fn origin<'a>(sources: &Sources, at: Location, found: &Excerpt) -> Origin<'a> {
    Origin::path(harmless(&sources.get(at.source).name)).line(found.line).char_column(found.column)
}

fn show(
    elements: &mut Vec<Element<'_>>,
    sources: &Sources,
    found: Excerpt,
    (at, kind, label): (Location, AnnotationKind, Option<String>),
) {
    let origin = origin(sources, at, &found);
    let is_cropped = found.is_cropped;
    let snippet = Snippet::source(found.text).line_start(found.line).annotation(kind.span(found.marked).label(label));
    if is_cropped {
        // The renderer would count the column in what is left of the line.
        elements.push(origin.into());
        elements.push(snippet.into());
    } else {
        elements.push(snippet.path(harmless(&sources.get(at.source).name)).into());
    }
}

fn object(problem: &Problem, sources: &Sources) -> Value {
    let mut object = json!({
        "severity": problem.severity.word(),
        "code": problem.code,
        "message": problem.message,
        "path": problem.path.as_ref().map(ToString::to_string),
        "help": problem.help,
        "notes": problem.notes.iter().map(|(at, words)| place(*at, sources, Some(words))).collect::<Vec<_>>(),
    });
    let place =
        problem.at.map_or_else(|| json!({"file": null, "line": null, "column": null}), |at| place(at, sources, None));
    if let (Value::Object(object), Value::Object(place)) = (&mut object, place) {
        object.extend(place);
    }
    object
}

fn place(at: Location, sources: &Sources, message: Option<&str>) -> Value {
    let (line, column) = sources.line_column(at);
    let file = &sources.get(at.source).name;
    match message {
        Some(message) => json!({"file": file, "line": line, "column": column, "message": message}),
        None => json!({"file": file, "line": line, "column": column}),
    }
}
