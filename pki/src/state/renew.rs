//! Certificates issued anew, each with a new key, before the old ones end.
//!
//! Authorities, service-account and encryption keys stay. Nothing is taken back: an old certificate is good until its end.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::error::Error;
use crate::request::{LeafSpec, Request};
use crate::state::ensure::{Outcome, Watch, expired_authorities, outcomes};
use crate::state::{State, holder_file};
use crate::store::holder_path;

/// A certificate that was issued anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Renewed {
    /// The node that holds it; none for the administrator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// What `kfimg pki show` calls it.
    pub name: String,
    /// The last moment of the one before.
    pub ended: Timestamp,
    /// Its last moment.
    pub not_after: Timestamp,
}

impl State {
    /// Issues every certificate of these nodes anew, of all nodes and of the administrator where none are named: names
    /// and windows as `request` has them, keys drawn. With `before`, those that end by then alone. Certificates that the
    /// state lacks are left to [`State::ensure`].
    ///
    /// It takes the state, so that one which failed half-way cannot be committed.
    ///
    /// # Errors
    ///
    /// [`Error::NoCertificates`] for a node that has none to renew, [`Error::AuthorityEnded`], and windows that outlive an
    /// authority.
    pub fn renew(
        self,
        request: &Request,
        nodes: &BTreeSet<String>,
        before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(Self, Vec<Renewed>), Error> {
        self.renew_watched(request, nodes, (before, now), &())
    }

    /// The same, while somebody watches.
    ///
    /// # Errors
    ///
    /// As [`State::renew`], and [`Error::Stopped`].
    pub fn renew_watched(
        mut self,
        request: &Request,
        nodes: &BTreeSet<String>,
        (before, now): (Option<Timestamp>, Timestamp),
        watch: &dyn Watch,
    ) -> Result<(Self, Vec<Renewed>), Error> {
        let ends = |spec: &LeafSpec| self.keys.leaf(spec.node.as_deref(), spec.leaf).map(|held| held.window().1);
        let is_due = |spec: &LeafSpec| before.is_none_or(|before| ends(spec).is_some_and(|end| end <= before));
        let specs: Vec<LeafSpec> = self.held(request, nodes)?.into_iter().filter(is_due).collect();
        let mut keys = Arc::unwrap_or_clone(std::mem::take(&mut self.keys));
        let ended = expired_authorities(&keys.authorities, now);
        if !ended.is_empty() {
            return Err(Error::AuthorityEnded { list: ended });
        }
        let issued = outcomes(&keys, &specs, (&request.policy, now), watch, |_| None)?;
        let mut renewed = Vec::new();
        for (spec, outcome) in specs.iter().zip(issued) {
            let Outcome::Issued(credential) = outcome? else { continue };
            let ended = keys.leaf(spec.node.as_deref(), spec.leaf).map_or(now, |held| held.window().1);
            let (node, name) = (spec.node.clone(), spec.leaf.file_stem().to_owned());
            renewed.push(Renewed { node, name, ended, not_after: credential.window().1 });
            self.add_leaf(&mut keys, spec, *credential);
        }
        let changed: BTreeSet<Option<&str>> = specs.iter().map(|spec| spec.node.as_deref()).collect();
        for node in changed {
            self.put(holder_path(node), holder_file::write(keys.leaves_mut(node)));
        }
        self.keys = Arc::new(keys);
        Ok((self, renewed))
    }

    /// The certificates that are to be renewed: those of the request that the state holds.
    fn held(&self, request: &Request, nodes: &BTreeSet<String>) -> Result<Vec<LeafSpec>, Error> {
        let is_held = |spec: &LeafSpec| self.keys.leaf(spec.node.as_deref(), spec.leaf).is_some();
        let is_wanted =
            |spec: &LeafSpec| nodes.is_empty() || spec.node.as_ref().is_some_and(|node| nodes.contains(node));
        let specs: Vec<_> = request.leaves().into_iter().filter(|spec| is_wanted(spec) && is_held(spec)).collect();
        let has_some = |node: &&String| specs.iter().any(|spec| spec.node.as_ref() == Some(*node));
        match nodes.iter().find(|node| !has_some(node)) {
            Some(node) => Err(Error::NoCertificates { node: node.clone() }),
            None => Ok(specs),
        }
    }
}
