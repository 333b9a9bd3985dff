//! Where a bundle may lie on a node: in the image, on the data partition, or on a volume that somebody plugged in.
//!
//! Nobody waits for a volume: one that is not there yet is not there.

use crate::command;
use crate::root::Root;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Folders of the image and of the data partition.
const FOLDERS: [&str; 2] = ["/usr/share/kfimg/bundle", "/var/lib/kfimg/bundle"];
/// A volume is found by the label of its file system, and may hold the bundle itself or in this folder.
const VOLUME: &str = "/dev/disk/by-label/kfimg-bundle";
const FOLDER_ON_VOLUME: &str = "bundle";
/// Bound of mounting; a dying stick may take long.
const TIME: Duration = Duration::from_secs(30);

/// The folders that hold a bundle, and the mounted volume.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// In the order in which they are asked for an image.
    pub(super) folders: Vec<PathBuf>,
    mounted: Option<PathBuf>,
    /// Why a volume that is there could not be used.
    pub(super) problem: Option<String>,
}

impl Places {
    /// Finds them, and mounts the volume.
    pub(super) fn find(root: &Root) -> Self {
        let mut places = Self::default();
        let mut candidates: Vec<PathBuf> = FOLDERS.iter().map(|folder| root.at(folder)).collect();
        let volume = root.at(VOLUME);
        if volume.exists() {
            let target = root.run().join("bundle");
            match mount(&volume, &target) {
                Ok(()) => {
                    candidates.extend([target.clone(), target.join(FOLDER_ON_VOLUME)]);
                    places.mounted = Some(target);
                }
                Err(reason) => places.problem = Some(reason),
            }
        }
        places.folders = candidates.into_iter().filter(|folder| folder.join("index.json").exists()).collect();
        if places.mounted.is_some()
            && places.problem.is_none()
            && places.folders.iter().all(|folder| !places.holds(folder))
        {
            places.problem = Some("the volume kfimg-bundle holds no OCI image layout (index.json)".to_owned());
        }
        places
    }

    fn holds(&self, folder: &std::path::Path) -> bool {
        self.mounted.as_ref().is_some_and(|mounted| folder.starts_with(mounted))
    }
}

impl Drop for Places {
    /// The volume may be pulled out afterwards.
    fn drop(&mut self) {
        if let Some(mounted) = &self.mounted {
            let _ = rustix::mount::unmount(mounted, rustix::mount::UnmountFlags::DETACH);
        }
    }
}

/// `mount(8)` finds out which file system it is, and loads its module.
fn mount(volume: &std::path::Path, target: &std::path::Path) -> Result<(), String> {
    std::fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
    // Left by a run that was killed.
    let _ = rustix::mount::unmount(target, rustix::mount::UnmountFlags::DETACH);
    let mut command = Command::new("mount");
    command.args(["-o", "ro,nosuid,nodev,noexec"]).arg(volume).arg(target);
    command::output(&mut command, TIME, 4096).map(drop).map_err(|error| error.to_string())
}
