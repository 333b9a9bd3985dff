//! `docs/description.md` is the description's reference: nothing is missing in it, and its defaults are true.

#![allow(clippy::unwrap_used)]

use kfimg_profiles::load::{Inputs, Loaded, load};
use kfimg_profiles::problem::Appearance;
use kfimg_profiles::reference::reference;
use kfimg_profiles::schema::schema;
use std::path::Path;

#[test]
fn the_document_is_what_the_program_prints() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/description.md");
    if std::env::var_os("KFIMG_UPDATE_GOLDEN").is_some() {
        std::fs::write(&document, reference()).unwrap();
    }
    let written = std::fs::read_to_string(document).unwrap_or_default();
    assert!(written == reference(), "docs/description.md is stale: `make golden` writes it anew");
}

/// The cells of every row that is about a key.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(str::trim).collect()).collect()
}

#[test]
fn every_key_of_the_schema_is_explained_in_a_sentence() {
    let page = reference();
    let rows = rows(&page);
    let poor: Vec<_> = rows.iter().filter(|row| row.len() != 4 || row[1].is_empty() || !is_sentence(row[3])).collect();
    assert!(poor.is_empty(), "not explained: {poor:#?}");
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for key in
        definitions.filter_map(|definition| definition["properties"].as_object()).flat_map(|object| object.keys())
    {
        let in_row = rows.iter().any(|row| row[0].trim_matches('`').rsplit('.').next() == Some(key));
        assert!(in_row || page.contains(&format!("\n## `{key}`\n\n")), "{key} is not in the reference");
    }
    assert!(rows.len() > 200, "{}", rows.len());
}

/// More than a name, and with an end.
fn is_sentence(text: &str) -> bool {
    let text = text.split(" *Set by").next().unwrap_or_default();
    text.ends_with('.') && text.split(' ').count() >= 2
}

#[test]
fn every_choice_and_every_value_is_explained() {
    let schema = schema();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let choices = definition["oneOf"].as_array().into_iter().flatten();
        for part in choices.chain([definition]) {
            let described = part["description"].as_str().is_some_and(|text| text.trim_end().ends_with('.'));
            assert!(described, "{name} has a part without a description: {part}");
        }
        assert!(definition.get("enum").is_none(), "{name} has a choice without a description");
    }
}

fn loaded(profile: &str, sets: Vec<String>) -> Loaded {
    let inputs = Inputs { profile: Some(profile.to_owned()), sets, folder: "/nonexistent".into(), ..Inputs::default() };
    load(&inputs).unwrap_or_else(|failed| panic!("{}", failed.report.render(&failed.sources, Appearance::default())))
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    // The API server's own, for which no flag is rendered.
    const UPSTREAM: [&str; 1] = ["apiServer.storageMediaType"];
    let plain = loaded("ha3", Vec::new());
    let defaults = plain.explain().into_iter().filter(|setting| setting.origin == "default");
    let sets: Vec<String> = defaults
        .filter(|setting| !UPSTREAM.contains(&setting.path.as_str()))
        .map(|setting| format!("{}={}", setting.path, setting.value))
        .collect();
    assert!(sets.len() > 40, "{sets:?}");
    let written = loaded("ha3", sets);
    let (written, plain) = (format!("{:#?}", written.cluster), format!("{:#?}", plain.cluster));
    let differences: Vec<_> = written.lines().zip(plain.lines()).filter(|(written, plain)| written != plain).collect();
    assert!(written == plain, "{differences:#?}");
}

#[test]
fn the_reference_names_the_defaults_that_explain_names() {
    let page = reference();
    let rows = rows(&page);
    for setting in loaded("ha3", Vec::new()).explain().iter().filter(|setting| setting.origin == "default") {
        let path = setting.path.trim_start_matches("nodeDefaults.");
        if path.starts_with("nodes[") {
            continue;
        }
        let row = rows.iter().find(|row| row[0] == format!("`{path}`")).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(row[2], format!("`{}`", setting.value), "{path}");
    }
}

#[test]
fn profiles_are_named_where_they_set_something() {
    let page = reference();
    let rows = rows(&page);
    let about = |path: &str| rows.iter().find(|row| row[0] == format!("`{path}`")).unwrap()[3];
    assert!(
        about("etcd.members")
            .ends_with("*Set by single, single-vip to `1`; by ha3, external-lb, external-etcd to `3`; by ha5 to `5`.*")
    );
    assert!(about("etcd.dedicated").ends_with("*Set by external-etcd to `true`.*"));
    assert!(about("kubernetesVersion").contains("*Set by every profile to `v"));
    assert!(!about("kubelet.maxPods").contains("Set by"));
}
