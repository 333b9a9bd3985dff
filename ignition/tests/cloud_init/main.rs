//! A real cloud-init and a real Ignition apply the same tree to the same Debian, each in namespaces of its own; what the two
//! systems differ in afterwards is listed here, and nothing else may differ.
//!
//! No systemd runs: what it would start is not judged here. `make cloud-init-test` runs this as root; the first time it takes
//! minutes and a mirror of Debian.

#[cfg(test)]
#[allow(dead_code, unreachable_pub, reason = "shared with other tests")]
#[path = "../site/mod.rs"]
mod site;

#[cfg(test)]
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../tools/mod.rs"]
mod tools;

#[cfg(test)]
mod comparison;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod system;
