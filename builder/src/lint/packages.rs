//! What is said of the packages of a base: how many, and under which licences.

use super::{Subject, listed};
use crate::packages::Package;
use std::collections::BTreeMap;

/// Whoever hands an image on hands on the terms of what is in it.
pub(super) fn licences(subject: &Subject<'_>) -> Vec<String> {
    let names = |fits: fn(&&Package) -> bool| -> Vec<String> {
        subject.packages.iter().filter(fits).map(|package| package.name.clone()).collect()
    };
    let no_file = names(|package| package.copyright.is_none());
    let no_name = names(|package| package.copyright.is_some() && package.licences.is_empty());
    let told = [("no copyright file of", no_file), ("no licence is named in the copyright file of", no_name)];
    told.iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!("{what} {}", listed(names)))
        .collect()
}

pub(super) fn unfree(subject: &Subject<'_>) -> Vec<String> {
    let unfree = subject.packages.iter().filter(|package| !package.is_free);
    let names: Vec<String> = unfree.map(|package| package.name.clone()).collect();
    if names.is_empty() { names } else { vec![format!("not free software: {}", listed(&names))] }
}

/// Each licence with the number of packages under it, most first.
pub(super) fn licence_list(subject: &Subject<'_>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for name in subject.packages.iter().flat_map(|package| &package.licences) {
        *counts.entry(name).or_default() += 1;
    }
    let mut rows: Vec<(&str, usize)> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rows: Vec<String> = rows.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    if rows.is_empty() { rows } else { vec![format!("licences of the packages: {}", listed(&rows))] }
}

pub(super) fn count(subject: &Subject<'_>) -> Vec<String> {
    match subject.packages.len() {
        0 => vec!["the base has no database of packages that kfimg reads, so their licences are not listed".to_owned()],
        count => vec![format!("{count} packages")],
    }
}
