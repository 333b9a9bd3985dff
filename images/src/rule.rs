//! A user's rule that says where objects of a kind hold images: `spec.images[*].image` of every `Gate`.
//!
//! What a rule finds is a fact. How people write it is the description's affair.

use serde_json::Value;

use crate::discovery::{Place, RemarkKind, Search};
use crate::object_path::ObjectPath;

/// Where the objects of one kind hold images.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageRule {
    /// Their `apiVersion`; `None` for any.
    pub api_version: Option<String>,
    /// Their `kind`.
    pub kind: String,
    /// The way from the object to the texts, each of which is a whole reference.
    pub path: Vec<RuleStep>,
}

/// One step into an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RuleStep {
    /// The member of that name.
    Key(String),
    /// The element at that place of a list, counted from 0.
    Index(usize),
    /// Every element of a list, or every member of an object.
    Each,
}

impl ImageRule {
    pub(crate) fn is_about(&self, api_version: &str, kind: &str) -> bool {
        self.kind == kind && self.api_version.as_ref().is_none_or(|version| version == api_version)
    }
}

/// Takes the images that a rule leads to. What is absent or null names none.
pub(crate) fn follow(search: &mut Search<'_>, steps: &[RuleStep], value: &Value, path: &ObjectPath) {
    let Some((step, rest)) = steps.split_first() else {
        return search.image(value, path, Place::Field(path.clone().into_string()));
    };
    for (child, path) in children(search, step, value, path) {
        if !child.is_null() {
            follow(search, rest, child, &path);
        }
    }
}

fn children<'a>(
    search: &mut Search<'_>,
    step: &RuleStep,
    value: &'a Value,
    path: &ObjectPath,
) -> Vec<(&'a Value, ObjectPath)> {
    match (step, value) {
        (RuleStep::Key(key), Value::Object(members)) => {
            members.get(key).map(|child| (child, path.key(key))).into_iter().collect()
        }
        (RuleStep::Index(index), Value::Array(elements)) => {
            elements.get(*index).map(|child| (child, path.index(*index))).into_iter().collect()
        }
        (RuleStep::Each, Value::Array(elements)) => {
            elements.iter().enumerate().map(|(index, child)| (child, path.index(index))).collect()
        }
        (RuleStep::Each, Value::Object(members)) => members.iter().map(|(key, child)| (child, path.key(key))).collect(),
        _ => {
            let wanted = if matches!(step, RuleStep::Key(_)) { "an object" } else { "a list" };
            search.remark(path, RemarkKind::OffRule(wanted));
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ImageRule, RuleStep};
    use crate::discovery::{Discovery, RemarkKind, Severity, discover_by};
    use serde_json::{Value, json};

    fn rule(api_version: Option<&str>, path: &[RuleStep]) -> ImageRule {
        ImageRule { api_version: api_version.map(str::to_owned), kind: "Gate".to_owned(), path: path.to_vec() }
    }

    fn key(name: &str) -> RuleStep {
        RuleStep::Key(name.to_owned())
    }

    fn gate(spec: &Value) -> Value {
        json!({"apiVersion": "example.com/v1", "kind": "Gate", "metadata": {"name": "g"}, "spec": spec})
    }

    fn told(found: &Discovery) -> Vec<String> {
        found.images.iter().map(|image| format!("{} at {}", image.reference, image.place)).collect()
    }

    #[test]
    fn what_a_rule_finds_is_a_fact_and_no_question_anymore() {
        let object = gate(&json!({"parts": [{"image": "quay.io/a:1"}, {"image": null}, {}, {"image": "b"}],
            "more": {"x": "quay.io/c:3"}, "image": "quay.io/d:4"}));
        let rules = [
            rule(None, &[key("spec"), key("parts"), RuleStep::Each, key("image")]),
            rule(Some("example.com/v1"), &[key("spec"), key("more"), RuleStep::Each]),
            rule(Some("example.com/v2"), &[key("spec"), key("image")]),
            rule(None, &[key("spec"), key("parts"), RuleStep::Index(9), key("image")]),
        ];
        let found = discover_by(&object, &rules);
        let expected = [
            "quay.io/a:1 at field spec.parts[0].image",
            "docker.io/library/b:latest at field spec.parts[3].image",
            "quay.io/c:3 at field spec.more.x",
        ];
        assert_eq!(told(&found), expected);
        let questions: Vec<&str> = found
            .remarks
            .iter()
            .filter(|remark| matches!(remark.kind, RemarkKind::Likely(_)))
            .map(|remark| remark.path.as_str())
            .collect();
        assert_eq!(questions, ["spec.image"]);
    }

    #[test]
    fn items_of_a_list_have_its_version_and_built_in_kinds_may_have_rules() {
        let list = json!({"apiVersion": "example.com/v1", "kind": "GateList", "items": [
            {"metadata": {"name": "g"}, "spec": {"image": "quay.io/a:1"}}]});
        let rules = [rule(Some("example.com/v1"), &[key("spec"), key("image")])];
        assert_eq!(told(&discover_by(&list, &rules)), ["quay.io/a:1 at field items[0].spec.image"]);
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"image": "a:1"}});
        let rules = [ImageRule { kind: "ConfigMap".to_owned(), ..rule(None, &[key("data"), key("image")]) }];
        assert_eq!(told(&discover_by(&map, &rules)), ["docker.io/library/a:1 at field data.image"]);
    }

    #[test]
    fn a_rule_about_a_kind_that_is_called_a_list_is_followed() {
        let object = json!({"apiVersion": "example.com/v1", "kind": "GateList", "items": [{"image": "quay.io/a:1"}]});
        let path = vec![key("items"), RuleStep::Each, key("image")];
        let rules = [ImageRule { kind: "GateList".to_owned(), ..rule(None, &path) }];
        assert_eq!(told(&discover_by(&object, &rules)), ["quay.io/a:1 at field items[0].image"]);
    }

    #[test]
    fn a_rule_that_does_not_fit_an_object_is_an_error() {
        for (spec, path, message) in [
            (json!({"image": 5}), vec![key("image")], "spec.image: is not a text"),
            (json!({"image": "a b"}), vec![key("image")], "spec.image: "),
            (json!({"parts": [{}]}), vec![key("parts"), key("image")], "spec.parts: is not an object"),
            (json!({"parts": "x"}), vec![key("parts"), RuleStep::Each], "spec.parts: is not a list"),
        ] {
            let rules = [rule(None, &[vec![key("spec")], path].concat())];
            let found = discover_by(&gate(&spec), &rules);
            let wrong: Vec<_> = found.remarks.iter().filter(|one| one.severity() == Severity::Error).collect();
            assert_eq!(wrong.len(), 1, "{found:?}");
            assert!(wrong[0].to_string().contains(message), "{}", wrong[0]);
        }
    }
}
