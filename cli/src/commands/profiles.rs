//! `kfimg profiles`: what one can start from.

use crate::console::Console;
use crate::failure::Failure;
use kfimg_profiles::builtin;
use serde_json::json;

/// Prints the built-in profiles.
pub(crate) fn run(console: &Console) -> Result<(), Failure> {
    if console.is_json() {
        let rows: Vec<_> =
            builtin::PROFILES.iter().map(|profile| json!({"name": profile.name, "summary": profile.summary})).collect();
        return console.json(&rows);
    }
    let rows = builtin::PROFILES.iter().map(|profile| [profile.name.to_owned(), profile.summary.to_owned()]);
    console.columns(["PROFILE", "WHAT IT IS"], rows)
}
