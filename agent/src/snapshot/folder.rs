//! The folder of snapshots: names, what lies beside each, and which are kept.
//!
//! Nothing is removed before its successor is complete.

use crate::files;
use rustix::fs::{FlockOperation, flock, statvfs};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

/// Name of a file that is not complete.
const PARTIAL: &str = ".snapshot.partial";

/// What is written beside a snapshot, as `<name>.json`.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    /// Name of the Kubernetes cluster.
    pub(super) cluster: String,
    /// Its identity.
    pub(super) uid: String,
    /// The incarnation that it was in.
    pub(super) incarnation: u32,
    /// Generation of the member's plan.
    pub(super) generation: u64,
    /// The member whose data they are.
    pub(super) member: String,
    /// Version of etcd that wrote it.
    pub(super) etcd_version: String,
    /// Revision of the data.
    pub(super) revision: u64,
    /// Second since 1970.
    pub(super) taken: i64,
    /// Bytes of the file.
    pub(super) size: u64,
    /// SHA-256 of the file, hexadecimal, as `sha256sum` prints it.
    pub(super) sha256: String,
}

/// The folder, locked for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What the names of this cluster's snapshots begin with.
    prefix: String,
    opened: File,
}

impl Folder {
    /// Opens and locks it; makes it, mode 0700, when it is missing.
    pub(super) fn open(path: PathBuf, cluster: &str) -> io::Result<Self> {
        if !path.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        }
        let opened = File::open(&path)?;
        flock(&opened, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::other(format!("{}: another snapshot is being taken", path.display())))?;
        Ok(Self { path, prefix: format!("etcd-{cluster}-"), opened })
    }

    /// Where the next one is written.
    pub(super) fn partial(&self) -> PathBuf {
        self.path.join(PARTIAL)
    }

    /// Removes what an interrupted run left.
    pub(super) fn sweep(&self) -> io::Result<()> {
        for entry in fs_err::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let left_over = name.to_str().is_some_and(|name| {
                let alone = |stem: &str| self.is_ours(stem) && !self.file(stem, "db").exists();
                name.starts_with('.') && name.ends_with(".partial") || name.strip_suffix(".json").is_some_and(alone)
            });
            if left_over {
                fs_err::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Bytes that anybody may still write.
    pub(super) fn free(&self) -> io::Result<u64> {
        let status = statvfs(&self.path)?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    /// Gives the finished file its name and writes what is known about it; the name, without an ending.
    pub(super) fn keep(&self, record: &Record) -> io::Result<String> {
        let name = format!("{}{}-rev{}", self.prefix, utc(record.taken), record.revision);
        let text = serde_json::to_vec_pretty(record)?;
        // First what tells about it: a snapshot without it would be one that nobody can check.
        let partial = self.path.join(format!(".{name}.json.partial"));
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        file.write_all(&text)?;
        file.sync_all()?;
        fs_err::rename(&partial, self.file(&name, "json"))?;
        fs_err::set_permissions(self.partial(), Permissions::from_mode(0o600))?;
        fs_err::rename(self.partial(), self.file(&name, "db"))?;
        self.opened.sync_all()?;
        Ok(name)
    }

    /// Removes the oldest ones of this cluster until `retain` are left; never the one that is named.
    pub(super) fn retain(&self, newest: &str, retain: u32) -> io::Result<()> {
        let mut names = self.names()?;
        names.retain(|name| name != newest);
        self.remove_oldest(names, retain.saturating_sub(1))
    }

    /// Removes what an older plan kept beyond `retain`, before room is looked for; never the last one.
    pub(super) fn trim(&self, retain: u32) -> io::Result<()> {
        self.remove_oldest(self.names()?, retain.max(1))
    }

    fn remove_oldest(&self, mut names: Vec<String>, kept: u32) -> io::Result<()> {
        let kept = usize::try_from(kept).unwrap_or(usize::MAX);
        names.truncate(names.len().saturating_sub(kept));
        for name in names {
            fs_err::remove_file(self.file(&name, "db"))?;
            files::remove(&self.file(&name, "json"))?;
        }
        self.opened.sync_all()
    }

    /// Names of this cluster's snapshots without their ending, oldest first.
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs_err::read_dir(&self.path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let stem = name.strip_suffix(".db").filter(|stem| self.is_ours(stem));
            names.extend(stem.map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }

    /// One cluster's name may begin like another's.
    fn is_ours(&self, stem: &str) -> bool {
        let rest = stem.strip_prefix(&self.prefix).and_then(|rest| rest.split_once("-rev"));
        rest.is_some_and(|(time, revision)| {
            time.len() == "20260102T030405Z".len()
                && time.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b'Z'))
                && revision.bytes().all(|byte| byte.is_ascii_digit())
        })
    }

    fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.path.join(format!("{name}.{ending}"))
    }
}

