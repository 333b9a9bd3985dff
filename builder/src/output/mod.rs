//! What all outputs share: their errors, files that are whole or not there, programs that are executed, and what the kernel is
//! told about its root.

mod atomic;
mod error;
mod medium;
mod tool;

pub(crate) use atomic::NewFile;
pub use error::{OutputError, OutputErrorKind};
pub use medium::{Medium, RootHash};
pub(crate) use tool::Tool;
