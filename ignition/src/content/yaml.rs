//! Writes typed values as YAML for files on a node.

use super::ContentError;
use serde::Serialize;

/// The value as one YAML document. Words that YAML 1.1 reads as something else are quoted.
pub(super) fn document(path: &str, value: &impl Serialize) -> Result<String, ContentError> {
    // Long texts stay on their line: folded ones are the same to a parser and harder on the eye.
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options)
        .map_err(|error| ContentError::Format { path: path.to_owned(), reason: error.to_string() })
}

/// The value as JSON, one level a line, with a line end.
pub(super) fn json(path: &str, value: &impl Serialize) -> Result<String, ContentError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| ContentError::Format { path: path.to_owned(), reason: error.to_string() })?;
    Ok(text + "\n")
}
