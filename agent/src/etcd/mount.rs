//! Whether the partition for what lasts is really there.
//!
//! A folder that should be a mount point and is not looks like an empty disk; nothing may be concluded from it.

use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use std::io;
use std::path::Path;

/// Whether something is mounted on the folder: the root of a mount, as the kernel says (`STATX_ATTR_MOUNT_ROOT`, since
/// Linux 5.8).
pub(crate) fn is_mount_point(folder: &Path) -> io::Result<bool> {
    let status = statx(CWD, folder, AtFlags::empty(), StatxFlags::TYPE)?;
    Ok(status.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}
