//! Draws and issues what a request needs and the state lacks; leaves everything else byte for byte.
//!
//! It writes no file; [`State::commit`] does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::credentials::Credential;
use crate::error::Error;
use crate::key::{PrivateKey, draw_encryption_key, fingerprint};
use crate::pem;
use crate::request::{LeafSpec, Policy, Request};
use crate::secret::Secret;
use crate::state::ending::{Warning, warnings};
use crate::state::{EncryptionKeyPair, Keys, ServiceAccountKey, State, holder_file};
use crate::store::{Listed, authority_path, holder_path, is_plain_name, key_path};
use crate::table::Ca;
use crate::x509::Certificate;
use crate::x509::authority::Authority;
use crate::x509::issue::{Signer, Window};

/// What happens to one certificate.
pub(super) enum Outcome {
    Kept,
    Expired(String),
    Issued(Box<Credential>),
}

/// Hears how far certificates have come: with thousands of machines, or RSA keys, that takes a while.
pub trait Watch: Sync {
    /// So many are looked at; those that are good already take no time.
    fn begin(&self, certificates: usize);
    /// One is done, in whichever thread.
    fn one(&self);
    /// Whether nobody waits for them any more; asked before each.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Nobody watches.
impl Watch for () {
    fn begin(&self, _: usize) {}
    fn one(&self) {}
}

impl State {
    /// Makes sure that everything in `request` exists. Certificates whose names changed are issued again for their old
    /// key; all others stay. Nodes that the request no longer has keep theirs.
    ///
    /// It takes the state, so that one which failed half-way cannot be committed.
    ///
    /// # Errors
    ///
    /// Unusable or changed brought authorities, windows that outlive an authority, expired certificates, impossible
    /// names.
    pub fn ensure(self, request: &Request, now: Timestamp) -> Result<(Self, Vec<Warning>), Error> {
        self.ensure_watched(request, now, &())
    }

    /// The same, while somebody watches.
    ///
    /// # Errors
    ///
    /// As [`State::ensure`], and [`Error::Stopped`].
    pub fn ensure_watched(
        mut self,
        request: &Request,
        now: Timestamp,
        watch: &dyn Watch,
    ) -> Result<(Self, Vec<Warning>), Error> {
        let mut keys = Arc::unwrap_or_clone(std::mem::take(&mut self.keys));
        check_names(request)?;
        self.ensure_authorities(&mut keys, request, now)?;
        self.ensure_common_keys(&mut keys, &request.policy)?;
        let specs = request.leaves();
        self.ensure_leaves(&mut keys, &specs, (&request.policy, now), watch)?;
        let warnings = warnings(&keys, &specs, &request.policy, now);
        self.keys = Arc::new(keys);
        self.nodes = Arc::new(request.nodes.iter().map(|node| (node.name.clone(), node.clone())).collect());
        self.ca_key_on_nodes = request.policy.ca_key_on_nodes;
        Ok((self, warnings))
    }

    fn ensure_authorities(&mut self, keys: &mut Keys, request: &Request, now: Timestamp) -> Result<(), Error> {
        for ca in Ca::ALL {
            let brought = request.brought.get(&ca).map(|brought| Authority::bring(ca, brought)).transpose()?;
            match (keys.authorities.get(&ca), brought) {
                (Some(held), Some(brought)) => self.check_unchanged(held, &brought)?,
                (Some(_), None) => {}
                (None, Some(brought)) => self.add_authority(keys, brought),
                (None, None) => self.add_authority(keys, Authority::draw(ca, &request.policy, now)?),
            }
        }
        check_distinct(&keys.authorities, request)?;
        keys.authorities.values().try_for_each(|authority| check_begun(authority, now))
    }

    fn add_authority(&mut self, keys: &mut Keys, authority: Authority) {
        let (ca, bundle) = (authority.ca, authority.bundle_pem());
        self.index.authorities.insert(ca, fingerprint(bundle.as_bytes()));
        self.put(authority_path(ca, "crt"), Secret::new(bundle));
        self.put(authority_path(ca, "key"), authority.key.clone());
        keys.authorities.insert(ca, authority);
    }

    fn check_unchanged(&self, held: &Authority, brought: &Authority) -> Result<(), Error> {
        if held.bundle_pem() == brought.bundle_pem() {
            return Ok(());
        }
        let chain = |authority: &Authority| {
            let list: Vec<_> = authority.chain().iter().map(Certificate::fingerprint).collect();
            list.join(" + ")
        };
        Err(Error::CaChanged {
            ca: held.ca.label(),
            path: self.folder.path(authority_path(held.ca, "crt")),
            brought: chain(brought),
            held: chain(held),
        })
    }

