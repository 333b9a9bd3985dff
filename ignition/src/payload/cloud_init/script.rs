//! The one command that lays the tree down, and the one that boots again.

use super::archive::Archive;
use crate::tree::{Entry, NodeTree};

/// Unit of the mount that would hide what cloud-init and others keep in `/var`.
const VAR_MOUNT: &str = "/etc/systemd/system/var.mount";
const UNPACK: &str = include_str!("unpack.sh");
const ACTIVATE: &str = include_str!("activate.sh");

/// When a machine may go on with what the tree brings, as a condition of the shell; always, where it is [`None`].
///
/// A partition that the tree mounts at `/var` can't be put over a running system's `/var`: a boot later it is there before
/// anything else. On a root that forgets, that boot would never be another one.
pub(super) fn condition(tree: &NodeTree) -> Option<String> {
    let Some(Entry::File(unit)) = tree.get(VAR_MOUNT) else { return None };
    let text = String::from_utf8_lossy(&unit.content);
    let device = text.lines().find_map(|line| line.strip_prefix("What=")).unwrap_or_default().to_owned();
    Some(format!(
        "findmnt -nS {device} -M /var >/dev/null || findmnt -nT /etc -t overlay,ramfs,rootfs,tmpfs >/dev/null"
    ))
}

/// The command of `bootcmd`.
pub(super) fn script(archive: &Archive, condition: Option<&str>) -> String {
    let activate = match condition {
        None => indented(ACTIVATE, "  "),
        Some(condition) => format!("  if {condition}; then\n{}  fi\n", indented(ACTIVATE, "    ")),
    };
    let (before, after) = UNPACK.split_once("ARCHIVE\n").expect("unpack.sh has a line for the archive");
    let (middle, end) = after.split_once("ACTIVATE\n").expect("unpack.sh has a line for what comes last");
    [before, &archive.base64, middle, &activate, end].concat()
}

fn indented(text: &str, by: &str) -> String {
    text.lines().map(|line| format!("{by}{line}\n")).collect()
}
