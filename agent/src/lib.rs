//! What kfimg writes for a node's agent: the plan.
//!
//! The renderer and the agent share these types, so that neither can misread the other.

pub mod guard;
pub mod plan;

pub use plan::Plan;
