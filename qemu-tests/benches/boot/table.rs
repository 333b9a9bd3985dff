//! Tables for people: medians with what they are the medians of, in Markdown.

use super::Boot;
use super::goals::goal;
use std::fmt::Write as _;

const MISSED: &str = " `<- missed`";

/// A way to look at a boot.
type Look = fn(&Boot) -> f64;

/// Boots of both kinds, against the goal.
pub(crate) fn boots(ours: &[Boot], theirs: &[Boot]) -> String {
    let mut text = format!(
        "| seconds from power-on to | kfimg (n = {}) | kubeadm (n = {}) | ratio | goal |\n|---|---|---|---|---|\n",
        ours.len(),
        theirs.len()
    );
    let bound = goal("P21/kubeadm").bound;
    let rows: [(&str, Look); 2] = [("API ready", |boot| boot.api), ("all nodes Ready", |boot| boot.nodes)];
    for (what, of) in rows {
        let (own, peer) = (Spread::of(ours.iter().map(of)), Spread::of(theirs.iter().map(of)));
        let ratio = own.median / peer.median;
        let missed = if bound.is_met(ratio) { "" } else { MISSED };
        let _ = writeln!(text, "| {what} | {} | {} | {ratio:.2} | {bound}{missed} |", own.text(1), peer.text(1));
    }
    text
}

/// Each of kfimg's own steps, and all of them; held against the goal only where nobody had to be waited for.
pub(crate) fn steps(ours: &[Boot], judged: bool) -> String {
    let mut text = format!("| kfimg's own step | seconds (n = {}) | goal |\n|---|---|---|\n", ours.len());
    let names = ours.first().map(|boot| boot.steps.iter().map(|(name, _)| *name)).into_iter().flatten();
    for name in names {
        let times = ours.iter().flat_map(|boot| boot.steps.iter()).filter(|(step, _)| *step == name);
        let _ = writeln!(text, "| {name} | {} | |", Spread::of(times.map(|(_, time)| *time)).text(2));
    }
    let sums = Spread::of(ours.iter().map(|boot| boot.steps.iter().map(|(_, time)| time).sum()));
    let bound = goal("P21/own").bound;
    let missed = if bound.is_met(sums.median) { "" } else { MISSED };
    let goal = if judged { format!("{bound}{missed}") } else { "waits for others".to_owned() };
    let _ = writeln!(text, "| **all together** | {} | {goal} |", sums.text(2));
    text
}

/// A median, and the least and the greatest value.
struct Spread {
    least: f64,
    median: f64,
    greatest: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(at(middle.saturating_sub(1)), at(middle))
        } else {
            at(middle)
        };
        Self { least: at(0), median, greatest: at(values.len().saturating_sub(1)) }
    }

    fn text(&self, digits: usize) -> String {
        format!("{:.digits$} ({:.digits$}–{:.digits$})", self.median, self.least, self.greatest)
    }
}
