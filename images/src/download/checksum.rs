//! Reads the checksum files that projects publish: one bare digest, or lines of `digest  file name`.
//!
//! Source: GNU coreutils, "cksum output modes"; a `*` before the name marks a binary file.

use crate::digest::Digest;

/// The digest of the file `name`, by an algorithm such as `sha256`.
///
/// # Errors
/// In words for a person.
pub(super) fn find(text: &[u8], algorithm: &str, name: &str) -> Result<Digest, String> {
    let text = std::str::from_utf8(text).map_err(|_| "it is no text of checksums".to_owned())?;
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let mut found: Vec<&str> = match lines[..] {
        [only] if !only.contains(char::is_whitespace) => vec![only],
        _ => lines.iter().filter_map(|line| digits_of(line, name)).collect(),
    };
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [digits] => format!("{algorithm}:{}", digits.to_ascii_lowercase()).parse().map_err(|error| format!("{error}")),
        [] => Err(format!("it has no checksum of {name}")),
        _ => Err(format!("it has several checksums of {name}")),
    }
}

/// The digits of a line that is about `name`, whatever folder it stands in.
fn digits_of<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (digits, path) = line.split_once(char::is_whitespace)?;
    let path = path.trim_start().trim_start_matches('*');
    (path.rsplit('/').next() == Some(name)).then_some(digits)
}
