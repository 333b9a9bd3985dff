//! How a later layer changes an earlier one: maps merge, lists of named things merge by name, all else is replaced.
//!
//! `$patch: delete` and `$patch: replace` are Kubernetes' words for strategic merge patches.

use crate::document::{Entry, Node, Value};
use crate::problem::Report;
use std::collections::BTreeMap;

const PATCH: &str = "$patch";

/// What an item of a list asks for beside being there.
enum Directive {
    None,
    Delete,
    Replace,
}

/// `over` on top of `base`.
pub(super) fn merge(base: Node, over: Node, report: &mut Report) -> Node {
    let Node { value: over_value, at } = over;
    let value = match (base.value, over_value) {
        (Value::Mapping(base), Value::Mapping(over)) => Value::Mapping(merge_maps(base, over, report)),
        (Value::Sequence(base), Value::Sequence(over)) if is_named(&base, &over) => {
            Value::Sequence(merge_lists(base, over, report))
        }
        (_, over) => over,
    };
    Node { value, at }
}

/// A tree to which nothing will be merged any more: directives in lists that had nothing below them are carried out.
pub(super) fn finish(node: Node, report: &mut Report) -> Node {
    let value = match node.value {
        Value::Mapping(entries) => Value::Mapping(
            entries.into_iter().map(|entry| Entry { value: finish(entry.value, report), ..entry }).collect(),
        ),
        Value::Sequence(items) => {
            let has_directive = items.iter().any(|item| item.get(PATCH).is_some());
            let items = if has_directive { merge_lists(Vec::new(), items, report) } else { items };
            Value::Sequence(items.into_iter().map(|item| finish(item, report)).collect())
        }
        other => other,
    };
    Node { value, ..node }
}

/// A layer that will not be merged, for a look at its values: items that only carry a directive are left out.
pub(super) fn without_directives(node: Node) -> Node {
    let value = match node.value {
        Value::Mapping(entries) => {
            let kept = entries.into_iter().filter(|entry| entry.key != PATCH);
            Value::Mapping(kept.map(|entry| Entry { value: without_directives(entry.value), ..entry }).collect())
        }
        Value::Sequence(items) => Value::Sequence(items.into_iter().map(without_directives).collect()),
        other => other,
    };
    Node { value, ..node }
}

/// Settings that choose one of several: a later layer's choice replaces the earlier one with what belongs to it.
const CHOICES: [(&str, &[&str], &[&str]); 1] = [("dataDisk", &["id", "path", "minSize"], &["maxSize"])];

/// Takes the earlier choice out of `base` when `over` makes another one.
fn drop_former_choice(key: &str, base: &mut Node, over: &Node) {
    let Some((_, choice, belongings)) = CHOICES.iter().find(|(setting, ..)| *setting == key) else { return };
    let Value::Mapping(entries) = &mut base.value else { return };
    let chosen_anew = |chosen: &&str| over.get(chosen).is_some_and(|value| value.value != Value::Null);
    let kept = choice.iter().find(|chosen| chosen_anew(chosen));
    let differs = kept.is_some_and(|kept| entries.iter().all(|entry| entry.key != *kept));
    if differs {
        entries.retain(|entry| !choice.contains(&entry.key.as_str()) && !belongings.contains(&entry.key.as_str()));
    }
}

fn merge_maps(mut base: Vec<Entry>, over: Vec<Entry>, report: &mut Report) -> Vec<Entry> {
    let places: BTreeMap<String, usize> =
        base.iter().enumerate().map(|(index, entry)| (entry.key.clone(), index)).collect();
    for entry in over {
        match places.get(&entry.key).copied() {
            Some(index) => {
                let mut below =
                    std::mem::replace(&mut base[index].value, Node { value: Value::Null, at: entry.key_at });
                drop_former_choice(&entry.key, &mut below, &entry.value);
                base[index].value = merge(below, entry.value, report);
                base[index].key_at = entry.key_at;
            }
            None => base.push(entry),
        }
    }
    base
}

/// Whether both lists hold only named things and directives.
fn is_named(base: &[Node], over: &[Node]) -> bool {
    let named = |item: &Node| item.get("name").is_some() || item.get(PATCH).is_some();
    base.iter().chain(over).all(named) && !over.is_empty()
}

fn merge_lists(base: Vec<Node>, over: Vec<Node>, report: &mut Report) -> Vec<Node> {
    let mut list = base;
    let below = list.len();
    let mut taken = vec![false; below];
    for mut item in over {
        let directive = take_directive(&mut item, report);
        let name = item.get("name").and_then(Node::text);
        // Twice the same name in one layer stays twice, so that the checks can name both places.
        let known = name.and_then(|name| (0..below).find(|index| !taken[*index] && is_called(&list[*index], name)));
        match (directive, known) {
            (Directive::Replace, _) => {
                taken.fill(true);
                list.iter_mut().take(below).for_each(|old| old.value = Value::Null);
            }
            (Directive::Delete, Some(index)) => {
                taken[index] = true;
                list[index].value = Value::Null;
            }
            (Directive::Delete, None) => nothing_to_delete(&item, name, report),
            (Directive::None, Some(index)) => {
                taken[index] = true;
                let old = std::mem::replace(&mut list[index], Node { value: Value::Null, at: item.at });
                list[index] = merge(old, item, report);
            }
            (Directive::None, None) => list.push(item),
        }
    }
    list.retain(|item| item.value != Value::Null);
    list
}

