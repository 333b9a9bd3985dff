//! What opening a payload can find. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const DAMAGED: Code = Code {
    name: "SEALED_DAMAGED",
    weight: Weight::Fatal,
    meaning: "the sealed part of the payload is missing, damaged, or not what the plan says",
    remedy: "deliver the payload again as `kfimg render` wrote it, and boot",
};
pub(super) const WRONG_KEY: Code = Code {
    name: "SEALED_WRONG_KEY",
    weight: Weight::Warning,
    meaning: "a key was found that does not open this node's payload; the node looks for another one",
    remedy: "bring the identity of a recipient that `kfimg render --seal` was given, or the passphrase",
};

/// Codes of this step.
pub(crate) const CODES: &[Code] = &[DAMAGED, WRONG_KEY];
