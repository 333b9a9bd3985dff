//! How a cluster's payloads are sealed, and the keys that a site would have for it.
//!
//! How keys reach machines is in [`crate::machine`].

use crate::command::{command, succeed};
use crate::{Error, Result};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What `kfimg render --seal` is given.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Seal {
    /// Owners of keys: a recipient.
    Age(String),
    /// Whoever knows this.
    Passphrase(String),
}

impl Seal {
    /// Writes the file that the option names; gives the option's value.
    pub(crate) fn write(&self, folder: &Path) -> Result<String> {
        let (form, text) = match self {
            Self::Age(recipient) => ("age", recipient),
            Self::Passphrase(passphrase) => ("passphrase", passphrase),
        };
        let file = folder.join(format!("seal-{form}.txt"));
        fs::write(&file, format!("{text}\n"))?;
        Ok(format!("{form}:{}", file.display()))
    }
}

/// A new pair of keys of age's own making: the identity file, and the seal for its owner.
///
/// # Errors
/// When `age-keygen` is missing or says something else.
pub fn new_pair() -> Result<(String, Seal)> {
    let identity = succeed(&mut command("age-keygen"))?;
    let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: "));
    let recipient = recipient.ok_or_else(|| Error::unusable("age-keygen", "it names no public key"))?.to_owned();
    Ok((identity, Seal::Age(recipient)))
}
