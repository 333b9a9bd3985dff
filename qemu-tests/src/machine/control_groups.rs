//! Control groups of machines: one below each hierarchy of this machine.
//!
//! Groups that an earlier run left are removed at power-on, as a switched-off machine has none: the kubelet would wait
//! seconds for each dead container in them.

use crate::Result;
use fs_err as fs;
use std::path::{Path, PathBuf};

const TOP: &str = "kfimg-lab";

/// The hierarchies: those of control groups v1 where there are any, else the one of v2.
pub(super) struct Hierarchies {
    mounts: Vec<PathBuf>,
    /// Whether they are v1.
    pub(super) legacy: bool,
}

impl Hierarchies {
    /// Those of this machine.
    pub(super) fn of_this_machine() -> Result<Self> {
        let text = fs::read_to_string("/proc/mounts")?;
        let of_type = |wanted: &str| -> Vec<PathBuf> {
            let lines = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            let found =
                lines.filter(|fields| fields.get(2) == Some(&wanted) && fields[1].starts_with("/sys/fs/cgroup"));
            found.map(|fields| PathBuf::from(fields[1])).collect()
        };
        let legacy = of_type("cgroup");
        if legacy.is_empty() {
            return Ok(Self { mounts: of_type("cgroup2"), legacy: false });
        }
        Ok(Self { mounts: legacy, legacy: true })
    }

    /// Makes the machine's groups, empty; gives the files that take a process into them.
    pub(super) fn make(&self, lab: &str, machine: &str) -> Result<Vec<PathBuf>> {
        let mut doors = Vec::new();
        for mount in &self.mounts {
            let mut group = mount.clone();
            for part in [TOP, lab, machine] {
                group.push(part);
                fs::create_dir_all(&group)?;
                inherit_processors(&group)?;
            }
            doors.push(group.join("cgroup.procs"));
        }
        Ok(doors)
    }

    /// Removes the machine's groups and those below it, where nothing runs in them.
    pub(super) fn remove(&self, lab: &str, machine: &str) {
        for mount in &self.mounts {
            remove_tree(&mount.join(TOP).join(lab).join(machine));
        }
    }
}

/// Removes what all machines of a lab left.
pub(crate) fn remove_lab(lab: &str) {
    let Ok(hierarchies) = Hierarchies::of_this_machine() else { return };
    for mount in &hierarchies.mounts {
        remove_tree(&mount.join(TOP).join(lab));
        let _ = fs::remove_dir(mount.join(TOP));
    }
}

/// A new group of `cpuset` has no processor until it is given some.
fn inherit_processors(group: &Path) -> Result<()> {
    for file in ["cpuset.cpus", "cpuset.mems"] {
        let above = group.with_file_name(file);
        if group.join(file).exists() && above.exists() {
            let value = fs::read(above)?;
            if !value.trim_ascii().is_empty() {
                fs::write(group.join(file), value)?;
            }
        }
    }
    Ok(())
}

/// Folders only: the files of a group go with it.
fn remove_tree(group: &Path) {
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_tree(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
