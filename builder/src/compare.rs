//! What changes from one build to another, by `build.json` and the listing of the root: `kfimg diff` of two builds.
//!
//! It reads these two files alone, each checked as far as the record goes; images are not opened.

use crate::error::Error;
use crate::listing::LISTING_FILE;
use crate::record::{FORMAT_VERSION, RECORD_FILE};
use fs_err as fs;
use kfimg_images::hasher::sha256;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Most bytes of the listing of a root, and of a record, which takes several times as much in memory.
const LIMIT: u64 = 128 << 20;
const RECORD_LIMIT: u64 = 16 << 20;
/// What a fact is: given from outside, or what came of it.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Input,
    Outcome,
}

/// Settings of a build, in the order in which they are told: a pointer into `build.json`, words for a person, and which side it is on.
const FACTS: &[(&str, &str, Side)] = &[
    ("/imageId", "image", Side::Input),
    ("/imageVersion", "version", Side::Input),
    ("/architecture", "architecture", Side::Input),
    ("/system", "system", Side::Outcome),
    ("/base/digest", "base", Side::Input),
    ("/kernelVersion", "kernel", Side::Outcome),
    ("/commandLine", "command line", Side::Input),
    ("/sourceDateEpoch", "time of files", Side::Input),
    ("/options/outputs", "outputs asked for", Side::Input),
    ("/options/preload", "preloaded for", Side::Input),
    ("/options/allowed", "allowed lints", Side::Input),
    ("/options/rootUrl", "root fetched from", Side::Input),
    ("/options/diskSize", "disk size", Side::Input),
    ("/options/slotSize", "slot size", Side::Input),
    ("/options/espSize", "ESP size", Side::Input),
    ("/secureBoot/subject", "signed by", Side::Input),
    ("/secureBoot/digest", "signing certificate", Side::Input),
    ("/root/format", "root format", Side::Input),
    ("/root/size", "root size", Side::Outcome),
    ("/root/rootHash", "root hash", Side::Outcome),
    ("/kfimgVersion", "kfimg", Side::Input),
    ("/programs", "written by", Side::Input),
];

/// One thing that is another, is new, or is gone.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub name: String,
    /// What it was; `None` for what is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<String>,
    /// What it is now; `None` for what is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<String>,
}

/// What changes from one build to another.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct BuildDifference {
    /// What was given to the builds and differs, by name: everything else follows from it. Empty where the builds should be equal.
    pub inputs: Vec<String>,
    /// Settings.
    pub facts: Vec<Change>,
    /// Host programs and agent, by version or digest.
    pub parts: Vec<Change>,
    /// Packages of the base.
    pub packages: Vec<Change>,
    /// Licences of packages and programs.
    pub licences: Vec<Change>,
    /// Preloaded images.
    pub images: Vec<Change>,
    /// What lints found.
    pub findings: Vec<Change>,
    /// Files of the root: what `mtree(5)` says of each.
    pub files: Vec<Change>,
    /// Files beside `build.json`, by digest.
    pub outputs: Vec<Change>,
}

impl BuildDifference {
    /// Whether anything differs.
    #[must_use]
    pub fn differs(&self) -> bool {
        *self != Self::default()
    }
}

/// Whether a folder is a build.
#[must_use]
pub fn is_build(folder: &Path) -> bool {
    folder.join(RECORD_FILE).is_file()
}

/// Compares two builds.
///
/// # Errors
/// When one can't be read, is of another format, or its listing is not what its record says.
pub fn compare(old: &Path, new: &Path) -> Result<BuildDifference, Error> {
    let (old, new) = (Build::read(old)?, Build::read(new)?);
    let both = |name: &str, map: fn(&Value) -> BTreeMap<String, String>| {
        changes(&map(&old.record[name]), &map(&new.record[name]))
    };
    let (facts, parts, images) = (facts(&old.record, &new.record), both("parts", parts), both("preloaded", images));
    Ok(BuildDifference {
        inputs: inputs(&facts, &[&parts, &images]),
        facts,
        parts,
        packages: both("packages", texts),
        licences: both("licences", licences),
        images,
        findings: both("findings", findings),
        files: changes(&old.files, &new.files),
        outputs: both("outputs", digests),
    })
}

