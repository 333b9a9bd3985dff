//! Why work on addons stops before its end: for good, or to begin again from what the cluster then holds.

use crate::failure::{Code, Failure};
use crate::texts::Text;

/// See above.
#[derive(Debug)]
pub(super) enum Stop {
    /// The step fails.
    Failed(Failure),
    /// Another try may help; the code is for when patience ends.
    Again(&'static Code, Text),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