    fn ensure_common_keys(&mut self, keys: &mut Keys, policy: &Policy) -> Result<(), Error> {
        if keys.service_account.is_empty() {
            let key = ServiceAccountKey::new("service-account-1".to_owned(), &PrivateKey::draw(policy.algorithm)?);
            let listed = Listed { name: key.name.clone(), sha256: key.fingerprint.clone() };
            self.index.service_account_keys.push(listed);
            self.put(key_path(&key.name), key.private_pem.clone());
            keys.service_account.push(key);
        }
        if keys.encryption.is_empty() {
            let key = EncryptionKeyPair { name: "encryption-1".to_owned(), base64: draw_encryption_key()? };
            let listed = Listed { name: key.name.clone(), sha256: fingerprint(key.base64.expose().as_bytes()) };
            self.index.encryption_keys.push(listed);
            self.put(key_path(&key.name), Secret::new(format!("{}\n", key.base64.expose())));
            keys.encryption.push(key);
        }
        Ok(())
    }

    fn ensure_leaves(
        &mut self,
        keys: &mut Keys,
        specs: &[LeafSpec],
        (policy, now): (&Policy, Timestamp),
        watch: &dyn Watch,
    ) -> Result<(), Error> {
        let held = |spec: &LeafSpec| keys.leaf(spec.node.as_deref(), spec.leaf);
        let outcomes = outcomes(keys, specs, (policy, now), watch, held)?;
        let mut expired = expired_authorities(&keys.authorities, now);
        let mut changed = BTreeSet::new();
        for (spec, outcome) in specs.iter().zip(outcomes) {
            match outcome? {
                Outcome::Kept => {}
                Outcome::Expired(label) => expired.push(label),
                Outcome::Issued(credential) => {
                    changed.insert(spec.node.as_deref());
                    self.add_leaf(keys, spec, *credential);
                }
            }
        }
        if !expired.is_empty() {
            return Err(Error::Expired { list: expired });
        }
        for node in changed {
            self.put(holder_path(node), holder_file::write(keys.leaves_mut(node)));
        }
        Ok(())
    }

    pub(super) fn add_leaf(&mut self, keys: &mut Keys, spec: &LeafSpec, credential: Credential) {
        let node = spec.node.as_deref();
        let listed = match node {
            Some(node) => self.index.nodes.entry(node.to_owned()).or_default(),
            None => &mut self.index.administrator,
        };
        listed.insert(spec.leaf, credential.certificate.fingerprint());
        keys.leaves_mut(node).insert(spec.leaf, credential);
    }
}

/// Everything about a request that can be judged without a state: brought authorities and windows. All problems at
/// once.
pub fn check(request: &Request, now: Timestamp) -> Vec<Error> {
    let mut problems = Vec::new();
    problems.extend(check_names(request).err());
    let leaf_end = Window::starting(now, request.policy.leaf_window);
    let own_end = Window::starting(now, request.policy.ca_window);
    let (Ok(leaf), Ok(own)) = (&leaf_end, &own_end) else {
        problems.extend([leaf_end.err(), own_end.err()].into_iter().flatten());
        return problems;
    };
    let mut authorities = BTreeMap::new();
    for ca in Ca::ALL {
        let end = match request.brought.get(&ca).map(|brought| Authority::bring(ca, brought)) {
            None => own.not_after,
            Some(Ok(authority)) => {
                problems.extend(check_begun(&authority, now).err());
                let end = authority.not_after();
                authorities.insert(ca, authority);
                end
            }
            Some(Err(problem)) => {
                problems.push(problem);
                continue;
            }
        };
        problems.extend(check_window(ca, leaf.not_after, end, now).err());
    }
    problems.extend(check_distinct(&authorities, request).err());
    problems
}

/// Whether a leaf that ends at `leaf_end` fits an authority that ends at `ca_end`.
fn check_window(ca: Ca, leaf_end: Timestamp, ca_end: Timestamp, now: Timestamp) -> Result<(), Error> {
    if ca_end <= now {
        return Err(Error::Expired { list: vec![format!("{} CA ({ca_end})", ca.label())] });
    }
    if leaf_end > ca_end {
        let (leaf_ends, ca_ends) = (leaf_end.to_string(), ca_end.to_string());
        return Err(Error::BeyondCa { ca: ca.label(), leaf_ends, ca_ends });
    }
    Ok(())
}

/// What happens to each certificate, on all cores. `held` finds the one that there is; without one a key is drawn.
pub(super) fn outcomes<'a>(
    keys: &'a Keys,
    specs: &[LeafSpec],
    (policy, now): (&Policy, Timestamp),
    watch: &dyn Watch,
    held: impl Fn(&LeafSpec) -> Option<&'a Credential> + Sync,
) -> Result<Vec<Result<Outcome, Error>>, Error> {
    let authorities = keys.authorities.values();
    let signers = authorities
        .map(|authority| Ok((authority.ca, Signer::new(authority)?)))
        .collect::<Result<BTreeMap<_, _>, Error>>()?;
    let window = Window::starting(now, policy.leaf_window)?;
    let decide = |spec: &LeafSpec| {
        if watch.is_stopped() {
            return Err(Error::Stopped);
        }
        let ca = spec.leaf.profile().ca;
        let outcome = decide(spec, held(spec), (&keys.authorities[&ca], &signers[&ca]), (policy, window), now);
        watch.one();
        outcome
    };
    watch.begin(specs.len());
    Ok(specs.par_iter().map(decide).collect())
}

