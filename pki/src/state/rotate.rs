//! New keys for service-account tokens and for encryption at rest, without a moment in which something cannot be read.
//!
//! Nodes take a new payload one after the other, so a key is used only when all of them know it: each change is one
//! render, which every control plane boots before the next one is made.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::key::{PrivateKey, draw_encryption_key, fingerprint};
use crate::request::Policy;
use crate::secret::Secret;
use crate::state::{EncryptionKeyPair, ServiceAccountKey, State};
use crate::store::{Listed, key_path};

/// Keys that are rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rotated {
    /// Those that sign and verify service-account tokens.
    ServiceAccount,
    /// Those that encrypt Secrets in etcd.
    Encryption,
}

/// A change of a list of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Rotation {
    /// A new key stands behind the one in use: everybody learns to read with it.
    Added,
    /// The new key stands before the old one: it is used, and the old one still reads.
    InUse,
    /// The old key is gone.
    Dropped,
}

/// The names of the keys after a change, the one in use first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RotatedKeys {
    /// What was done.
    pub rotation: Rotation,
    /// The names.
    pub keys: Vec<String>,
}

impl State {
    /// Makes the next change of a list of keys: adds one, takes it into use, drops the old one.
    ///
    /// It takes the state, so that one which failed half-way cannot be committed.
    ///
    /// # Errors
    ///
    /// What drawing a key can say.
    pub fn rotate(mut self, which: Rotated, policy: &Policy) -> Result<(Self, RotatedKeys), Error> {
        let rotation = self.next_rotation(which);
        let mut keys = Arc::unwrap_or_clone(std::mem::take(&mut self.keys));
        let rotated = match which {
            Rotated::ServiceAccount => {
                let listed = &mut self.index.service_account_keys;
                let new = |name| {
                    let key = ServiceAccountKey::new(name, &PrivateKey::draw(policy.algorithm)?);
                    let file = key.private_pem.clone();
                    let listed = Listed { name: key.name.clone(), sha256: key.fingerprint.clone() };
                    Ok((key, listed, file))
                };
                change(rotation, "service-account", &mut keys.service_account, listed, new)?
            }
            Rotated::Encryption => {
                let new = |name| {
                    let key = EncryptionKeyPair { name, base64: draw_encryption_key()? };
                    let sha256 = fingerprint(key.base64.expose().as_bytes());
                    let file = Secret::new(format!("{}\n", key.base64.expose()));
                    let listed = Listed { name: key.name.clone(), sha256 };
                    Ok((key, listed, file))
                };
                change(rotation, "encryption", &mut keys.encryption, &mut self.index.encryption_keys, new)?
            }
        };
        self.keys = Arc::new(keys);
        self.index.rotated.insert(which, self.index.generations.current());
        if let Some((name, file)) = rotated {
            self.put(key_path(&name), file);
        }
        let keys = self.listed(which).iter().map(|listed| listed.name.clone()).collect();
        Ok((self, RotatedKeys { rotation, keys }))
    }

    /// What [`State::rotate`] would do.
    #[must_use]
    pub fn next_rotation(&self, which: Rotated) -> Rotation {
        let newest = self.listed(which).iter().map(|listed| number(&listed.name)).max();
        match self.listed(which) {
            [_] => Rotation::Added,
            [first, ..] if Some(number(&first.name)) == newest => Rotation::Dropped,
            _ => Rotation::InUse,
        }
    }

    /// Whether no render came after the last change of these keys: then no payload has what it made.
    #[must_use]
    pub fn rotation_awaits_render(&self, which: Rotated) -> bool {
        self.index.rotated.get(&which) == Some(&self.index.generations.current())
    }

    fn listed(&self, which: Rotated) -> &[Listed] {
        match which {
            Rotated::ServiceAccount => &self.index.service_account_keys,
            Rotated::Encryption => &self.index.encryption_keys,
        }
    }
}

/// Changes both lists alike; gives the file of a new key.
fn change<K>(
    rotation: Rotation,
    kind: &str,
    keys: &mut Vec<K>,
    listed: &mut Vec<Listed>,
    new: impl FnOnce(String) -> Result<(K, Listed, Secret), Error>,
) -> Result<Option<(String, Secret)>, Error> {
    match rotation {
        Rotation::Added => {
            let next = listed.iter().map(|listed| number(&listed.name)).max().unwrap_or(0) + 1;
            let (key, entry, file) = new(format!("{kind}-{next}"))?;
            let name = entry.name.clone();
            keys.push(key);
            listed.push(entry);
            return Ok(Some((name, file)));
        }
        Rotation::InUse => {
            keys.reverse();
            listed.reverse();
        }
        Rotation::Dropped => {
            keys.truncate(1);
            listed.truncate(1);
        }
    }
    Ok(None)
}

/// The number at the end of a key's name.
fn number(name: &str) -> u32 {
    name.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
