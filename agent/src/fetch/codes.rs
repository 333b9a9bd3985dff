//! What fetching can find. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const UNREACHABLE: Code = Code {
    name: "FETCH",
    weight: Weight::Retry,
    meaning: "the boot server does not give a file that belongs to this payload; addons wait for it",
    remedy: "look at the server that `delivery.bootServer` names: it must serve the output folder of this payload's render",
};

pub(super) const CHANGED: Code = Code {
    name: "FETCH_CHANGED",
    weight: Weight::Warning,
    meaning: "what the boot server gives is not what was rendered for this payload; nothing of it is applied, and it is asked for again",
    remedy: "let the server serve the output of this payload's render, and find out who changed it there or on the way",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[UNREACHABLE, CHANGED];
