//! What a lab leaves whose process was killed: machines that go on without their systemd-nspawn, servers, mounts, loop devices,
//! namespaces, control groups.
//!
//! All of it is found by what this lab alone has. Its groups and namespaces carry its id, which is a digest of its folder; its
//! servers run in such a namespace and name the folder; mounts and loop devices lie below it. Nothing else is touched.

use crate::command::{command, ip, succeed};
use crate::machine::control_groups;
use crate::machine::process::Process;
use crate::wait::{Look, wait_for};
use crate::{Lab, Result};
use fs_err as fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The kernel ends processes and lets go of what they held in this time.
const BOUND: Duration = Duration::from_secs(30);
/// Where the kernel shows block devices.
const BLOCK: &str = "/sys/block";

/// Removes all that the lab of this folder left on this machine, whether the folder is still there or not; the folder stays.
///
/// # Errors
/// [`crate::Error::Late`] when the kernel keeps a process; those of the programs that take mounts and devices away.
pub fn remove(folder: &Path) -> Result<()> {
    let Some(folder) = absolute(folder) else { return Ok(()) };
    let id = Lab::id_of(&folder);
    control_groups::end_lab(&id)?;
    let namespaces = namespaces(&id);
    let servers = || {
        let left = servers(&namespaces, &folder);
        left.iter().try_for_each(|process| process.kill())?;
        Ok(Look::when(left.is_empty(), (), || format!("{left:?}")))
    };
    wait_for(&format!("the end of what ran for {}", folder.display()), BOUND, servers)?;
    for mount in mounts(&fs::read_to_string("/proc/self/mounts")?, &folder).iter().rev() {
        succeed(command("umount").arg("--lazy").arg(mount))?;
    }
    for device in loop_devices(Path::new(BLOCK), &folder) {
        // One that a mount had is away with it.
        let detached = succeed(command("losetup").arg("--detach").arg(&device));
        if loop_devices(Path::new(BLOCK), &folder).contains(&device) {
            detached?;
        }
    }
    for name in &namespaces {
        ip(["netns", "del", name.as_str()])?;
    }
    control_groups::remove_lab(&id);
    Ok(())
}

/// Removes the lab of this folder, however far it had come, with the folder.
///
/// # Errors
/// As [`remove`].
pub fn clear(folder: &Path) -> Result<()> {
    if let Ok(former) = Lab::open(folder) {
        // What it can't take apart in order is found by name.
        let _ = former.down();
    }
    remove(folder)?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(())
}

/// The folder's path as [`Lab`] digests it; none where even the folder above is missing, and so no lab can ever have been there.
fn absolute(folder: &Path) -> Option<PathBuf> {
    fs::canonicalize(folder).ok().or_else(|| Some(fs::canonicalize(folder.parent()?).ok()?.join(folder.file_name()?)))
}

/// Names of the lab's network namespaces.
fn namespaces(id: &str) -> Vec<String> {
    let own = format!("kflab-{id}");
    let Ok(entries) = fs::read_dir("/run/netns") else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))).collect()
}

/// Processes in one of these namespaces that were told of the folder.
fn servers(namespaces: &[String], folder: &Path) -> Vec<Process> {
    let inode = |path: &Path| fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let own: Vec<_> = namespaces.iter().filter_map(|name| inode(&crate::lan::namespace_path(name))).collect();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_ours = |pid: &u32| {
        let place = PathBuf::from(format!("/proc/{pid}"));
        let arguments = fs::read(place.join("cmdline")).unwrap_or_default();
        inode(&place.join("ns/net")).is_some_and(|found| own.contains(&found)) && names(&arguments, folder)
    };
    numbers.filter(is_ours).filter_map(Process::of).filter(|process| process.is_alive()).collect()
}

/// Whether something below the folder stands in the arguments of a process.
fn names(arguments: &[u8], folder: &Path) -> bool {
    let below = [folder.as_os_str().as_bytes(), b"/"].concat();
    arguments.windows(below.len()).any(|window| window == below)
}

/// Mount points below the folder, in the order in which they were mounted (`proc_pid_mounts(5)`).
fn mounts(table: &str, folder: &Path) -> Vec<PathBuf> {
    let points = table.lines().filter_map(|line| line.split(' ').nth(1));
    points.map(|point| PathBuf::from(point.replace("\\040", " "))).filter(|point| is_below(point, folder)).collect()
}

/// Loop devices whose file lies, or lay, below the folder.
fn loop_devices(block: &Path, folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(block) else { return Vec::new() };
    let of = |entry: fs::DirEntry| {
        let file = fs::read_to_string(entry.path().join("loop/backing_file")).ok()?;
        is_below(Path::new(file.trim_end()), folder).then(|| Path::new("/dev").join(entry.file_name()))
    };
    entries.flatten().filter_map(of).collect()
}

fn is_below(path: &Path, folder: &Path) -> bool {
    path != folder && path.starts_with(folder)
}

#[cfg(test)]
mod tests {
    use super::{loop_devices, mounts, names};
    use std::path::{Path, PathBuf};

    const FOLDER: &str = "/cache/scenarios/ha5";

    #[test]
    fn what_lies_below_the_folder_is_the_labs_and_nothing_beside_it() {
        let folder = Path::new(FOLDER);
        let table = "\
/dev/vda / ext4 rw 0 0
/dev/loop3 /cache/scenarios/ha5/machines/master1/disk ext4 rw 0 0
overlay /cache/scenarios/ha5/machines/master1/a\\040root overlay rw 0 0
/dev/loop4 /cache/scenarios/ha5-other/machines/master1/disk ext4 rw 0 0
tmpfs /cache/scenarios/ha5 tmpfs rw 0 0
";
        let expected = ["machines/master1/disk", "machines/master1/a root"].map(|path| folder.join(path));
        assert_eq!(mounts(table, folder), expected);

        assert!(names(b"kfimg\0serve\0--bundle\0/cache/scenarios/ha5/bundle\0", folder));
        assert!(!names(b"less\0/cache/scenarios/ha5.failed/qemu.log\0", folder));
        assert!(!names(b"bash\0", folder));
    }

    #[test]
    fn a_loop_device_is_known_by_its_file_also_when_that_is_deleted() {
        let block = std::env::temp_dir().join(format!("kfimg-lab-block-{}", std::process::id()));
        let files = [
            ("loop0", "/cache/scenarios/ha5/machines/master1/medium.img (deleted)\n"),
            ("loop1", "/cache/scenarios/ha5.failed/disk.img\n"),
            ("loop2", "/home/somebody/disk.img\n"),
        ];
        for (device, file) in files {
            std::fs::create_dir_all(block.join(device).join("loop")).unwrap();
            std::fs::write(block.join(device).join("loop/backing_file"), file).unwrap();
        }
        std::fs::create_dir_all(block.join("vda")).unwrap();
        let found = loop_devices(&block, Path::new(FOLDER));
        std::fs::remove_dir_all(&block).unwrap();
        assert_eq!(found, [PathBuf::from("/dev/loop0")]);
    }
}
