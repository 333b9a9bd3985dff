//! A certificate for a server of the site's own: the registry, which nodes know by the cluster's authority.
//!
//! It is kept nowhere: whoever asks for it holds the only key, and asks anew at its next start.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::credentials::Credential;
use crate::error::Error;
use crate::key::{KeyAlgorithm, PrivateKey};
use crate::pem;
use crate::state::State;
use crate::state::ensure::check_begun;
use crate::table::{Ca, Usage};
use crate::x509::San;
use crate::x509::issue::{Signer, Subject, Window};

impl State {
    /// A new certificate of the cluster's authority for a server with these names, and its key. It ends after `length`, or
    /// with the authority. Nobody is let in as a client by it.
    ///
    /// # Errors
    ///
    /// [`Error::NoCredentials`] before [`State::ensure`], [`Error::NotYetValid`] and [`Error::AuthorityEnded`] for the
    /// authority, [`Error::UnusableName`].
    pub fn issue_server(
        &self,
        common_name: &str,
        names: &BTreeSet<San>,
        length: Duration,
        now: Timestamp,
    ) -> Result<Credential, Error> {
        let authority = self.keys.authorities.get(&Ca::Kubernetes);
        let authority = authority.ok_or_else(|| Error::NoCredentials("the kubernetes CA".to_owned()))?;
        check_begun(authority, now)?;
        let end = authority.not_after();
        if end <= now {
            return Err(Error::AuthorityEnded { list: vec![format!("kubernetes CA ({end})")] });
        }
        let mut window = Window::starting(now, length)?;
        window.not_after = window.not_after.min(end);
        let key = PrivateKey::draw(KeyAlgorithm::EcdsaP256)?;
        let usage = Usage { server: true, client: false };
        let subject = Subject { label: common_name, common_name, organization: None, usage, names };
        let certificate = Signer::new(authority)?.sign(&subject, &key, window)?;
        let text = pem::certificate(&certificate.der) + &authority.intermediates_pem();
        Ok(Credential::new(certificate, text, key.to_pem()))
    }
}