struct Build {
    record: Value,
    /// What the listing says of each path.
    files: BTreeMap<String, String>,
}

impl Build {
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(RECORD_FILE);
        let wrong = |reason: String| Error::base(&path.display().to_string(), format!("{reason}; build again"));
        let record: Value =
            serde_json::from_slice(&small(&path, RECORD_LIMIT)?).map_err(|error| wrong(error.to_string()))?;
        if record["formatVersion"] != FORMAT_VERSION {
            return Err(wrong(format!("its format {} is not known to this kfimg", record["formatVersion"])));
        }
        let bytes = small(&folder.join(LISTING_FILE), LIMIT)?;
        if record["outputs"][LISTING_FILE]["digest"] != sha256(&bytes).as_str() {
            return Err(wrong(format!("{LISTING_FILE} is not what it says")));
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let files = lines
            .filter_map(|line| line.split_once(' '))
            .map(|(path, rest)| (path.to_owned(), rest.to_owned()))
            .collect();
        Ok(Self { record, files })
    }
}

fn small(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let size = fs::metadata(path).map_err(Error::io("examining", path))?.len();
    if size > limit {
        return Err(Error::base(&path.display().to_string(), format!("has {size} bytes: kfimg did not write it")));
    }
    fs::read(path).map_err(Error::io("reading", path))
}

fn facts(old: &Value, new: &Value) -> Vec<Change> {
    let text = |record: &Value, pointer: &str| record.pointer(pointer).map(plain);
    let changed = FACTS.iter().map(|(pointer, name, _)| (name, text(old, pointer), text(new, pointer)));
    changed
        .filter(|(_, old, new)| old != new)
        .map(|(name, old, new)| Change { name: (*name).to_owned(), old, new })
        .collect()
}

/// Names of what was given and differs: settings, then host programs and images.
fn inputs(facts: &[Change], others: &[&Vec<Change>]) -> Vec<String> {
    let given = |change: &&Change| FACTS.iter().any(|(_, name, side)| change.name == *name && *side == Side::Input);
    let others = others.iter().flat_map(|changes| changes.iter());
    facts.iter().filter(given).chain(others).map(|change| change.name.clone()).collect()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What differs between two maps, sorted by name.
fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<Change> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change =
        |name: &String| Change { name: name.clone(), old: old.get(name).cloned(), new: new.get(name).cloned() };
    names.into_iter().map(change).filter(|change| change.old != change.new).collect()
}

fn parts(value: &Value) -> BTreeMap<String, String> {
    let rows = value.as_array().into_iter().flatten();
    let digest = |part: &Value| plain(&part["digest"]).chars().take(19).collect::<String>();
    let version = |part: &Value| {
        part["version"].as_str().map_or_else(|| digest(part), |version| format!("{version} ({})", digest(part)))
    };
    rows.map(|part| (plain(&part["name"]), version(part))).collect()
}

fn licences(value: &Value) -> BTreeMap<String, String> {
    let names = |row: &Value| match plain(&row["licences"]) {
        names if names.is_empty() => "not named".to_owned(),
        names => names,
    };
    value.as_array().into_iter().flatten().map(|row| (plain(&row["name"]), names(row))).collect()
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn images(value: &Value) -> BTreeMap<String, String> {
    let rows = value.as_array().into_iter().flatten();
    rows.map(|image| (plain(&image["reference"]), plain(&image["digest"]))).collect()
}

fn findings(value: &Value) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for finding in value.as_array().into_iter().flatten() {
        let text = all.entry(plain(&finding["lint"])).or_default();
        *text += &format!("{}{}", if text.is_empty() { "" } else { "; " }, plain(&finding["text"]));
    }
    all
}

fn digests(value: &Value) -> BTreeMap<String, String> {
    let rows = value.as_object().into_iter().flatten();
    rows.map(|(name, output)| (name.clone(), format!("{} bytes, {}", output["size"], plain(&output["digest"]))))
        .collect()
}
