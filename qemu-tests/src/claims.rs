//! What `docs/channels.md` claims that scenarios boot, held against the scenarios, and against the commands that people are shown.

use crate::{Entrance, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../docs/channels.md");
/// Other pages with a command line of a whole site.
const PAGES: [&str; 2] = [include_str!("../../docs/getting-started.md"), include_str!("../../docs/topologies.md")];
const TABLE: &str = "| profile | by Ignition, in the lab";

type Booted = BTreeMap<String, BTreeSet<String>>;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The files of a folder with this end: names without it, and texts.
fn files(folder: &Path, end: &str) -> BTreeMap<String, String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = paths.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(end)?.to_owned();
        Some((name, fs::read_to_string(&path).unwrap()))
    });
    named.collect()
}

/// Words of a text that stand between two of these marks.
fn between<'a>(text: &'a str, begin: &'a str, end: char) -> impl Iterator<Item = String> + 'a {
    text.split(begin).skip(1).filter_map(move |rest| Some(rest.split_once(end)?.0.to_owned()))
}

/// Profiles, and the scenarios that boot them, as the document's table has them.
fn told() -> Booted {
    let table = DOCUMENT.split(TABLE).nth(1).unwrap().split("\n\n").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(profile, cell)| (profile.to_owned(), between(cell, "`qemu-tests/", '`').collect())).collect()
}

/// The same, as the scenarios themselves say it to the lab.
fn rendered() -> Booted {
    let mut booted = Booted::new();
    for (scenario, text) in files(&folder("tests"), ".rs") {
        for profile in between(&text, "of_profile(\"", '"') {
            booted.entry(profile).or_default().insert(scenario.clone());
        }
    }
    booted
}

#[test]
fn what_boots_a_profile_renders_with_it() {
    assert_eq!(told(), rendered(), "docs/channels.md and the scenarios");
    let built_in = files(&folder("../profiles/builtin"), ".yaml");
    assert!(built_in.keys().eq(told().keys()), "a profile that nothing boots: {:?}", built_in.keys());
    for (scenario, text) in files(&folder("tests"), ".rs") {
        let head: String = text.lines().take_while(|line| line.starts_with("//!")).collect();
        for profile in between(&head, "rofile `", '`') {
            assert!(rendered()[&profile].contains(&scenario), "{scenario} says that it is of {profile}");
        }
    }
}

/// What the lab runs is what people are shown: the profile, the site and the inventory; more layers are more sites.
#[test]
fn the_lab_renders_a_profile_as_the_documents_do() {
    let place = std::env::temp_dir().join(format!("kfimg-claims-{}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    let written = told().into_keys().map(|profile| {
        let options = Topology::of_profile(&profile, 1, 0, Entrance::Machine).write(&place).unwrap();
        (profile, options.into_iter().filter(|word| word.starts_with("--")).collect::<Vec<_>>())
    });
    let written: Vec<(String, Vec<String>)> = written.collect();
    fs::remove_dir_all(&place).unwrap();

    let lines = PAGES.iter().flat_map(|page| page.lines()).filter_map(|line| line.strip_prefix("$ kfimg render "));
    let shown: BTreeSet<Vec<&str>> = lines
        .filter(|line| line.contains("--inventory") && !line.contains("--set"))
        .map(|line| line.split_whitespace().filter(|word| word.starts_with("--")).collect())
        .collect();
    assert_eq!(shown, BTreeSet::from([vec!["--profile", "--site", "--inventory"]]), "the pages");
    for (profile, options) in written {
        assert_eq!(options, ["--profile", "--site", "--inventory"], "{profile}");
        let line = format!("$ kfimg render --profile {profile} ");
        assert!(DOCUMENT.contains(&line), "docs/channels.md has no command for {profile}");
    }
}
