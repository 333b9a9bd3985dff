//! System users that components run as: fixed numbers, the same on every node, so that a file's owner can be rendered.
//!
//! The numbers lie in the range that `systemd-sysusers(8)` hands out (below 1000) at a place that distributions leave
//! free. People who log in are in [`super::users`].

use super::{Content, ContentError, Context};
use std::fmt::Write as _;

/// A system user with a group of the same name and number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    pub(super) name: &'static str,
    pub(super) uid: u32,
}

/// Owns etcd's data (CIS 1.1.12 wants `etcd:etcd`).
pub(super) const ETCD: Account = Account { name: "etcd", uid: 850 };
/// Runs the API server.
pub(super) const API_SERVER: Account = Account { name: "kube-apiserver", uid: 851 };
/// Runs the controller-manager.
pub(super) const CONTROLLER_MANAGER: Account = Account { name: "kube-controller-manager", uid: 852 };
/// Runs the scheduler.
pub(super) const SCHEDULER: Account = Account { name: "kube-scheduler", uid: 853 };
/// Runs haproxy.
pub(super) const HAPROXY: Account = Account { name: "kube-haproxy", uid: 854 };

const ACCOUNTS: [Account; 5] = [ETCD, API_SERVER, CONTROLLER_MANAGER, SCHEDULER, HAPROXY];

/// Writes `sysusers.d(5)` lines for all of them on every node: a number never changes its meaning with the role.
pub(super) fn write(_context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let mut text = String::from("# Type Name ID GECOS Home Shell\n");
    for Account { name, uid } in ACCOUNTS {
        let _ = writeln!(text, "u {name} {uid} \"{name} of Kubernetes\" / /usr/sbin/nologin");
    }
    Ok(content.tree.file("/etc/sysusers.d/kfimg.conf", 0o644, text)?)
}
