//! A difference of two builds for people: what counts first, long lists shortened unless more is wanted.

use kfimg_builder::compare::{BuildDifference, Change};
use std::fmt::Write as _;

/// Lines of a list without `-v`.
const MOST: usize = 12;

/// The whole text, with a line end.
pub(crate) fn text(difference: &BuildDifference, all: bool) -> String {
    if !difference.differs() {
        return "The builds are the same.\n".to_owned();
    }
    let lists = [
        ("Settings", &difference.facts),
        ("Programs of kfimg's bundle", &difference.parts),
        ("Packages of the base", &difference.packages),
        ("Licences", &difference.licences),
        ("Preloaded images", &difference.images),
        ("Lints", &difference.findings),
        ("Files of the root", &difference.files),
        ("Outputs", &difference.outputs),
    ];
    let mut text = lead(difference);
    for (head, changes) in lists.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        let _ = writeln!(text, "\n{head} ({}):", counts(changes));
        let most = if all { changes.len() } else { MOST };
        changes.iter().take(most).for_each(|change| line(&mut text, change));
        if let Some(more) = changes.len().checked_sub(most).filter(|more| *more > 0) {
            let _ = writeln!(text, "  and {more} more; -v lists them");
        }
    }
    text
}

/// Which inputs differ; all that comes below follows from them.
fn lead(difference: &BuildDifference) -> String {
    match difference.inputs.as_slice() {
        [] => "No input changed, and yet the builds differ: kfimg or a program that writes images is not what it says it is, or \
               a folder was changed afterwards. Build both again.\n"
            .to_owned(),
        inputs => format!("Inputs that changed: {}.\n", inputs.join(", ")),
    }
}

fn counts(changes: &[Change]) -> String {
    let count = |fits: fn(&&Change) -> bool| changes.iter().filter(fits).count();
    let counted = [
        (count(|change| change.old.is_none()), "new"),
        (count(|change| change.new.is_none()), "gone"),
        (count(|change| change.old.is_some() && change.new.is_some()), "changed"),
    ];
    let said = counted.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    said.collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, Change { name, old, new }: &Change) {
    let _ = match (old, new) {
        (Some(old), Some(new)) => match words(old, new) {
            Some(words) => writeln!(text, "  ~ {name}: {words}"),
            None => writeln!(text, "  ~ {name}: {old} -> {new}"),
        },
        (None, Some(new)) => writeln!(text, "  + {name} {new}"),
        (Some(old), _) => writeln!(text, "  - {name} {old}"),
        (None, None) => Ok(()),
    };
}

/// The words of a listing's line that differ: `size=3 -> 4, sha256 differs`.
fn words(old: &str, new: &str) -> Option<String> {
    let pairs = |text: &str| {
        text.split(' ')
            .map(|word| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
            .collect::<Option<Vec<_>>>()
    };
    let (old, new) = (pairs(old)?, pairs(new)?);
    let value = |pairs: &[(String, String)], key: &str| {
        pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    };
    let mut keys: Vec<&String> = old.iter().chain(&new).map(|(key, _)| key).collect();
    keys.dedup();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter(|key| value(&old, key) != value(&new, key));
    let told = changed.map(|key| match (key.as_str(), value(&old, key), value(&new, key)) {
        ("sha256", ..) => "content".to_owned(),
        (key, old, new) => format!("{key} {} -> {}", old.unwrap_or_default(), new.unwrap_or_default()),
    });
    Some(told.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::{BuildDifference, Change, text};

    fn change(name: &str, old: Option<&str>, new: Option<&str>) -> Change {
        Change { name: name.to_owned(), old: old.map(str::to_owned), new: new.map(str::to_owned) }
    }

    #[test]
    fn a_difference_says_what_counts() {
        let difference = BuildDifference {
            inputs: vec!["version".to_owned(), "kubelet".to_owned()],
            facts: vec![change("version", Some("1.36.2"), Some("1.36.3"))],
            files: vec![
                change(
                    "./usr/bin/su",
                    Some("mode=4755 uid=0 type=file size=3 sha256=aa"),
                    Some("mode=0755 uid=0 type=file size=4 sha256=bb"),
                ),
                change("./etc/new", None, Some("mode=0644 uid=0 type=file size=1 sha256=cc")),
                change("./lib/old", Some("mode=0777 uid=0 type=link link=x"), None),
            ],
            ..BuildDifference::default()
        };
        let wanted = "Inputs that changed: version, kubelet.\n\nSettings (1 changed):\n  ~ version: 1.36.2 -> 1.36.3\n\nFiles of the root (1 new, 1 gone, 1 changed):\n  \
             ~ ./usr/bin/su: mode 4755 -> 0755, content, size 3 -> 4\n  + ./etc/new mode=0644 uid=0 type=file size=1 sha256=cc\n  \
             - ./lib/old mode=0777 uid=0 type=link link=x\n";
        assert_eq!(text(&difference, false), wanted);
        let odd = BuildDifference { inputs: Vec::new(), ..difference };
        assert!(text(&odd, false).starts_with("No input changed, and yet the builds differ: "));
        assert_eq!(text(&BuildDifference::default(), false), "The builds are the same.\n");
    }
}
