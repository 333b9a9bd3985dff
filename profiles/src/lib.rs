//! What people write about a cluster, read with care: layers of YAML and CSV become one description in which every value
//! knows the file, line and column it came from.
//!
//! This crate reads files only in [`load`]. It knows no cryptography, no images and no command line; it never opens a
//! network connection, looks up names only when asked ([`resolve`]) and draws nothing at random: the same input gives the
//! same cluster and the same problems.

pub mod builtin;
pub mod check;
pub mod cluster;
pub mod description;
pub mod document;
pub mod flags;
pub mod load;
pub mod problem;
pub mod reference;
pub mod resolve;
pub mod schema;
pub mod templates;
