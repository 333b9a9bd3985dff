//! Waivers: which checks a site does without, on which nodes, why, and until when.
//!
//! They are a YAML file of their own, not part of the description: a waiver changes nothing on any node.

use super::check::Check;
use super::table::{checks, find};
use jiff::civil::Date;
use kfimg_profiles::description::Role;
use kfimg_profiles::document::{Location, Node, did_you_mean};
use kfimg_profiles::problem::Report;
use serde::Deserialize;

/// The file as people write it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct WaiverFile {
    waivers: Vec<Written>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
struct Written {
    id: Option<String>,
    reason: Option<String>,
    node: Option<String>,
    role: Option<Role>,
    expires: Option<Day>,
}

/// A day, written `2027-06-30`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Day(Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed = (text.len() == 10).then(|| text.parse().ok()).flatten();
        parsed.map(Self).ok_or_else(|| format!("expected a day such as 2027-06-30, found `{text}`"))
    }
}

/// One waiver.
#[derive(Clone, Debug)]
pub struct Waiver {
    /// The check that is waived.
    pub check: &'static Check,
    /// Why.
    pub reason: String,
    pub(super) node: Option<String>,
    pub(super) role: Option<Role>,
    /// The last day on which it counts.
    pub(super) expires: Option<Date>,
    pub(super) at: Location,
}

/// All waivers of a file, in its order.
#[derive(Clone, Debug, Default)]
pub struct Waivers(pub(super) Vec<Waiver>);

impl Waivers {
    /// Checks what was written; `tree` is the tree that `file` was decoded from. What is wrong is reported and left out.
    pub fn new(file: &WaiverFile, tree: &Node, report: &mut Report) -> Self {
        let nodes = tree.get("waivers").map(Node::items).unwrap_or_default();
        let waivers = file.waivers.iter().zip(nodes).filter_map(|(written, node)| waiver(written, node, report));
        Self(waivers.collect())
    }
}

impl Waiver {
    /// Whether it is about a check on a node.
    pub(super) fn covers(&self, check: &Check, node: &str, role: Role) -> bool {
        self.check.id == check.id
            && self.node.as_deref().is_none_or(|named| named == node)
            && self.role.is_none_or(|named| named == role)
    }
}

fn waiver(written: &Written, node: &Node, report: &mut Report) -> Option<Waiver> {
    let at_key = |key: &str| node.get(key).map_or(node.at, |value| value.at);
    let reason = written.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_none() && !is_unread(node, "reason") {
        report
            .error_at("waiver-without-reason", first_key(node), "this waiver has no `reason`")
            .help("say who accepted it and why");
    }
    let Some(id) = &written.id else {
        if !is_unread(node, "id") {
            report
                .error_at("waiver-without-id", first_key(node), "this waiver has no `id`")
                .help("name one check, such as `id: 4.2.10`");
        }
        return None;
    };
    let Some(check) = find(id) else {
        let help = match did_you_mean(id, checks().map(|check| check.id)) {
            Some(meant) => format!("did you mean `{meant}`? `kfimg validate --list-checks` prints them all"),
            None => "`kfimg validate --list-checks` prints them all".to_owned(),
        };
        report.error_at("unknown-check", at_key("id"), format!("there is no check `{id}`")).help(help);
        return None;
    };
    Some(Waiver {
        check,
        reason: reason?.to_owned(),
        node: written.node.clone(),
        role: written.role,
        expires: written.expires.map(|day| day.0),
        at: at_key("id"),
    })
}

/// Whether a key is there and its value could not be read, which is reported already.
fn is_unread(node: &Node, key: &str) -> bool {
    node.get(key)
        .is_some_and(|value| value.text().is_none() && !matches!(value.value, kfimg_profiles::document::Value::Null))
}

/// A map of a list is named by its first key.
fn first_key(node: &Node) -> Location {
    node.entries().first().map_or(node.at, |entry| entry.key_at)
}
