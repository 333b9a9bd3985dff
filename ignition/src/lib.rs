//! Node content and the payloads that carry it.
//!
//! [`content`] knows Kubernetes and writes into a [`tree::NodeTree`]; [`payload`] knows formats and reads one, and [`cis`]
//! judges one. None of them opens files or connections, reads a clock or draws random numbers: the same input gives the same bytes.

pub mod cis;
pub mod content;
pub mod delivery;
pub mod payload;
pub mod tree;

pub use kfimg_agent::age;
pub use kfimg_agent::plan::SUPPORT_ENDS_SOON;
