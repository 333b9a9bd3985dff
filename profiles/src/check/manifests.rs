//! The list of the user's own manifests; what is in them is judged when they are read.

use std::collections::BTreeMap;

use super::{Subject, at};
use crate::problem::Report;

pub(super) fn check(subject: &Subject<'_>, report: &mut Report) {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, file) in subject.description.manifests.iter().enumerate() {
        if let Some(first) = seen.insert(&file.0, index) {
            report
                .error("duplicate-manifest", at("manifests").index(index), format!("`{}` is given twice", file.0))
                .note(at("manifests").index(first), "first given here")
                .help("remove one");
        }
    }
}
