//! Trees to Rust types, with every problem reported at its place.
//!
//! Serde stops at the first failure. So a value that fails is reported and left out, and decoding starts again, until it
//! succeeds or there are too many problems. Unknown keys are reported and passed over.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::deserializer::Deserializer;
use super::failure::{Cause, FailedValue, Failure, Identity, identity};
use super::node::{Entry, Node, Value};
use super::path::{Path, Segment};
use super::source::{Location, Sources};
use super::suggest::did_you_mean;
use crate::problem::Report;

/// After so many wrong values decoding gives up, says so as the hundredth problem, and gives the default.
pub const DECODE_PROBLEM_LIMIT: usize = 99;

/// After so many wrong values items of a list are no more looked at one by one.
const ITEM_PROBLEM_LIMIT: usize = 10_000;

/// More unknown keys than this are not looked at one by one; far fewer are shown.
const UNKNOWN_KEY_LIMIT: usize = 1000;

/// What one attempt to decode knows and learns.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The path of the value that is being decoded.
    pub(super) path: RefCell<Vec<Segment>>,
    /// Values that failed before.
    verdicts: BTreeMap<Identity, Verdict>,
    /// Where such values were passed over in this attempt.
    passed_over: RefCell<Vec<Path>>,
    /// Keys that no setting has, by the places where they were written.
    unknown: RefCell<BTreeMap<Location, UnknownKey>>,
}

/// What is done with a value that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts as nothing, so that the items after it in a list keep their places.
    Nothing,
    /// It counts as absent.
    Absent,
}

#[derive(Debug)]
pub(super) struct UnknownKey {
    path: Path,
    known: &'static [&'static str],
}

impl Context {
    pub(super) fn verdict(&self, node: &Node) -> Option<Verdict> {
        self.verdicts.get(&identity(node)).copied()
    }

    pub(super) fn unknown_key(&self, entry: &Entry, known: &'static [&'static str]) {
        if self.unknown.borrow().len() >= UNKNOWN_KEY_LIMIT {
            return;
        }
        let unknown = || UnknownKey { path: self.here().key(&entry.key), known };
        self.unknown.borrow_mut().entry(entry.key_at).or_insert_with(unknown);
    }

    /// Whether a value counts as absent at this step below the current path.
    pub(super) fn passes_over(&self, node: &Node, segment: &Segment) -> bool {
        let Some(verdict) = self.verdict(node) else { return false };
        let in_list = matches!(segment, Segment::Index(_));
        let absent = verdict == Verdict::Absent || !in_list;
        // When an item is left out, the items after it no longer stand where they were written.
        let path = if absent && in_list { self.here() } else { self.here().with(segment.clone()) };
        self.passed_over.borrow_mut().push(path);
        absent
    }

    fn here(&self) -> Path {
        self.path.borrow().iter().cloned().collect()
    }

    /// Notes at which value a failure arose, unless a value inside it is to blame.
    pub(super) fn blame(&self, mut failure: Failure, node: &Node, in_list: bool) -> Failure {
        if failure.value.is_none() {
            if let Cause::Unparsed(expected) = failure.cause {
                failure = Failure::expected(expected, node);
            }
            failure.value = Some(FailedValue { identity: identity(node), path: self.here(), at: node.at, in_list });
        }
        failure
    }
}

/// Decodes a node. What could not be read is reported and has its default; unknown keys are reported.
///
/// Text takes any scalar as it was written (`1.36`, `012`, `no`), truth values are `true` and `false` without quotes, whole
/// numbers are decimal. Nothing (`null`) is `None` or the default.
pub fn decode<T: DeserializeOwned + Default>(node: &Node, _sources: &Sources, report: &mut Report) -> T {
    decode_in(Context::default(), node, report)
}

/// As [`decode`]; but the items of the list `key` at the top, which are of type `I`, are looked at one by one before. So a
/// list of a thousand machines, each of them wrong, is told from its first to its last one.
pub fn decode_with_list<T, I>(node: &Node, key: &str, _sources: &Sources, report: &mut Report) -> T
where
    T: DeserializeOwned + Default,
    I: DeserializeOwned,
{
    let mut context = Context::default();
    let mut problems = 0;
    for (index, item) in node.get(key).map(Node::items).unwrap_or_default().iter().enumerate() {
        while context.verdict(item).is_none() && problems < ITEM_PROBLEM_LIMIT {
            let here = [Segment::Key(key.to_owned()), Segment::Index(index)];
            *context.path.borrow_mut() = here.into();
            let Err(failure) = I::deserialize(Deserializer::new(item, &context)) else { break };
            let failure = context.blame(failure, item, true);
            problems += usize::from(judge(&mut context, failure, node, report));
        }
    }
    decode_in(context, node, report)
}

