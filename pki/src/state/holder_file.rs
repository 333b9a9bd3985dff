//! The file with all certificates and keys of one node.
//!
//! Sections in the order of [`Leaf`], each a line `# <name>`, the certificate with its intermediates, the key: PEM
//! blocks with comments between them (RFC 7468, section 2), which `openssl storeutl` reads as it stands.

use std::collections::BTreeMap;

use crate::credentials::Credential;
use crate::secret::Secret;
use crate::table::Leaf;

const HEADING: &str = "# ";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\n";

/// One certificate of the file.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

/// The text of the file.
pub(super) fn write(leaves: &BTreeMap<Leaf, Credential>) -> Secret {
    let parts = leaves
        .iter()
        .flat_map(|(leaf, held)| [HEADING, leaf.file_stem(), "\n", held.certificate_pem(), held.key_pem().expose()]);
    let parts: Vec<_> = parts.collect();
    // In one piece: a text that grows would leave copies of keys behind.
    Secret::new(parts.concat())
}

/// The sections of a file; the reason why it is not one, otherwise.
pub(super) fn sections(text: &str) -> Result<Vec<Section<'_>>, String> {
    let starts: Vec<_> = text.match_indices(HEADING).map(|(start, _)| start).collect();
    if starts.first() != Some(&0) {
        return Err("it does not begin with a heading".to_owned());
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| section(&text[*start..end])).collect()
}

fn section(text: &str) -> Result<Section<'_>, String> {
    let incomplete = || "a section is incomplete".to_owned();
    let (heading, body) = text.split_once('\n').ok_or_else(incomplete)?;
    let key = body.find(KEY).ok_or_else(incomplete)?;
    Ok(Section { name: &heading[HEADING.len()..], certificate: &body[..key], key: &body[key..] })
}
