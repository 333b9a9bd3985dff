//! Writing anew what lies encrypted in etcd, so that nothing needs a key that goes: the commands, for people to run.
//!
//! An API server stores an object that is replaced by itself only where another key encrypts it than the one in use; so this changes
//! nothing else. Source: <https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/>.

/// The commands for these resources of `apiServer.encryption`: one for all that have a name, one for each group of which all are.
pub(crate) fn commands(resources: &[String]) -> Vec<String> {
    let (groups, named): (Vec<&String>, Vec<&String>) = resources.iter().partition(|name| name.starts_with("*."));
    let named = named.into_iter().map(String::as_str).collect::<Vec<_>>().join(",");
    let named = (!named.is_empty()).then_some(named);
    named.into_iter().chain(groups.into_iter().map(|group| of_group(group))).map(|what| replace(&what)).collect()
}

/// The same in a sentence.
pub(crate) fn quoted(resources: &[String]) -> String {
    format!("`{}`", commands(resources).join("`, `"))
}

fn replace(what: &str) -> String {
    format!("kubectl get {what} --all-namespaces -o json | kubectl replace -f -")
}

/// Whatever can be listed and replaced of a group: `*.apps`, `*.` for the core one, `*.*` for all. Events are in two groups, and
/// those of most components are valid in the core one alone.
fn of_group(wildcard: &str) -> String {
    let (option, less) = match wildcard.trim_start_matches("*.") {
        "*" => (String::new(), " | grep -vx events.events.k8s.io"),
        group => (format!(" --api-group='{group}'"), ""),
    };
    format!("\"$(kubectl api-resources{option} --verbs=list,update -o name{less} | paste -sd, -)\"")
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn every_encrypted_resource_is_named() {
        let all = |option: &str, less: &str| {
            format!(
                "kubectl get \"$(kubectl api-resources{option} --verbs=list,update -o name{less} | paste -sd, -)\" --all-namespaces -o json | kubectl replace -f -"
            )
        };
        let one = "kubectl get secrets --all-namespaces -o json | kubectl replace -f -".to_owned();
        let two = "kubectl get secrets,gates.example.com --all-namespaces -o json | kubectl replace -f -".to_owned();
        let cases: [(&[&str], Vec<String>); 4] = [
            (&["secrets"], vec![one]),
            (&["secrets", "*.apps", "gates.example.com"], vec![two, all(" --api-group='apps'", "")]),
            (&["*."], vec![all(" --api-group=''", "")]),
            (&["*.*"], vec![all("", " | grep -vx events.events.k8s.io")]),
        ];
        for (resources, expected) in cases {
            let resources: Vec<String> = resources.iter().map(ToString::to_string).collect();
            assert_eq!(commands(&resources), expected, "{resources:?}");
        }
    }
}
