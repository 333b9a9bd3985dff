//! Control groups of machines: one below each hierarchy of this machine.
//!
//! Groups that an earlier run left are removed at power-on, as a switched-off machine has none: the kubelet would wait
//! seconds for each dead container in them.

use super::process::Process;
use crate::Result;
use crate::wait::{Look, wait_for};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

const TOP: &str = "kfimg-lab";
/// The kernel ends all processes of a group in this time.
const END: Duration = Duration::from_secs(30);

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

    /// Ends whatever still runs in the machine's groups: its systemd, when somebody has killed only the systemd-nspawn before it.
    pub(super) fn end(&self, lab: &str, machine: &str) -> Result<()> {
        self.end_below(&Path::new(lab).join(machine))
    }

    fn end_below(&self, group: &Path) -> Result<()> {
        let groups: Vec<PathBuf> = self.mounts.iter().map(|mount| mount.join(TOP).join(group)).collect();
        let look = || {
            let mut left = Vec::new();
            groups.iter().for_each(|group| members(group, &mut left));
            groups.iter().for_each(|group| thaw(group));
            left.iter().try_for_each(|process| process.kill())?;
            Ok(Look::when(left.is_empty(), (), || format!("{left:?}")))
        };
        wait_for(&format!("the end of all that runs in {TOP}/{}", group.display()), END, look).map(drop)
    }

    /// Removes the machine's groups and those below it, where nothing runs in them.
    pub(super) fn remove(&self, lab: &str, machine: &str) {
        for mount in &self.mounts {
            remove_tree(&mount.join(TOP).join(lab).join(machine));
        }
    }
}

/// Ends whatever runs in the groups of a lab.
pub(crate) fn end_lab(lab: &str) -> Result<()> {
    Hierarchies::of_this_machine()?.end_below(Path::new(lab))
}

/// Processes that run in a group and in those below it.
fn members(group: &Path, found: &mut Vec<Process>) {
    let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let numbers = text.lines().filter_map(|line| line.parse().ok()).filter_map(Process::of);
    found.extend(numbers.filter(|process| process.is_alive()));
    folders(group).iter().for_each(|below| members(below, found));
}

/// runc freezes a group of v1 while it sets its devices: what was frozen when the power went hears no signal before it is thawed.
fn thaw(group: &Path) {
    let state = group.join("freezer.state");
    if state.exists() {
        // A group that has gone meanwhile needs none.
        let _ = fs::write(state, "THAWED");
    }
    folders(group).iter().for_each(|below| thaw(below));
}

/// The groups below this one.
fn folders(group: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(group).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
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
    folders(group).iter().for_each(|below| remove_tree(below));
    let _ = fs::remove_dir(group);
}