/// A second since 1970 as `20260102T030405Z` (ISO 8601, basic format).
fn utc(second: i64) -> String {
    let (mut days, time) = (second.div_euclid(86_400), second.rem_euclid(86_400));
    let leap = |year: i64| i64::from(year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    let mut year = 1970;
    while days >= 365 + leap(year) {
        days -= 365 + leap(year);
        year += 1;
    }
    let lengths = [31, 28 + leap(year), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    format!("{year:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z", month + 1, days + 1)
}

#[cfg(test)]
mod tests {
    use super::{Folder, Record, utc};
    use std::fs;
    use tempfile::TempDir;

    fn record(taken: i64) -> Record {
        Record {
            cluster: "demo".to_owned(),
            uid: "uid".to_owned(),
            incarnation: 1,
            generation: 4,
            member: "master1".to_owned(),
            etcd_version: "3.6.8".to_owned(),
            revision: 7,
            taken,
            size: 3,
            sha256: "00".to_owned(),
        }
    }

    fn names(path: &std::path::Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|name| name.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn times_are_written_as_the_calendar_has_them() {
        let cases = [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_767_323_045, "20260102T030405Z"),
            (4_107_542_399, "21000228T235959Z"),
            (4_107_542_400, "21000301T000000Z"),
        ];
        for (second, text) in cases {
            assert_eq!(utc(second), text);
        }
    }

    #[test]
    fn the_newest_are_kept_and_strangers_stay() {
        let place = TempDir::new().unwrap();
        let path = place.path().join("snapshots");
        let folder = Folder::open(path.clone(), "demo").unwrap();
        assert!(Folder::open(path.clone(), "demo").is_err(), "two at once");
        let strangers = ["etcd-demo-two-20260102T030405Z-rev7.db", "etcd-demo-x.db", "notes.txt"];
        for name in strangers {
            fs::write(path.join(name), "mine").unwrap();
        }
        // The last is taken with a clock that went back: it stays nevertheless.
        for taken in [1_767_323_045, 1_767_323_046, 1_767_323_047, 1_000_000_000] {
            fs::write(folder.partial(), "abc").unwrap();
            let name = folder.keep(&record(taken)).unwrap();
            folder.retain(&name, 2).unwrap();
            assert!(path.join(format!("{name}.db")).exists());
        }
        let kept = ["etcd-demo-20010909T014640Z-rev7", "etcd-demo-20260102T030407Z-rev7"];
        let mut expected: Vec<String> = strangers.map(str::to_owned).into();
        expected.extend(kept.iter().flat_map(|name| [format!("{name}.db"), format!("{name}.json")]));
        expected.sort();
        assert_eq!(names(&path), expected);
        let text = fs::read(path.join(format!("{}.json", kept[1]))).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&text).unwrap(), record(1_767_323_047));

        folder.trim(2).unwrap();
        assert_eq!(names(&path), expected, "no more were kept");
        fs::write(folder.partial(), "half").unwrap();
        fs::write(path.join("etcd-demo-20260102T030409Z-rev7.json"), "{}").unwrap();
        folder.sweep().unwrap();
        assert_eq!(names(&path), expected, "what an interrupted run left is gone");
        folder.trim(0).unwrap();
        assert!(!path.join(format!("{}.db", kept[0])).exists() && path.join(format!("{}.db", kept[1])).exists());
    }
}
