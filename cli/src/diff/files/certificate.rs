//! Certificates, keys, kubeconfigs and encryption keys: what they say, never what they are.

use super::named;
use crate::diff::change::{Change, Topic, What};
use crate::diff::settings::{self, Setting, Settings, flatten};
use data_encoding::BASE64;
use jiff::Timestamp;
use kfimg_pki::facts::{self, Facts};
use serde_json::Value;

/// The name of a change of a key.
pub(in crate::diff) const KEY: &str = "key";

/// What differs between two PEM files: certificates, keys, or both.
pub(super) fn pem(subject: &str, old: &str, new: &str) -> Vec<Change> {
    let [old_facts, new_facts] = [old, new].map(|text| facts::read(text.as_bytes()).unwrap_or_default());
    match (old_facts.split_first(), new_facts.split_first()) {
        (Some(old), Some(new)) => named(Topic::Certificates, subject, compare_chains(old, new)),
        // A key of either kind, or a public one.
        _ => vec![Change::new(Topic::Certificates, subject, KEY, What::Replaced)],
    }
}

fn compare_chains((old, old_rest): (&Facts, &[Facts]), (new, new_rest): (&Facts, &[Facts])) -> Vec<(String, What)> {
    let mut changes = compare_certificates(old, new);
    let digests = |rest: &[Facts]| rest.iter().map(|facts| facts.sha256.clone()).collect::<Vec<_>>();
    if digests(old_rest) != digests(new_rest) {
        changes.push(("issuers in the file".to_owned(), What::Replaced));
    }
    changes
}

fn compare_certificates(old: &Facts, new: &Facts) -> Vec<(String, What)> {
    let (ended, ends) = dates(old.not_after, new.not_after);
    let texts = [
        ("ends", ended, ends),
        ("subject", old.subject.clone(), new.subject.clone()),
        ("issuer", old.issuer.clone(), new.issuer.clone()),
        ("kind of key", old.algorithm.clone(), new.algorithm.clone()),
    ];
    let changed = texts.iter().filter_map(|(name, old, new)| Some((*name, What::of(Some(old), Some(new))?)));
    let mut changes: Vec<(String, What)> = changed.map(|(name, what)| (name.to_owned(), what)).collect();
    changes.extend(What::of_items(&old.names, &new.names).map(|what| ("names".to_owned(), what)));
    if old.issuer_key != new.issuer_key {
        changes.push(("issuer's key".to_owned(), What::Replaced));
    }
    if old.key != new.key {
        changes.push((KEY.to_owned(), What::Replaced));
    }
    if changes.is_empty() && old.sha256 != new.sha256 {
        changes.push((String::new(), What::Replaced));
    }
    changes
}

/// Two moments as days, or to the second where the day is the same.
fn dates(old: Timestamp, new: Timestamp) -> (String, String) {
    let day = |moment: Timestamp| moment.strftime("%Y-%m-%d").to_string();
    let second = |moment: Timestamp| moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    if day(old) == day(new) { (second(old), second(new)) } else { (day(old), day(new)) }
}

/// What differs between two kubeconfigs.
pub(in crate::diff) fn kubeconfig(subject: &str, old: &str, new: &str) -> Vec<Change> {
    let (Some(mut old), Some(mut new)) = (settings::yaml(old), settings::yaml(new)) else { return Vec::new() };
    let (old_parts, new_parts) = (Parts::take(&mut old), Parts::take(&mut new));
    let mut changes = Vec::new();
    if let (Some(old), Some(new)) = (old_parts.certificate.split_first(), new_parts.certificate.split_first()) {
        changes.extend(named(Topic::Certificates, subject, compare_chains(old, new)));
    }
    let key = Change::new(Topic::Certificates, subject, KEY, What::Replaced);
    if old_parts.key != new_parts.key && !changes.contains(&key) {
        changes.push(key);
    }
    if old_parts.authority != new_parts.authority {
        changes.push(Change::new(Topic::Certificates, subject, "authority", What::Replaced));
    }
    let what = What::of(old_parts.server.as_deref(), new_parts.server.as_deref());
    changes.extend(what.map(|what| Change::new(Topic::Endpoint, subject, "server", what)));
    changes.extend(named(Topic::Certificates, subject, settings::compare(&flatten(&old), &flatten(&new))));
    changes
}

/// What a kubeconfig holds beside names.
#[derive(Default)]
struct Parts {
    server: Option<String>,
    authority: Vec<Facts>,
    certificate: Vec<Facts>,
    key: Option<String>,
}

impl Parts {
    /// Takes the parts of the first cluster and user out, and everything that may be a secret of all.
    fn take(config: &mut Value) -> Self {
        let mut parts = Self::default();
        for entry in config["clusters"].as_array_mut().into_iter().flatten() {
            parts.server = parts.server.or(take_text(&mut entry["cluster"], "server"));
            if let Some(data) = take_text(&mut entry["cluster"], "certificate-authority-data") {
                parts.authority = read_data(&data);
            }
        }
        for entry in config["users"].as_array_mut().into_iter().flatten() {
            if let Some(data) = take_text(&mut entry["user"], "client-certificate-data") {
                parts.certificate = read_data(&data);
            }
            parts.key = take_text(&mut entry["user"], "client-key-data");
            for key in ["token", "username", "password"] {
                take_text(&mut entry["user"], key);
            }
        }
        parts
    }
}