fn is_called(item: &Node, name: &str) -> bool {
    item.get("name").and_then(Node::text) == Some(name)
}

fn take_directive(item: &mut Node, report: &mut Report) -> Directive {
    let Value::Mapping(entries) = &mut item.value else { return Directive::None };
    let Some(index) = entries.iter().position(|entry| entry.key == PATCH) else { return Directive::None };
    let entry = entries.remove(index);
    match entry.value.text() {
        Some("delete") => Directive::Delete,
        Some("replace") => Directive::Replace,
        _ => {
            let message = format!("`$patch` takes `delete` or `replace`, found {}", entry.value.value.describe());
            report
                .error_at("unknown-patch", entry.value.at, message)
                .help("`$patch: delete` beside a `name` removes one item, `- $patch: replace` replaces the list");
            Directive::None
        }
    }
}

fn nothing_to_delete(item: &Node, name: Option<&str>, report: &mut Report) {
    let message = match name {
        Some(name) => format!("nothing here is called `{name}`, so nothing can be deleted"),
        None => "`$patch: delete` needs the `name` of what to delete".to_owned(),
    };
    report.error_at("nothing-to-delete", item.at, message).help("take this item out, or correct its name");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::{Sources, parse_one, to_json};
    use std::path::Path;

    fn merged(base: &str, over: &str) -> (serde_json::Value, Vec<String>) {
        let (mut sources, mut report) = (Sources::new(), Report::new());
        let mut read = |text: &str| {
            let source = sources.add("x.yaml", "x", Path::new("."), text);
            parse_one(&sources, source, &mut report).unwrap()
        };
        let (base, over) = (read(base), read(over));
        let tree = merge(base, over, &mut report);
        let tree = finish(tree, &mut report);
        (to_json(&tree), report.problems().iter().map(|problem| problem.message.clone()).collect())
    }

    #[test]
    fn layers_merge_by_key_and_by_name() {
        let cases = [
            ("{a: 1, b: {c: 2, d: 3}}", "{b: {c: 4}, e: 5}", "{a: 1, b: {c: 4, d: 3}, e: 5}"),
            ("{a: [1, 2]}", "{a: [3]}", "{a: [3]}"),
            ("{a: {b: 1}}", "{a: 2}", "{a: 2}"),
            ("{a: 1}", "{a: ~}", "{a: ~}"),
            (
                "{n: [{name: x, v: 1}, {name: y}]}",
                "{n: [{name: z}, {name: x, w: 2}]}",
                "{n: [{name: x, v: 1, w: 2}, {name: y}, {name: z}]}",
            ),
            ("{n: [{name: x}, {name: y}]}", "{n: [{name: x, $patch: delete}]}", "{n: [{name: y}]}"),
            ("{n: [{name: x}]}", "{n: [{$patch: replace}, {name: z}]}", "{n: [{name: z}]}"),
            (
                "{}",
                "{n: [{$patch: replace}, {name: z, m: [{$patch: replace}, {name: a}]}]}",
                "{n: [{name: z, m: [{name: a}]}]}",
            ),
            ("{n: [{name: x}]}", "{n: []}", "{n: []}"),
            (
                "{dataDisk: {minSize: 1Gi, maxSize: 2Gi, filesystem: xfs}}",
                "{dataDisk: {path: /dev/sdb}}",
                "{dataDisk: {filesystem: xfs, path: /dev/sdb}}",
            ),
            (
                "{dataDisk: {minSize: 1Gi, maxSize: 2Gi}}",
                "{dataDisk: {minSize: 3Gi}}",
                "{dataDisk: {minSize: 3Gi, maxSize: 2Gi}}",
            ),
            ("{dataDisk: {minSize: 1Gi}}", "{dataDisk: {maxSize: 2Gi}}", "{dataDisk: {minSize: 1Gi, maxSize: 2Gi}}"),
        ];
        for (base, over, expected) in cases {
            let expected = merged("{}", expected).0;
            assert_eq!(merged(base, over), (expected, vec![]), "{base} + {over}");
        }
    }

    #[test]
    fn wrong_directives_are_told() {
        assert_eq!(
            merged("{n: [{name: x}]}", "{n: [{name: y, $patch: delete}]}").1,
            ["nothing here is called `y`, so nothing can be deleted"]
        );
        assert_eq!(
            merged("{n: [{name: x}]}", "{n: [{name: x, $patch: drop}]}").1,
            ["`$patch` takes `delete` or `replace`, found `drop`"]
        );
    }

    #[test]
    fn a_map_of_a_hundred_thousand_keys_merges_in_a_moment() {
        let text: String = (0..100_000).map(|key| format!("k{key}: 1\n")).collect();
        let start = std::time::Instant::now();
        merged("{a: 1}", &text);
        assert!(start.elapsed().as_secs() < 20);
    }
}
