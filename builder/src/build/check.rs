//! What can be known of a request before anything is read.

use super::{LATEST, assemble, boot_words};
use crate::content::system;
use crate::error::Error;
use crate::lint;
use crate::request::Request;

/// Most bytes of the kernel's command line before root and payload.
const COMMAND_LINE: usize = 1024;
/// Arguments that only the build can know.
const OWN_ARGUMENTS: &[&str] = &["roothash=", "root=", "systemd.verity=", "kfimg.root="];

/// What can be known before anything is read.
pub(super) fn check(request: &Request<'_>) -> Result<(), Error> {
    let names = [("--image-id", Some(request.image_id)), ("--image-version", request.image_version)];
    if let Some((option, Some(text))) =
        names.into_iter().find(|(_, text)| text.is_some_and(|text| !system::is_name(text)))
    {
        let form = "lower-case letters, digits and . _ - + ~ only (os-release(5))";
        return Err(Error::Usage(format!("{option} {text}: write {form}")));
    }
    if let Some(id) = request.allowed.iter().find(|id| lint::LINTS.iter().all(|lint| lint.id != id.as_str())) {
        return Err(Error::Usage(format!(
            "--allow {id}: there is no such lint; `kfimg build --list-lints` lists them"
        )));
    }
    if request.source_date_epoch.is_some_and(|epoch| epoch > LATEST) {
        return Err(Error::Usage("SOURCE_DATE_EPOCH lies after the year 2106; write seconds since 1970".to_owned()));
    }
    check_command_line(request.command_line)?;
    if let Some((url, problem)) = request.root_url.and_then(|url| Some((url, boot_words::root_url(url)?))) {
        return Err(Error::Usage(format!("--root-url {}: {problem}", url.escape_debug())));
    }
    assemble::check(request)
}

/// Linux cuts what is longer than 2048 bytes off, and at the end stands where the root is; the payload's arguments come beside.
fn check_command_line(words: &str) -> Result<(), Error> {
    if words.contains(char::is_control) {
        return Err(Error::Usage("the kernel's command line is one line".to_owned()));
    }
    if words.len() > COMMAND_LINE {
        let length = words.len();
        let reason = "Linux reads 2048 bytes in all, and needs the rest for root and payload; say less with --append";
        return Err(Error::Usage(format!(
            "the kernel's command line: {length} bytes, and {COMMAND_LINE} are the most: {reason}"
        )));
    }
    match words.split_whitespace().find(|word| OWN_ARGUMENTS.iter().any(|own| word.starts_with(own))) {
        Some(word) => {
            Err(Error::Usage(format!("--append {word}: the build says itself where the root is; leave it out")))
        }
        None => Ok(()),
    }
}
