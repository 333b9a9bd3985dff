//! The objects that kfimg made in a cluster, as the record lists them: one a line, in the order in which they were applied.
//!
//! An object that was there before is not ours, and is never listed. One without a uid was about to be made when its line
//! was written; see `probe`.

use super::api::segment;
use super::list::{Head, Item, Metadata};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What names an object, whichever version of its kind is asked for.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
struct Key<'a> {
    name: &'a str,
    namespace: &'a str,
    kind: &'a str,
    group: &'a str,
}

/// One object.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Entry {
    /// What names it.
    pub(super) head: Head,
    /// Which of all that ever had this name.
    pub(super) uid: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Inventory(Vec<Entry>);

impl<'a> Key<'a> {
    /// Of an object. Without a namespace it has none, or lives in `default`; no kind does both.
    fn of(head: &'a Head) -> Self {
        let Head { api_version, kind, metadata: Metadata { name, namespace } } = head;
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self { name, namespace: namespace.as_deref().unwrap_or("default"), kind, group }
    }
}

fn is_same(one: &Head, other: &Head) -> bool {
    Key::of(one) == Key::of(other)
}

impl Inventory {
    /// The entry of an object.
    pub(super) fn get(&self, head: &Head) -> Option<&Entry> {
        self.0.iter().find(|entry| is_same(&entry.head, head))
    }

    /// Notes an object, with its uid once it is made. The version is the one that it was applied with last.
    pub(super) fn put(&mut self, head: &Head, uid: Option<String>) {
        let entry = Entry { head: head.clone(), uid };
        match self.0.iter_mut().find(|known| is_same(&known.head, head)) {
            Some(known) => *known = entry,
            None => self.0.push(entry),
        }
    }

    /// Strikes an object out.
    pub(super) fn remove(&mut self, head: &Head) {
        self.0.retain(|entry| !is_same(&entry.head, head));
    }

    /// Strikes out what was about to be made and was not.
    pub(super) fn forget_unmade(&mut self) {
        self.0.retain(|entry| entry.uid.is_some());
    }

    /// What the description no longer has, the last applied first. An object that has only changed its group has the uid of
    /// one that is still there.
    pub(super) fn dropped(&self, items: &[Item]) -> Vec<Entry> {
        let wanted: BTreeSet<Key<'_>> = items.iter().map(|item| Key::of(&item.head)).collect();
        let (kept, dropped): (Vec<_>, Vec<_>) = self.0.iter().partition(|entry| wanted.contains(&Key::of(&entry.head)));
        let living: BTreeSet<&str> = kept.iter().filter_map(|entry| entry.uid.as_deref()).collect();
        let moved = |entry: &Entry| entry.uid.as_deref().is_some_and(|uid| living.contains(uid));
        dropped.into_iter().rev().filter(|entry| !moved(entry)).cloned().collect()
    }

    /// As the record has it. Names of roles may hold spaces, so they are percent-encoded.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for Entry { head, uid } in &self.0 {
            let Head { api_version, kind, metadata: Metadata { name, namespace } } = head;
            let (namespace, slash) = namespace.as_deref().map_or(("", ""), |namespace| (namespace, "/"));
            let (name, uid) = (segment(name), uid.as_deref().unwrap_or("-"));
            let _ = writeln!(text, "{api_version} {kind} {namespace}{slash}{name} {uid}");
        }
        text
    }

    /// Reads what [`Self::to_text`] wrote; `None`: somebody else wrote it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.lines().map(entry).collect::<Option<Vec<_>>>().map(Self)
    }
}

fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split(' ');
    let (api_version, kind, name, uid) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let (namespace, name) = match name.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, name),
    };
    let name = percent_decoded(name)?;
    if words.next().is_some() || [api_version, kind, &name, uid].iter().any(|word| word.is_empty()) {
        return None;
    }
    let metadata = Metadata { name, namespace };
    let head = Head { api_version: api_version.to_owned(), kind: kind.to_owned(), metadata };
    Some(Entry { head, uid: Some(uid.to_owned()).filter(|uid| uid != "-") })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |digit: u8| char::from(digit).to_digit(16);
        let value = digit(rest.next()?)? * 16 + digit(rest.next()?)?;
        bytes.push(u8::try_from(value).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{Head, Inventory, Item, Metadata};

    fn head(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Head {
        let metadata = Metadata { name: name.to_owned(), namespace: namespace.map(str::to_owned) };
        Head { api_version: api_version.to_owned(), kind: kind.to_owned(), metadata }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut inventory = Inventory::default();
        inventory.put(&head("apps/v1", "DaemonSet", Some("kube-system"), "kube-proxy"), Some("11-22".to_owned()));
        inventory.put(&head("rbac.authorization.k8s.io/v1", "ClusterRole", None, "kfimg:a b/%ü"), None);
        let text = inventory.to_text();
        let expected = "apps/v1 DaemonSet kube-system/kube-proxy 11-22\n\
            rbac.authorization.k8s.io/v1 ClusterRole kfimg:a%20b%2F%25%C3%BC -\n";
        assert_eq!(text, expected);
        assert_eq!(Inventory::parse(&text), Some(inventory));
        for wrong in ["v1 Pod a", "v1 Pod a - x", "v1 Pod %zz -", "\n", "v1  a -"] {
            assert_eq!(Inventory::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn dropped_is_what_no_version_and_no_group_has_any_more() {
        let mut inventory = Inventory::default();
        for (head, uid) in [
            (head("v1", "ConfigMap", None, "in-default"), "1"),
            (head("batch/v1beta1", "CronJob", Some("a"), "newer-version"), "2"),
            (head("extensions/v1beta1", "Deployment", Some("a"), "other-group"), "3"),
            (head("apps/v1", "Deployment", Some("a"), "other-group"), "3"),
            (head("v1", "ConfigMap", Some("a"), "gone"), "4"),
            (head("v1", "Secret", Some("a"), "gone"), "5"),
        ] {
            inventory.put(&head, Some(uid.to_owned()));
        }
        let items: Vec<Item> = [
            head("v1", "ConfigMap", Some("default"), "in-default"),
            head("batch/v1", "CronJob", Some("a"), "newer-version"),
            head("apps/v1", "Deployment", Some("a"), "other-group"),
        ]
        .into_iter()
        .map(|head| Item { head, file: 0 })
        .collect();
        let dropped: Vec<_> = inventory.dropped(&items).into_iter().map(|entry| entry.head.to_string()).collect();
        assert_eq!(dropped, ["Secret a/gone", "ConfigMap a/gone"]);
    }
}
