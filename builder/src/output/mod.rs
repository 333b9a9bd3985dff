//! What all outputs share: their errors, files that are whole or not there, programs that are executed, who looks on,
//! and what the kernel is told about its root.

mod atomic;
pub(crate) mod child;
mod error;
mod growth;
mod medium;
mod tool;
mod watch;

pub(crate) use atomic::NewFile;
pub(crate) use error::remedy;
pub use error::{OutputError, OutputErrorKind};
pub(crate) use growth::Growth;
pub use medium::{Medium, RootHash};
pub(crate) use tool::Tool;
pub use watch::Watch;