fn decide(
    spec: &LeafSpec,
    held: Option<&Credential>,
    (authority, signer): (&Authority, &Signer<'_>),
    (policy, window): (&Policy, Window),
    now: Timestamp,
) -> Result<Outcome, Error> {
    if let Some(held) = held.filter(|held| matches(spec, &held.certificate)) {
        let end = held.certificate.not_after;
        return Ok(if end <= now { Outcome::Expired(format!("{} ({end})", spec.label())) } else { Outcome::Kept });
    }
    check_window(authority.ca, window.not_after, authority.not_after(), now)?;
    let key = match held {
        Some(held) => PrivateKey::read(held.key_pem().expose(), held.certificate.key_kind)
            .map_err(|reason| Error::crypto("reading a key again", reason))?,
        None => PrivateKey::draw(policy.algorithm)?,
    };
    let certificate = signer.leaf(spec, &key, window)?;
    let text = pem::certificate(&certificate.der) + &authority.intermediates_pem();
    Ok(Outcome::Issued(Box::new(Credential::new(certificate, text, key.to_pem()))))
}

/// Whether a certificate is what the table and the request ask for.
fn matches(spec: &LeafSpec, certificate: &Certificate) -> bool {
    let profile = spec.leaf.profile();
    certificate.common_name.as_deref() == Some(spec.common_name().as_str())
        && certificate.organization.as_deref() == profile.organization
        && certificate.usage == Some(profile.usage)
        && certificate.names == spec.names
}

/// Names become folder names, so they must be nothing else.
fn check_names(request: &Request) -> Result<(), Error> {
    match request.nodes.iter().find(|node| !is_plain_name(&node.name)) {
        None => Ok(()),
        Some(node) => Err(Error::UnusableName {
            name: node.name.clone(),
            certificate: "kubelet-client".to_owned(),
            reason: "a node's name must be an RFC 1123 name".to_owned(),
        }),
    }
}

/// Authorities with one key would let the clients of one pass for clients of the other.
fn check_distinct(authorities: &BTreeMap<Ca, Authority>, request: &Request) -> Result<(), Error> {
    let list: Vec<_> = authorities.values().collect();
    for (index, authority) in list.iter().enumerate() {
        let twin = list[..index].iter().find(|other| other.issuing().public_key == authority.issuing().public_key);
        if let Some(twin) = twin {
            return Err(Error::UnusableCa {
                ca: authority.ca.label(),
                source_files: request.brought.get(&authority.ca).map_or_else(String::new, |ca| ca.source.clone()),
                reason: format!(
                    "it has the same key as the {} CA, so clients of the one would pass for clients of the other; \
                     bring a CA of its own, or none",
                    twin.ca.label()
                ),
            });
        }
    }
    Ok(())
}

pub(super) fn check_begun(authority: &Authority, now: Timestamp) -> Result<(), Error> {
    let starts = authority.not_before();
    if starts > now {
        return Err(Error::NotYetValid { ca: authority.ca.label(), starts: starts.to_string() });
    }
    Ok(())
}

pub(super) fn expired_authorities(authorities: &BTreeMap<Ca, Authority>, now: Timestamp) -> Vec<String> {
    let ended = authorities.values().filter(|authority| authority.not_after() <= now);
    ended.map(|authority| format!("{} CA ({})", authority.ca.label(), authority.not_after())).collect()
}
