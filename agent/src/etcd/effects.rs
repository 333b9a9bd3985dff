//! Carries out the effects of a decision, one after the other; each lasts on disk before the next begins.
//!
//! Which effects, and in which order, is the decision's. Changes to the quorum's list of members are in `membership`.

use super::flags::InitialFlags;
use super::manifest::ManifestError;
use super::member::Member;
use super::membership::{Membership, Refused};
use super::restore::{Restore, RestoreError};
use super::round::{Questions, Round};
use super::{aside, identity, log};
use crate::guard::{ClusterId, Effect, Marker, NonceSet, Phase, StartMode};
use crate::step;
use std::time::Duration;

/// etcd ends within this time after its manifest is gone, or something is wrong with the kubelet.
pub(crate) const STOP: Duration = Duration::from_secs(90);

/// Why an effect was not carried out; those after it are left out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EffectError {
    /// The disk refused.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
    /// The manifest could not be written, or etcd does not end.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The snapshot was not restored.
    #[error("{0}")]
    Restore(#[from] RestoreError),
    /// The quorum did not do it now.
    #[error("{0}")]
    Refused(#[from] Refused),
}

/// Carries out all of them.
///
/// # Errors
/// The first that fails ends the list; the table is to be read again.
pub(crate) fn carry_out(
    effects: &[Effect],
    member: &Member,
    questions: &Questions,
    round: &Round,
) -> Result<(), EffectError> {
    let mut membership = Membership::of(member, questions, round);
    for effect in effects {
        match effect {
            Effect::StopEtcd => member.manifest.stop_and_wait(STOP)?,
            Effect::SetAside => drop(aside::set_aside(member.places.data_dir(), step::now())?),
            Effect::WriteOutside(marker) => member.places.write_outside(&complete(member, marker))?,
            Effect::WriteBeside(marker) => member.places.write_beside(&complete(member, marker))?,
            Effect::RemoveEntries => membership.remove_mine()?,
            Effect::AddLearner => membership.add_me()?,
            Effect::Promote => membership.promote_me()?,
            Effect::Start(mode) => start(member, mode, &membership)?,
            Effect::BuildRestored(set) => Restore::of(&member.root, &member.plan, &member.places)?.build(set)?,
            Effect::AdoptRestored => Restore::of(&member.root, &member.plan, &member.places)?.adopt()?,
        }
    }
    Ok(())
}

/// A marker of founders gets the id that etcd will derive from what they found the cluster with.
fn complete(member: &Member, marker: &Marker) -> Marker {
    let cluster = match marker.cluster {
        None if marker.phase == Phase::Committed => Some(founded(member, &marker.nonce_set)),
        // `ready` with the own data: those that were just built from a snapshot.
        None => Restore::of(&member.root, &member.plan, &member.places)
            .ok()
            .map(|restore| restore.cluster(&marker.nonce_set)),
        cluster => cluster,
    };
    Marker { cluster, ..marker.clone() }
}

fn founded(member: &Member, set: &NonceSet) -> ClusterId {
    let founders = founders(member);
    let pairs: Vec<(&str, &str)> = founders.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
    identity::cluster_id(&pairs, &token(member, set))
}

fn token(member: &Member, set: &NonceSet) -> String {
    identity::token(&member.plan.cluster.uid, member.plan.cluster.incarnation, set)
}

/// Name and peer URL of all members but those whose disks are gone for good.
fn founders(member: &Member) -> Vec<(String, String)> {
    let all = member.etcd.members.iter().filter(|other| !member.etcd.without.contains(&other.name));
    all.map(|other| (other.name.clone(), other.peer_url.clone())).collect()
}

fn start(member: &Member, mode: &StartMode, membership: &Membership<'_>) -> Result<(), EffectError> {
    let (name, url) = (&member.own().name, &member.own().peer_url);
    let flags = match mode {
        StartMode::New(set) => InitialFlags::found(founders(member), token(member, set), url),
        StartMode::Existing(_) => InitialFlags::join(membership.initial_cluster()?, url),
        StartMode::SelfOnly => InitialFlags::self_only(name, url),
        StartMode::ForceNew => InitialFlags::force_new(name, url),
    };
    if *mode == StartMode::ForceNew {
        let left = log::commit_all(member.places.data_dir())?;
        if left > 0 {
            step::tell(format_args!("etcd: {left} entries of the log were not known to be committed, and count"));
        }
    }
    // A log without entries and a lone `snap/db` are no data, but etcd trips over them.
    if matches!(mode, StartMode::New(_) | StartMode::Existing(_)) {
        aside::set_aside(member.places.data_dir(), step::now())?;
    }
    Ok(member.manifest.install(&flags)?)
}
