//! Objects that the agent applies: kfimg's addons and the user's own. Their images are told with the node's images.
//!
//! Of the user's objects only the names of settings are told, and of a Secret nothing but that it changed.

use super::named;
use crate::diff::change::{Change, Topic, What};
use crate::diff::settings::{self, Setting, Settings, flatten};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// With more changed settings an object is only counted.
const MOST: usize = 6;

/// What differs between two lists of objects; an empty text has none.
pub(super) fn changes(file: &str, old: &str, new: &str) -> Vec<Change> {
    let (old, new) = (objects(old), objects(new));
    let is_users = file.contains("-user-");
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().flat_map(|name| object(name, old.get(name), new.get(name), is_users)).collect()
}

/// Objects by kind and name.
fn objects(text: &str) -> BTreeMap<String, Value> {
    let list: Value = serde_json::from_str(text).unwrap_or_default();
    let items = list["items"].as_array().cloned().unwrap_or_default();
    let name = |object: &Value| {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, metadata) = (word(&object["kind"]), &object["metadata"]);
        match metadata["namespace"].as_str() {
            Some(namespace) => format!("{kind} {namespace}/{}", word(&metadata["name"])),
            None => format!("{kind} {}", word(&metadata["name"])),
        }
    };
    items.into_iter().map(|object| (name(&object), object)).collect()
}

fn object(name: &str, old: Option<&Value>, new: Option<&Value>, is_users: bool) -> Vec<Change> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) if old == new => return Vec::new(),
        (Some(old), Some(new)) => (old, new),
        (None, _) => return vec![Change::new(Topic::Addons, name, "", What::Added { to: None })],
        (_, None) => return vec![Change::new(Topic::Addons, name, "", What::Removed { from: None })],
    };
    if old["kind"] == "Secret" {
        return vec![Change::new(Topic::Addons, name, "", What::Replaced)];
    }
    let mut changes = settings::compare(&told(old, is_users), &told(new, is_users));
    if is_users {
        changes.iter_mut().for_each(|(_, what)| *what = What::Replaced);
    }
    let counted = changes.len();
    match counted {
        0 => Vec::new(),
        1..=MOST => named(Topic::Addons, name, changes),
        _ => vec![Change::new(Topic::Addons, name, format!("{counted} settings"), What::Replaced)],
    }
}

/// The settings of an object that are not told elsewhere. Texts of kfimg's ConfigMaps are taken apart.
fn told(object: &Value, is_users: bool) -> Settings {
    let mut settings = Settings::new();
    for (name, setting) in flatten(object) {
        if name.ends_with("].image") || name.ends_with("annotations.kfimg/config-sha256") {
            continue;
        }
        let text = name.strip_prefix("data.").filter(|_| object["kind"] == "ConfigMap" && !is_users);
        match (text, setting) {
            (Some(key), Setting::One(text)) if text.contains('\n') => {
                let inner = settings::yaml(&text).filter(Value::is_object).map(|value| flatten(&value));
                let inner = inner.unwrap_or_else(|| [(String::new(), Setting::One(text.clone()))].into());
                settings.extend(
                    inner.into_iter().map(|(name, setting)| (format!("{key} {name}").trim_end().to_owned(), setting)),
                );
            }
            (_, setting) => {
                settings.insert(name.strip_prefix("spec.").unwrap_or(&name).to_owned(), setting);
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::changes;
    use serde_json::{Value, json};

    fn list(items: &[Value]) -> String {
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
    }

    fn words(file: &str, old: &[Value], new: &[Value]) -> Vec<String> {
        changes(file, &list(old), &list(new))
            .iter()
            .map(|change| format!("{} {}: {:?}", change.subject, change.name, change.what))
            .collect()
    }

    fn config(text: &str) -> Value {
        json!({"kind": "ConfigMap", "metadata": {"name": "p", "namespace": "n"}, "data": {"c": text}})
    }

    #[test]
    fn the_texts_of_own_config_maps_are_taken_apart_and_those_of_users_are_not() {
        let (old, new) = ([config("a: 1\nb: 2\n")], [config("a: 3\nb: 2\n")]);
        assert_eq!(words("10-kube-proxy.json", &old, &new), [r#"ConfigMap n/p c a: Changed { from: "1", to: "3" }"#]);
        assert_eq!(words("50-user-01.json", &old, &new), ["ConfigMap n/p data.c: Replaced"]);
    }

    #[test]
    fn nothing_of_a_secret_is_told() {
        let secret =
            |text: &str| json!({"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"password": text}});
        assert_eq!(words("50-user-01.json", &[secret("a")], &[secret("b")]), ["Secret s : Replaced"]);
        assert_eq!(words("50-user-01.json", &[], &[secret("b")]), ["Secret s : Added { to: None }"]);
    }

    #[test]
    fn images_are_told_elsewhere_and_many_settings_are_counted() {
        let deployment = |image: &str, number: usize| {
            let labels: Value = (0..8).map(|index| (format!("l{index}"), json!(number.to_string()))).collect();
            json!({"kind": "Deployment", "metadata": {"name": "d", "labels": labels}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}})
        };
        assert!(words("x", &[deployment("a", 1)], &[deployment("b", 1)]).is_empty());
        assert_eq!(words("x", &[deployment("a", 1)], &[deployment("a", 2)]), ["Deployment d 8 settings: Replaced"]);
    }
}
