//! Setting etcd's data aside: a rename, so that nothing is lost and it takes no time.
//!
//! When that is right is the guard's to decide. etcd must have ended.

use super::log;
use crate::files::sync_folder;
use crate::guard::OwnData;
use std::io;
use std::path::{Path, PathBuf};

/// etcd's own folder in its data folder.
pub(crate) const MEMBER: &str = "member";
/// What the name of a folder that was set aside begins with; the second since 1970 follows.
const PREFIX: &str = "member.aside-";
/// Folders with data that are kept beside the one in use: disks must not fill.
const KEPT: usize = 2;

/// Renames `member/` to `member.aside-<seconds>` and fsyncs the folder above. Of older ones with data so many stay that
/// there are [`KEPT`], the others are removed first: what failed starts leave never takes the place of data. [`None`]:
/// there was nothing to set aside.
pub(crate) fn set_aside(data_dir: &Path, now: i64) -> io::Result<Option<PathBuf>> {
    let member = data_dir.join(MEMBER);
    if !fs_err::exists(&member)? {
        return Ok(None);
    }
    let older = asides(data_dir)?;
    // A clock that went back must not make the newest look older.
    let number = older.last().map_or(now, |(newest, _)| now.max(newest.saturating_add(1)));
    let (mut full, empty): (Vec<_>, Vec<_>) = older.into_iter().partition(|(_, path)| holds_data(path));
    let room = if holds_data(&member) { KEPT - 1 } else { KEPT };
    full.truncate(full.len().saturating_sub(room));
    for (_, path) in empty.into_iter().chain(full) {
        fs_err::remove_dir_all(path)?;
    }
    let target = data_dir.join(format!("{PREFIX}{number}"));
    fs_err::rename(&member, &target)?;
    sync_folder(data_dir)?;
    Ok(Some(target))
}

/// Whether there is more in it than what an etcd without a cluster writes. In doubt there is.
fn holds_data(member: &Path) -> bool {
    !matches!(log::inspect_member(member), OwnData::None | OwnData::Log { only_bootstrap: true, .. })
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
            make_member(folder.path(), "snap/1.snap", &write.to_string());
            let target = set_aside(folder.path(), now).unwrap().unwrap();
            assert_eq!(fs::read_to_string(target.join("snap/1.snap")).unwrap(), write.to_string());
            assert_eq!(names(folder.path()), [vec!["marker.json"], expected].concat());
        }
    }

    fn make_member(folder: &Path, file: &str, text: &str) {
        let file = folder.join(MEMBER).join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn what_failed_starts_leave_never_takes_the_place_of_data() {
        let folder = TempDir::new().unwrap();
        for now in [1, 2] {
            make_member(folder.path(), "snap/1.snap", "data");
            set_aside(folder.path(), now).unwrap();
        }
        for now in [3, 4, 5] {
            make_member(folder.path(), "snap/db", "a lone database");
            set_aside(folder.path(), now).unwrap();
            assert_eq!(
                names(folder.path()),
                ["member.aside-1", "member.aside-2", format!("member.aside-{now}").as_str()]
            );
        }
        make_member(folder.path(), "snap/1.snap", "data");
        set_aside(folder.path(), 6).unwrap();
        assert_eq!(names(folder.path()), ["member.aside-2", "member.aside-6"]);
    }
}
