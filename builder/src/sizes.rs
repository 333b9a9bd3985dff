//! Which part of an image takes how much: bytes before compression, by who brought them and what they are for.

use crate::tree::{Kind, Node, Origin, Tree};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// Places of the base that people ask about, the first that fits counts; everything else is `base: other`.
const PLACES: &[(&str, &str)] = &[
    ("usr/lib/modules/", "base: kernel modules"),
    ("usr/lib/firmware/", "base: firmware"),
    ("usr/lib/systemd/", "base: systemd"),
    ("usr/share/doc/", "base: documentation"),
    ("usr/share/man/", "base: documentation"),
    ("usr/share/locale/", "base: languages"),
    ("usr/lib/locale/", "base: languages"),
    ("usr/share/i18n/", "base: languages"),
    ("usr/share/zoneinfo/", "base: time zones"),
    ("usr/lib/python3", "base: Python"),
    ("usr/share/perl", "base: Perl"),
    ("usr/bin/", "base: programs"),
    ("usr/sbin/", "base: programs"),
    ("usr/libexec/", "base: programs"),
    ("usr/lib/", "base: libraries"),
    ("usr/share/", "base: data"),
    ("var/", "base: /var"),
    ("etc/", "base: /etc"),
];

/// Bytes by part. A content with several names counts once.
#[must_use]
pub(crate) fn by_part(tree: &Tree) -> BTreeMap<String, u64> {
    let mut seen = HashSet::new();
    let mut sizes = BTreeMap::new();
    for (path, node) in tree.iter() {
        let Kind::File(content) = &node.kind else { continue };
        if seen.insert(Arc::as_ptr(content).addr()) && content.size() > 0 {
            *sizes.entry(part(path, node)).or_default() += content.size();
        }
    }
    sizes
}

fn part(path: &str, node: &Node) -> String {
    match node.origin {
        Origin::Part(part) => part.to_string(),
        Origin::Agent => "kfimg-agent".to_owned(),
        Origin::Images => "preloaded images".to_owned(),
        Origin::Settings => "settings of kfimg".to_owned(),
        Origin::Base => {
            PLACES.iter().find(|(place, _)| path.starts_with(place)).map_or("base: other", |(_, name)| name).to_owned()
        }
    }
}
