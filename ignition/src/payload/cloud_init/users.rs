//! People who may log in, in the words of cloud-init's module `users-groups`, as Ignition makes them.

use crate::tree;
use serde::{Serialize, Serializer};

/// All users of a node.
pub(super) struct Users<'a>(pub(super) Vec<User<'a>>);

impl Serialize for Users<'_> {
    /// Without a list a distribution makes a user of its own, and an empty one is not valid before cloud-init 23: an empty list of
    /// names in the list is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const NOBODY: [[&str; 0]; 1] = [[]];
        if self.0.is_empty() { NOBODY.serialize(serializer) } else { self.0.serialize(serializer) }
    }
}

/// A user. A password that nobody can have, as Ignition gives it, stays Ignition's `*`: cloud-init's own lock is a `!`, with
/// which some SSH servers refuse keys too.
#[derive(Serialize)]
pub(super) struct User<'a> {
    name: &'a str,
    lock_passwd: bool,
    /// Of users that are there already too.
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_passwd: Option<&'a str>,
    /// Of new users alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    passwd: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    groups: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    ssh_authorized_keys: &'a [String],
}

impl<'a> User<'a> {
    /// The user of a tree.
    pub(super) fn of(user: &'a tree::User) -> Self {
        let exists = user.name == "root";
        Self {
            name: &user.name,
            lock_passwd: false,
            hashed_passwd: user.password_hash.as_deref(),
            passwd: (user.password_hash.is_none() && !exists).then_some("*"),
            groups: &user.groups,
            ssh_authorized_keys: &user.ssh_authorized_keys,
        }
    }
}