fn take_text(map: &mut Value, key: &str) -> Option<String> {
    let value = map.as_object_mut()?.remove(key)?;
    value.as_str().map(str::to_owned)
}

fn read_data(data: &str) -> Vec<Facts> {
    BASE64.decode(data.as_bytes()).ok().and_then(|pem| facts::read(&pem).ok()).unwrap_or_default()
}

/// What differs between two configurations of encryption at rest: providers and keys by name, the first one first. Whether a key
/// is another one is told, not what it is.
pub(super) fn encryption(subject: &str, old: &str, new: &str) -> Vec<Change> {
    let (Some(old), Some(new)) = (settings::yaml(old), settings::yaml(new)) else { return Vec::new() };
    let (old_keys, new_keys) = (encryption_keys(&old), encryption_keys(&new));
    let names = |keys: &[(String, String)]| keys.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let mut settings = [Settings::new(), Settings::new()];
    for (settings, config) in settings.iter_mut().zip([&old, &new]) {
        settings.insert("resources".to_owned(), Setting::Many(resources(config)));
    }
    let [old_settings, new_settings] = settings;
    let mut changes = settings::compare(&old_settings, &new_settings);
    changes.extend(What::of_items(&names(&old_keys), &names(&new_keys)).map(|what| (String::new(), what)));
    for (name, secret) in &old_keys {
        if new_keys.iter().any(|(same, other)| same == name && other != secret) {
            changes.push((name.clone(), What::Replaced));
        }
    }
    named(Topic::Certificates, subject, changes)
}

fn resources(config: &Value) -> Vec<String> {
    let entries = config["resources"].as_array().into_iter().flatten();
    let resources = entries.flat_map(|entry| entry["resources"].as_array().into_iter().flatten());
    resources.filter_map(|resource| resource.as_str().map(str::to_owned)).collect()
}

/// What a configuration of encryption at rest encrypts.
pub(in crate::diff) fn encrypted_resources(text: &[u8]) -> Vec<String> {
    resources(&std::str::from_utf8(text).ok().and_then(settings::yaml).unwrap_or_default())
}

fn encryption_keys(config: &Value) -> Vec<(String, String)> {
    let mut keys = Vec::new();
    for provider in config["resources"].as_array().into_iter().flatten().flat_map(|entry| entry["providers"].as_array())
    {
        for (kind, settings) in provider.iter().filter_map(Value::as_object).flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            match settings["keys"].as_array() {
                Some(list) => {
                    keys.extend(
                        list.iter().map(|key| (format!("{kind} {}", text(&key["name"])), text(&key["secret"]))),
                    );
                }
                None => keys.push((kind.clone(), String::new())),
            }
        }
    }
    keys
}

/// The names of the keys in a configuration of encryption at rest, the first one first: each once, whatever providers have it.
pub(in crate::diff) fn encryption_key_names(text: &[u8]) -> Vec<String> {
    let config = std::str::from_utf8(text).ok().and_then(settings::yaml).unwrap_or_default();
    let mut names: Vec<String> = Vec::new();
    for (of, _) in encryption_keys(&config) {
        let Some((_, name)) = of.split_once(' ') else { continue };
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{encryption, encryption_key_names, kubeconfig, pem};
    use crate::diff::change::Change;

    fn words(changes: &[Change]) -> Vec<String> {
        changes.iter().map(|change| format!("{} {}: {:?}", change.subject, change.name, change.what)).collect()
    }

    #[test]
    fn encryption_keys_are_told_by_name_and_order() {
        let old = "resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: encryption-1, secret: b25l}]}
  - identity: {}
";
        let new = old.replace("keys: [", "keys: [{name: encryption-2, secret: dHdv}, ").replace("b25l", "dHJl");
        let changes = encryption("keys", old, &new);
        assert_eq!(
            words(&changes),
            [
                r#"keys : Items { added: ["secretbox encryption-2"], removed: [] }"#,
                "keys secretbox encryption-1: Replaced",
            ]
        );
        assert_eq!(encryption_key_names(new.as_bytes()), ["encryption-2", "encryption-1"]);
        assert!(encryption_key_names(b"\xff").is_empty());
    }

    #[test]
    fn a_key_and_a_token_are_told_to_be_others_and_nothing_more() {
        assert_eq!(
            words(&pem("sa", "-----BEGIN PRIVATE KEY-----\nAA\n", "-----BEGIN PRIVATE KEY-----\nBB\n")),
            ["sa key: Replaced"]
        );
        let old = "clusters: [{name: c, cluster: {server: 'https://a'}}]\nusers: [{name: u, user: {client-key-data: YQ==, token: one}}]\n";
        let new = old.replace("https://a", "https://b").replace("YQ==", "Yg==").replace("one", "two");
        assert_eq!(
            words(&kubeconfig("c", old, &new)),
            ["c key: Replaced", r#"c server: Changed { from: "https://a", to: "https://b" }"#]
        );
    }
}
