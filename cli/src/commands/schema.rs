//! `kfimg schema`: the JSON Schema of the cluster description.

use crate::console::Console;
use crate::failure::Failure;

/// Prints the schema.
pub(crate) fn run(console: &Console) -> Result<(), Failure> {
    console.json(&kfimg_profiles::schema::schema())
}
