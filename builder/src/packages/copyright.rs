//! The names of licences in a copyright file of a package. What the licences say is not read.
//!
//! Source: Debian's "Machine-readable debian/copyright file", version 1.0; Debian policy, 12.5, for files of people.

use std::collections::BTreeSet;

/// Where the texts of common licences lie; files of people name them there.
const COMMON: &str = "/usr/share/common-licenses/";
/// Most letters of a name: what is longer is no name.
const LONGEST: usize = 120;

/// Short names of all licences that the file names, sorted: of its paragraphs about files where it is machine-readable, else of the
/// common licences that it leads to. None where it does neither.
pub(crate) fn licences(text: &str) -> Vec<String> {
    let paragraphs: Vec<&str> = text.split("\n\n").collect();
    let of = |paragraph: &&str| field(paragraph, "License");
    let is_about_files =
        |paragraph: &&&str| field(paragraph, "Files").is_some() || field(paragraph, "Format").is_some();
    let mut names: BTreeSet<String> = paragraphs.iter().filter(is_about_files).filter_map(of).collect();
    if names.is_empty() {
        names = paragraphs.iter().filter_map(of).filter(|name| is_short(name)).collect();
    }
    if names.is_empty() {
        names = text.match_indices(COMMON).filter_map(|(at, _)| common(&text[at + COMMON.len()..])).collect();
    }
    names.into_iter().collect()
}

/// People write sentences there, too.
fn is_short(name: &str) -> bool {
    name.split(' ').count() <= 4 && name.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// The first line of a field; names of fields are written in any case.
fn field(paragraph: &str, name: &str) -> Option<String> {
    let value = paragraph.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })?;
    let is_name = !value.is_empty() && value.len() <= LONGEST && !value.contains(char::is_control);
    (is_name || name != "License").then(|| value.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// The name of a file, as it begins a text: `GPL-2'.` is `GPL-2`.
fn common(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.' | '+')).unwrap_or(text.len());
    let name = text[..end].trim_end_matches(['.', '-']);
    (!name.is_empty() && name.len() <= LONGEST).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::licences;

    #[test]
    fn names_are_read_from_files_for_machines_and_for_people() {
        let machine = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: x\n\n\
            Files: *\nCopyright: 2020 A\nLicense:  GPL-2+  or MIT\n\nFiles: debian/*\nCopyright: B\nlicense: GPL-2+\n text\n\n\
            License: GPL-2+\n This program is free software\n .\n see /usr/share/common-licenses/GPL-2\n\nLicense: MIT\n Permission\n";
        assert_eq!(licences(machine), ["GPL-2+", "GPL-2+ or MIT"]);
        let people = "On Debian systems see `/usr/share/common-licenses/GPL-2'.\nThe library: /usr/share/common-licenses/LGPL-2.1.\n";
        assert_eq!(licences(people), ["GPL-2", "LGPL-2.1"]);
        assert_eq!(licences("Public Domain"), Vec::<String>::new());
        assert_eq!(licences("License: BSD-3-clause\n text"), ["BSD-3-clause"]);
        assert_eq!(licences("License: see below\n\nLicense: You may do with it what you want"), Vec::<String>::new());
        assert_eq!(licences(&format!("License: {}\n", "x".repeat(500))), Vec::<String>::new());
        assert_eq!(licences(""), Vec::<String>::new());
    }
}
