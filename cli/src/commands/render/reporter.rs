//! By what a node's reports are known as its own.

use crate::failure::Failure;
use data_encoding::HEXLOWER;
use kfimg_ignition::content::takes_report_token;
use kfimg_pki::{Credentials, Secret};
use sha2::{Digest, Sha256};

/// A node's token, and what others may know of it.
pub(super) struct Reporter {
    token: Secret,
    sha256: String,
}

impl Reporter {
    /// Of a node; `None` where it reports nowhere, or with a token that all nodes have.
    pub(super) fn of(url: Option<&str>, credentials: &Credentials, node: &str) -> Result<Option<Self>, Failure> {
        if !url.is_some_and(takes_report_token) {
            return Ok(None);
        }
        let token = credentials.report_token(node)?;
        let sha256 = HEXLOWER.encode(&Sha256::digest(token.expose()));
        Ok(Some(Self { token, sha256 }))
    }

    pub(super) fn token(&self) -> &str {
        self.token.expose()
    }

    pub(super) fn sha256(&self) -> &str {
        &self.sha256
    }
}
