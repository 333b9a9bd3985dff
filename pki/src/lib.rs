//! Certificates, keys and generations of one cluster, kept in its state folder.
//!
//! The way through this crate: [`Request`] says what a cluster needs (made from a validated cluster by [`inventory`]),
//! [`State`] opens the folder under its lock, [`State::ensure`] draws and issues what is missing and leaves everything
//! else byte for byte, [`State::credentials`] hands it out by role, [`State::commit`] publishes all changes at once.
//!
//! It is not a CA service: it signs nothing for strangers, reads no clock (the caller says what time it is) and opens
//! no connection. It is the only crate that draws random numbers.

pub mod credentials;
mod error;
pub mod facts;
mod generations;
mod incarnations;
pub mod inventory;
mod key;
pub mod kubeconfig;
mod pem;
mod request;
mod secret;
mod state;
mod store;
pub mod summary;
pub mod table;
pub mod x509;

pub use credentials::{Credential, Credentials, NodeCredentials};
pub use error::{Error, Kind};
pub use generations::Generations;
pub use incarnations::{Beginning, IncarnationFault};
pub use key::KeyAlgorithm;
pub use kubeconfig::Kubeconfig;
pub use request::{BroughtCa, LeafSpec, Node, Policy, Request, Role};
pub use secret::Secret;
pub use state::{Renewed, Rotated, RotatedKeys, Rotation, State, Warning, Watch, check};
pub use summary::Row;
pub use table::{Ca, Leaf};
pub use x509::San;
