//! People who may log in, at the console or by SSH, as a last resort.
//!
//! Nothing of a cluster needs them: without users in the description this writes nothing. System users are in
//! [`super::accounts`].

use super::{Content, ContentError, Context};
use crate::tree::User;
use std::fmt::Write as _;

const SUDOERS: &str = "/etc/sudoers.d/kfimg";
const SSHD: &str = "/etc/ssh/sshd_config.d/10-kfimg.conf";

/// Some builds of Ignition (Debian's) put keys into a file of their own.
const KEYS_ONLY: &str = "\
AuthorizedKeysFile .ssh/authorized_keys .ssh/authorized_keys.d/ignition
PasswordAuthentication no
KbdInteractiveAuthentication no
";

/// Writes the users, who may use `sudo`, and that SSH takes keys only: a password is for the console.
pub(super) fn write(context: &Context<'_>, content: &mut Content) -> Result<(), ContentError> {
    let users = &context.cluster.users;
    if users.is_empty() {
        return Ok(());
    }
    for user in users {
        content.tree.user(User {
            name: user.name.clone(),
            ssh_authorized_keys: user.ssh_authorized_keys.clone(),
            password_hash: user.password_hash.clone(),
            groups: user.groups.clone(),
        })?;
    }
    let mut sudoers = String::new();
    for name in users.iter().filter(|user| user.sudo).map(|user| &user.name) {
        check_name(name)?;
        let _ = writeln!(sudoers, "{name} ALL=(ALL:ALL) NOPASSWD: ALL");
    }
    if !sudoers.is_empty() {
        content.tree.file(SUDOERS, 0o440, sudoers)?;
    }
    let root_has_key = users.iter().any(|user| user.name == "root" && !user.ssh_authorized_keys.is_empty());
    let root = if root_has_key { "prohibit-password" } else { "no" };
    Ok(content.tree.file(SSHD, 0o600, format!("{KEYS_ONLY}PermitRootLogin {root}\n"))?)
}

/// A name of other characters could say something else to sudo.
fn check_name(name: &str) -> Result<(), ContentError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        return Ok(());
    }
    Err(ContentError::Format { path: SUDOERS.to_owned(), reason: format!("{name:?} is no login name") })
}
