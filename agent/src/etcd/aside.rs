//! Setting etcd's data aside: a rename, so that nothing is lost and it takes no time.
//!
//! When that is right is the guard's to decide. etcd must have ended.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// etcd's own folder in its data folder.
pub(crate) const MEMBER: &str = "member";
/// What the name of a folder that was set aside begins with; the second since 1970 follows.
const PREFIX: &str = "member.aside-";
/// Folders that are kept beside the one in use: disks must not fill.
const KEPT: usize = 2;

/// Renames `member/` to `member.aside-<seconds>` and fsyncs the folder above. Of older ones the newest stays, the others
/// are removed first. [`None`]: there was nothing to set aside.
pub(crate) fn set_aside(data_dir: &Path, now: i64) -> io::Result<Option<PathBuf>> {
    let member = data_dir.join(MEMBER);
    if !fs_err::exists(&member)? {
        return Ok(None);
    }
    let mut older = asides(data_dir)?;
    // A clock that went back must not make the newest look older.
    let number = older.last().map_or(now, |(newest, _)| now.max(newest.saturating_add(1)));
    older.truncate(older.len().saturating_sub(KEPT - 1));
    for (_, path) in older {
        fs_err::remove_dir_all(path)?;
    }
    let target = data_dir.join(format!("{PREFIX}{number}"));
    fs_err::rename(&member, &target)?;
    sync_folder(data_dir)?;
    Ok(Some(target))
}

/// What was set aside, oldest first.
fn asides(data_dir: &Path) -> io::Result<Vec<(i64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(data_dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|number| number.parse().ok());
        found.extend(number.map(|number| (number, entry.path())));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the names in a folder last.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::{MEMBER, set_aside};
    use std::fs;
    use std::path::Path;
    use tempfile::TempDir;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn the_last_two_are_kept_whatever_the_clock_says() {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("marker.json"), "{}").unwrap();
        assert_eq!(set_aside(folder.path(), 5).unwrap(), None, "nothing to set aside");
        let expected = [
            (100, vec!["member.aside-100"]),
            (100, vec!["member.aside-100", "member.aside-101"]),
            (7, vec!["member.aside-101", "member.aside-102"]),
            (1_800_000_000, vec!["member.aside-102", "member.aside-1800000000"]),
        ];
        for (write, (now, expected)) in expected.into_iter().enumerate() {
            fs::create_dir(folder.path().join(MEMBER)).unwrap();
            fs::write(folder.path().join(MEMBER).join("content"), write.to_string()).unwrap();
            let target = set_aside(folder.path(), now).unwrap().unwrap();
            assert_eq!(fs::read_to_string(target.join("content")).unwrap(), write.to_string());
            assert_eq!(names(folder.path()), [vec!["marker.json"], expected].concat());
        }
    }
}
