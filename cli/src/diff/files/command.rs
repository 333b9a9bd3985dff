//! Command lines: programs and their flags.

use crate::diff::change::{Change, Topic};
use crate::diff::settings::{self, Setting, Settings};

/// What differs between two command lines of one program; `subject` is what people call it.
pub(super) fn changes(subject: &str, old: &[String], new: &[String]) -> Vec<Change> {
    let changes = settings::compare(&flags(old), &flags(new));
    changes.into_iter().map(|(name, what)| Change::new(Topic::Flags, subject, name, what)).collect()
}

/// `--name=value` by name, lists taken apart; everything else in its order.
fn flags(words: &[String]) -> Settings {
    let mut flags = Settings::new();
    let mut others = Vec::new();
    for word in words {
        match word.split_once('=').filter(|(name, _)| name.starts_with("--")) {
            Some((name, value)) => {
                let values: Vec<String> = value.split(',').map(str::to_owned).collect();
                let value = if values.len() == 1 { Setting::One(value.to_owned()) } else { Setting::Many(values) };
                flags.insert(name.to_owned(), value);
            }
            None if word.starts_with("--") => {
                flags.insert(word.clone(), Setting::One(String::new()));
            }
            None => others.push(word.clone()),
        }
    }
    if !others.is_empty() {
        flags.insert("arguments".to_owned(), Setting::Many(others));
    }
    flags
}
