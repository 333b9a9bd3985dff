//! What fetching can find. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const UNREACHABLE: Code = Code {
    name: "FETCH",
    weight: Weight::Retry,
    meaning: "the boot server does not give a file that belongs to this payload; addons wait for it",
    remedy: "look at the server that `delivery.bootServer` names: it must serve the output folder of this payload's render",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[UNREACHABLE];
