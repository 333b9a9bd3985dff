//! What can go wrong with the data partition. `docs/boot.md` explains every one.

use crate::failure::{Code, Weight};

pub(super) const MISSING: Code = Code {
    name: "DATA_DISK_MISSING",
    weight: Weight::Fatal,
    meaning: "no free disk of this machine is the data disk that the description names, or has the size that it gives",
    remedy: "connect or enlarge the disk, or correct `dataDisk` in the description (`lsblk` shows what is there); nothing was changed",
};
pub(super) const NOT_EMPTY: Code = Code {
    name: "DATA_DISK_NOT_EMPTY",
    weight: Weight::Fatal,
    meaning: "the disk that is meant is there, but it carries something that is not kfimg's",
    remedy: "if that may go, empty the disk (`wipefs --all DISK?* DISK`) and boot; else connect another; nothing was changed",
};
pub(super) const AMBIGUOUS: Code = Code {
    name: "DATA_DISK_AMBIGUOUS",
    weight: Weight::Fatal,
    meaning: "several blank disks have the right size, and nobody can tell which is meant",
    remedy: "narrow `minSize` and `maxSize` of `dataDisk`, or name the disk by `id`; nothing was changed",
};
pub(super) const ELSEWHERE: Code = Code {
    name: "DATA_ELSEWHERE",
    weight: Weight::Fatal,
    meaning: "the data partition is on another disk than the one that the description names",
    remedy: "name that disk in `dataDisk` (by `id`: names such as /dev/sdb change), render, and boot; to begin anew on the named one, disconnect the other, or empty it after a look at what it holds",
};
pub(super) const TWICE: Code = Code {
    name: "DATA_PARTITION_TWICE",
    weight: Weight::Fatal,
    meaning: "several partitions are called as the data partition is, by label or by name, and nobody can tell which of them counts",
    remedy: "disconnect the disk that does not belong here, or empty it after a look at what it holds",
};
pub(super) const FILESYSTEM: Code = Code {
    name: "DATA_FILESYSTEM",
    weight: Weight::Fatal,
    meaning: "the data partition holds something else than the file system that the description names",
    remedy: "set `dataDisk.filesystem` to what is there; repair what is damaged with `fsck`; if it may go, `wipefs --all` the partition, and boot",
};
pub(super) const FAILED: Code = Code {
    name: "DATA_DISK_FAILED",
    weight: Weight::Retry,
    meaning: "the disk could not be partitioned or formatted; a boot after this begins where it ended",
    remedy: "look for disk errors in `journalctl -k`; the image must have sfdisk, partx, blkid and mkfs of the file system",
};
pub(super) const NOT_GROWN: Code = Code {
    name: "DATA_NOT_GROWN",
    weight: Weight::Warning,
    meaning: "the disk has room behind the data partition, and the partition could not be given it",
    remedy: "read the message; nothing is lost, and it is tried again at the next boot",
};

/// All of them.
pub(crate) const CODES: &[Code] = &[MISSING, NOT_EMPTY, AMBIGUOUS, TWICE, ELSEWHERE, FILESYSTEM, FAILED, NOT_GROWN];
