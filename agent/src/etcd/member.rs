//! This member: its place in the plan, its disk, and what it answers to others.
//!
//! Others' answers and the decision are not here.

use super::identity;
use super::manifest::Manifest;
use super::marker::Places;
use super::twin;
use crate::failure::{Failure, PLAN};
use crate::guard::{Answer, AnswerData, Marker, MarkerRead, MemberIndex, OwnData, Words};
use crate::http::Identity;
use crate::plan::{self, Plan};
use crate::program::Context;
use crate::root::Root;

/// Certificates of etcd on every member. The peer certificate is for both ends of a connection.
const AUTHORITY: &str = "/etc/kubernetes/pki/etcd/ca.crt";
const CERTIFICATE: &str = "/etc/kubernetes/pki/etcd/peer.crt";
const KEY: &str = "/etc/kubernetes/pki/etcd/peer.key";

/// This member.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// Its place in the plan's list.
    pub(crate) me: MemberIndex,
    /// Its plan.
    pub(crate) plan: Plan,
    /// The part about etcd.
    pub(crate) etcd: plan::Etcd,
    /// Digest of what members must agree on.
    pub(crate) digest: String,
    /// Its marker and data.
    pub(crate) places: Places,
    /// Its etcd.
    pub(crate) manifest: Manifest,
    /// What it tells others of its machine-id, see `twin`.
    pub(crate) machine: Option<String>,
    /// Where its paths begin.
    pub(crate) root: Root,
}

impl Member {
    /// The node that the plan is for.
    ///
    /// # Errors
    /// [`PLAN`] when the node is none of the members.
    pub(crate) fn of(context: &Context, etcd: &plan::Etcd) -> Result<Self, Failure> {
        let Context { root, plan } = context;
        let name = &plan.node.name;
        let me = etcd.members.iter().position(|member| member.name == *name);
        let me = me.ok_or_else(|| Failure::new(&PLAN, format!("{name} is none of the members of etcd in its plan")))?;
        Ok(Self {
            me,
            digest: identity::digest(plan),
            places: Places::of(root, plan, etcd),
            manifest: Manifest::of(root, plan, etcd),
            machine: twin::machine(root, &plan.cluster.uid),
            plan: plan.clone(),
            etcd: etcd.clone(),
            root: root.clone(),
        })
    }

    /// Its own words in the plan.
    pub(crate) fn own(&self) -> &plan::Member {
        &self.etcd.members[self.me]
    }

    /// A member's name.
    pub(crate) fn name(&self, member: MemberIndex) -> &str {
        self.etcd.members.get(member).map_or("?", |member| &member.name)
    }

    /// The peer certificate, with which it asks and answers.
    pub(crate) fn identity(&self) -> std::io::Result<Identity> {
        let at = |path| self.root.at(path);
        Identity::read(&at(AUTHORITY), &at(CERTIFICATE), &at(KEY))
    }

    /// What it tells others, from the disk as it is now.
    pub(crate) fn answer(&self) -> Answer {
        let data = self.places.inspect(self.manifest.is_running());
        let marker = self.places.read();
        Answer {
            uid: self.plan.cluster.uid.clone(),
            incarnation: self.plan.cluster.incarnation,
            digest: self.digest.clone(),
            data: told(data, &marker),
            marker: known(marker),
            generation: self.plan.generation,
            machine: self.machine.clone(),
        }
    }

    /// The plan's words, names replaced by places in the list.
    pub(crate) fn words(&self) -> Words {
        let place = |name: &String| self.etcd.members.iter().position(|member| member.name == *name);
        Words {
            recover_from: self.etcd.recover_from.as_ref().and_then(place),
            restore: self.etcd.restore.as_ref().and_then(|restore| place(&restore.node)),
            without: self.etcd.without.iter().filter_map(place).collect(),
            discard: self.etcd.discard.iter().filter_map(place).collect(),
            bootstrap_not_after: self.etcd.bootstrap_not_after,
        }
    }
}

/// A marker that can't be read makes the data as good as unknown: others must not take this member for a blank one.
fn told(data: OwnData, marker: &MarkerRead) -> AnswerData {
    match data {
        _ if *marker == MarkerRead::Unknown => AnswerData::Unknown,
        OwnData::Unknown => AnswerData::Unknown,
        OwnData::None => AnswerData::Empty,
        OwnData::Log { .. } | OwnData::Unreadable => AnswerData::Held,
    }
}

fn known(marker: MarkerRead) -> Option<Marker> {
    match marker {
        MarkerRead::Known(marker) => Some(marker),
        MarkerRead::None | MarkerRead::Unknown => None,
    }
}
