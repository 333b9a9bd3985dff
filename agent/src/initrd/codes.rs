//! What can go wrong before the root is there. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const COMMAND_LINE: Code = Code {
    name: "COMMAND_LINE",
    weight: Weight::Fatal,
    meaning: "the kernel's command line says something about the image that nobody can obey",
    remedy: "correct kfimg.root where the boot loader gets it from: initrd, an http address, or LABEL= and the label of a medium",
};
pub(super) const ROOT_IMAGE: Code = Code {
    name: "ROOT_IMAGE",
    weight: Weight::Fatal,
    meaning: "the root image is not where the kernel's command line says, or can't be used",
    remedy: "use kernel, initrd and root of one build; see that the medium is whole and that the machine has memory for what it carries",
};
pub(super) const ROOT_FETCH: Code = Code {
    name: "ROOT_FETCH",
    weight: Weight::Warning,
    meaning: "the boot server does not give the root image that belongs to this initrd; it is asked again",
    remedy: "look at the server that kfimg.root names, and at the machine's address: the file must be the one of the initrd's build",
};
pub(super) const MACHINE_UNKNOWN: Code = Code {
    name: "MACHINE_UNKNOWN",
    weight: Weight::Fatal,
    meaning: "a drive with the payloads of all machines is attached, and has none for this machine's network cards",
    remedy: "correct the node's `mac` in the description and render the drive again, or take the drive away and switch the machine off and on",
};
pub(super) const PAYLOAD_MISSING: Code = Code {
    name: "PAYLOAD_MISSING",
    weight: Weight::Fatal,
    meaning: "no payload has reached this machine, and none of an earlier boot is kept on its data partition",
    remedy: "deliver the node's payload by one of the ways that docs/image.md lists, and switch the machine off and on again",
};
pub(super) const PAYLOAD_FOREIGN: Code = Code {
    name: "PAYLOAD_FOREIGN",
    weight: Weight::Warning,
    meaning: "what reached this machine is an Ignition configuration without a plan of kfimg's, so it has no generation",
    remedy: "deliver what `kfimg render` wrote for this node",
};
pub(super) const PAYLOAD_OLDER: Code = Code {
    name: "PAYLOAD_OLDER",
    weight: Weight::Warning,
    meaning: "the payload that reached this machine is of a lower generation than the kept one, which is used",
    remedy: "deliver the payload of the last render",
};
pub(super) const PAYLOAD_KEPT: Code = Code {
    name: "PAYLOAD_KEPT",
    weight: Weight::Warning,
    meaning: "no payload has reached this machine, and the one that was kept is used",
    remedy: "nothing, if payloads were taken away on purpose; else look at the boot server or at what is attached to the machine",
};
pub(super) const PAYLOAD_DAMAGED: Code = Code {
    name: "PAYLOAD_DAMAGED",
    weight: Weight::Warning,
    meaning: "the payload that was kept on the data partition can't be read",
    remedy: "boot the node once with its payload delivered: it is kept anew",
};
pub(super) const NOT_KEPT: Code = Code {
    name: "NOT_KEPT",
    weight: Weight::Retry,
    meaning: "this boot's payload could not be written to the data partition, so the next boot needs it delivered again",
    remedy: "look at the data partition: is it full, is it mounted?",
};

/// Codes of these.
pub(crate) const CODES: &[Code] = &[
    COMMAND_LINE,
    ROOT_IMAGE,
    ROOT_FETCH,
    MACHINE_UNKNOWN,
    PAYLOAD_MISSING,
    PAYLOAD_FOREIGN,
    PAYLOAD_OLDER,
    PAYLOAD_KEPT,
    PAYLOAD_DAMAGED,
    NOT_KEPT,
];