fn decode_in<T: DeserializeOwned + Default>(mut context: Context, node: &Node, report: &mut Report) -> T {
    let mut problems = 0;
    let decoded = loop {
        context.path.borrow_mut().clear();
        context.passed_over.borrow_mut().clear();
        let failure = match T::deserialize(Deserializer::new(node, &context)) {
            Ok(decoded) => break decoded,
            Err(failure) => context.blame(failure, node, false),
        };
        problems += usize::from(judge(&mut context, failure, node, report));
        if context.verdict(node).is_some() {
            report.mark_unreadable(Path::root());
            break T::default();
        }
        if problems >= DECODE_PROBLEM_LIMIT {
            let message = format!("stopped after {DECODE_PROBLEM_LIMIT} values that cannot be read");
            report.error("too-many-problems", Path::root(), message).help("correct these first");
            report.mark_unreadable(Path::root());
            break T::default();
        }
    };
    for (at, unknown) in context.unknown.take() {
        report_unknown(unknown, at, report);
    }
    context.passed_over.take().into_iter().for_each(|path| report.mark_unreadable(path));
    decoded
}

/// Reports a failure, unless it only follows from an earlier one, and decides what its value counts as from now on.
fn judge(context: &mut Context, failure: Failure, root: &Node, report: &mut Report) -> bool {
    let Some(failed) = failure.value else { return false };
    let earlier = context.verdicts.get(&failed.identity).copied();
    let consequence = earlier.is_some() || follows_from_absence(context, &failure.cause, &failed.path, root);
    if !consequence {
        report_failure(failure.cause, &failed, report);
    }
    match earlier {
        None if failed.in_list => context.verdicts.insert(failed.identity, Verdict::Nothing),
        None | Some(Verdict::Nothing) => context.verdicts.insert(failed.identity, Verdict::Absent),
        Some(Verdict::Absent) => give_up_around(context, &failed.path, root),
    };
    !consequence
}

/// A value that cannot be left out (the content of a choice) takes the closest value around it along.
fn give_up_around(context: &mut Context, path: &Path, root: &Node) -> Option<Verdict> {
    let around = std::iter::successors(path.parent(), Path::parent).filter_map(|path| root.at_path(&path));
    let still_there = around.map(identity).find(|known| context.verdicts.get(known) != Some(&Verdict::Absent));
    context.verdicts.insert(still_there.unwrap_or_else(|| identity(root)), Verdict::Absent)
}

fn follows_from_absence(context: &Context, cause: &Cause, path: &Path, root: &Node) -> bool {
    let Cause::Missing(key) = cause else { return false };
    let written = root.at_path(path).and_then(|node| node.get(key));
    written.is_some_and(|value| context.verdict(value).is_some())
}

fn report_failure(cause: Cause, failed: &FailedValue, report: &mut Report) {
    match cause {
        Cause::Missing(key) => {
            let message = format!("`{key}` is missing");
            let help = format!("add `{key}: …` to it: there is no default");
            report.error_at("missing-key", failed.at, message).about(failed.path.key(key)).help(help);
        }
        // Named when its value was blamed; see `Context::blame`.
        Cause::Unparsed(_) => {}
        Cause::Wrong { message, help } => {
            let draft = report.error_at("invalid-value", failed.at, message).about(failed.path.clone());
            if let Some(help) = help {
                draft.help(help);
            }
        }
    }
}

fn report_unknown(unknown: UnknownKey, at: Location, report: &mut Report) {
    let UnknownKey { path, known } = unknown;
    let Some(Segment::Key(key)) = path.segments().last() else { return };
    let message = match path.parent().filter(|around| !around.segments().is_empty()) {
        Some(around) => format!("`{around}` has no setting `{key}`"),
        None => format!("there is no setting `{key}`"),
    };
    let help = match did_you_mean(key, known.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the settings here are {}", list(known)),
    };
    report.error_at("unknown-key", at, message).about(path).help(help);
}

/// `` `a`, `b` and `c` ``, sorted.
pub(super) fn list(words: &[&str]) -> String {
    let mut quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.sort();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => "none".to_owned(),
    }
}

/// Whether a value counts as nothing where a setting is expected.
pub(super) fn counts_as_nothing(node: &Node, context: &Context) -> bool {
    node.value == Value::Null || context.verdict(node).is_some()
}
