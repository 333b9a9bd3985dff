//! etcd's `--initial-*` flags, as the guard's decision wants them.
//!
//! How they get into a manifest is in `manifest`. Source: etcd, "Clustering Guide", and `server/etcdmain/help.go`.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// State that etcd starts in when it has no log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum InitialState {
    /// It founds a cluster.
    New,
    /// It joins one.
    Existing,
}

/// The `--initial-*` flags. etcd ignores them when it has a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct InitialFlags {
    /// `--initial-cluster-state`
    pub(crate) state: InitialState,
    /// `--initial-cluster`: name and peer URL of each member.
    pub(crate) cluster: Vec<(String, String)>,
    /// `--initial-cluster-token`, which only founders need.
    pub(crate) token: Option<String>,
    /// `--initial-advertise-peer-urls`: the own peer URL.
    pub(crate) peer_url: String,
    /// `--force-new-cluster`
    pub(crate) force_new_cluster: bool,
}

impl InitialFlags {
    /// To found a cluster of these members.
    pub(crate) fn found(cluster: Vec<(String, String)>, token: String, peer_url: &str) -> Self {
        Self {
            state: InitialState::New,
            cluster,
            token: Some(token),
            peer_url: peer_url.to_owned(),
            force_new_cluster: false,
        }
    }

    /// To join a cluster whose list, this member included, is given.
    pub(crate) fn join(cluster: Vec<(String, String)>, peer_url: &str) -> Self {
        Self {
            state: InitialState::Existing,
            cluster,
            token: None,
            peer_url: peer_url.to_owned(),
            force_new_cluster: false,
        }
    }

    /// To go on with a log, and to be refused without one.
    pub(crate) fn self_only(name: &str, peer_url: &str) -> Self {
        Self::join(vec![(name.to_owned(), peer_url.to_owned())], peer_url)
    }

    /// To go on with a log as the only member.
    pub(crate) fn force_new(name: &str, peer_url: &str) -> Self {
        Self { force_new_cluster: true, ..Self::self_only(name, peer_url) }
    }

    /// Whether etcd may start with them once only: all but [`Self::self_only`].
    pub(super) fn once(&self) -> bool {
        self.state == InitialState::New || self.force_new_cluster || self.cluster.len() > 1
    }

    /// What tells a start from one with other flags.
    pub(super) fn id(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(self.arguments().join(" "))[..8])
    }

    pub(super) fn arguments(&self) -> Vec<String> {
        let state = if self.state == InitialState::New { "new" } else { "existing" };
        let members: Vec<String> = self.cluster.iter().map(|(name, url)| format!("{name}={url}")).collect();
        let mut arguments = vec![
            format!("--initial-advertise-peer-urls={}", self.peer_url),
            format!("--initial-cluster={}", members.join(",")),
            format!("--initial-cluster-state={state}"),
        ];
        arguments.extend(self.token.iter().map(|token| format!("--initial-cluster-token={token}")));
        arguments.extend(self.force_new_cluster.then(|| "--force-new-cluster".to_owned()));
        arguments
    }
}
