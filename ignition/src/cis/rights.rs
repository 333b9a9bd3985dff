//! Rights that roles among the applied objects give. Roles that the API server makes by itself are not objects of a tree.

use super::applied::{Applied, Object};
use super::outcome::{Fault, Outcome};
use serde_json::Value;

/// A right that few should have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right {
    /// The API group, `""` for the core one.
    pub(super) group: &'static str,
    /// The resource, with its part after a `/`.
    pub(super) resource: &'static str,
    /// Any of these verbs.
    pub(super) verbs: &'static [&'static str],
}

/// No role may give any of the rights.
pub(super) fn judge(applied: &Applied, rights: &[Right]) -> Outcome {
    let faults = roles(applied).flat_map(|role| {
        let given = rights.iter().filter(|right| role.list("rules").iter().any(|rule| right.is_given_by(rule)));
        given.map(|right| Fault::new(&role.path, format!("{} may {}", role.title(), right.words()), "nobody may"))
    });
    faults.collect()
}

/// Roles with wildcards: they give rights on what nobody has thought of yet.
pub(super) fn wildcards(applied: &Applied) -> Outcome {
    let faults = roles(applied).flat_map(|role| {
        let keys = ["apiGroups", "resources", "verbs", "nonResourceURLs"];
        let used = keys.into_iter().filter(|key| role.list("rules").iter().any(|rule| has(&rule[*key], &["*"])));
        used.map(|key| Fault::new(&role.path, format!("{} has * among its {key}", role.title()), "names instead of *"))
    });
    faults.collect()
}

/// Bindings to `cluster-admin`.
pub(super) fn administrators(applied: &Applied) -> Outcome {
    let given = bindings(applied).filter(|binding| binding.value["roleRef"]["name"] == "cluster-admin");
    given
        .map(|binding| Fault::new(&binding.path, format!("{} binds cluster-admin", binding.title()), "a smaller role"))
        .collect()
}

/// Whether anything binds a role to a subject of that kind.
pub(super) fn is_bound(applied: &Applied, kind: &str, namespace: Option<&str>, name: &str) -> bool {
    bindings(applied).any(|binding| {
        let of_binding = binding.namespace();
        binding.list("subjects").iter().any(|subject| {
            let its_namespace = subject["namespace"].as_str().unwrap_or(of_binding);
            subject["kind"] == kind && subject["name"] == name && namespace.is_none_or(|wanted| wanted == its_namespace)
        })
    })
}

/// `RoleBinding`s and `ClusterRoleBinding`s.
pub(super) fn bindings(applied: &Applied) -> impl Iterator<Item = &Object> {
    applied.objects().filter(|object| matches!(object.kind(), "RoleBinding" | "ClusterRoleBinding"))
}

fn roles(applied: &Applied) -> impl Iterator<Item = &Object> {
    applied.objects().filter(|object| matches!(object.kind(), "Role" | "ClusterRole"))
}

impl Right {
    fn is_given_by(&self, rule: &Value) -> bool {
        let (resource, part) = self.resource.split_once('/').unwrap_or((self.resource, ""));
        let all_parts = format!("{resource}/*");
        let every_part = format!("*/{part}");
        let mut names = vec!["*", self.resource];
        if !part.is_empty() {
            names.extend([all_parts.as_str(), every_part.as_str()]);
        }
        has(&rule["apiGroups"], &["*", self.group])
            && has(&rule["resources"], &names)
            && (has(&rule["verbs"], &["*"]) || has(&rule["verbs"], self.verbs))
    }

    fn words(&self) -> String {
        format!("{} {}", self.verbs.join(", "), self.resource)
    }
}

/// Whether a list has one of these texts.
fn has(list: &Value, wanted: &[&str]) -> bool {
    let items = list.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().filter_map(Value::as_str).any(|item| wanted.contains(&item))
}

#[cfg(test)]
mod tests {
    use super::Right;
    use serde_json::json;

    #[test]
    fn a_right_is_given_by_name_by_part_and_by_wildcard() {
        let proxy = Right { group: "", resource: "nodes/proxy", verbs: &["get", "create"] };
        for (resources, verbs, given) in [
            (["nodes/proxy"], ["get"], true),
            (["nodes/*"], ["create"], true),
            (["*/proxy"], ["*"], true),
            (["*"], ["get"], true),
            (["nodes"], ["get"], false),
            (["nodes/metrics"], ["get"], false),
            (["nodes/proxy"], ["watch"], false),
        ] {
            let rule = json!({"apiGroups": [""], "resources": resources, "verbs": verbs});
            assert_eq!(proxy.is_given_by(&rule), given, "{rule}");
            let elsewhere = json!({"apiGroups": ["apps"], "resources": resources, "verbs": verbs});
            assert!(!proxy.is_given_by(&elsewhere), "{elsewhere}");
        }
    }
}
