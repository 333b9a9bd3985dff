//! What carries a node's tree, read by other programs: the shell and GNU tar, mtools, `fsck.fat`, `blkid`.
//!
//! A real cloud-init reads it in `cloud_init.rs`, a real Ignition in crate `cli`.

#[cfg(test)]
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
#[path = "../site/mod.rs"]
mod site;

#[cfg(test)]
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../tools/mod.rs"]
mod tools;

#[cfg(test)]
mod cloud_init;
#[cfg(test)]
mod drives;
#[cfg(test)]
mod read;
