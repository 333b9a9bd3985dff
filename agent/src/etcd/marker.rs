//! The marker on disk: two places, each a JSON file that is replaced as a whole.
//!
//! What it means is in `guard::marker`; which place is written first is the decision's.

use super::log;
use super::mount::is_mount_point;
use crate::files::{replace, sync_folder};
use crate::guard::{Marker, MarkerRead, OwnData, PlaceRead, newest};
use crate::plan::{self, Plan};
use crate::root::Root;
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Name of the file in either place.
const FILE: &str = "marker.json";
/// No marker is larger, in bytes.
const LIMIT: u64 = 64 << 10;

/// Where the member's marker and data lie.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Outside the etcd folder, on another partition where there is one.
    pub(crate) outside: PathBuf,
    /// Beside `member/`.
    pub(crate) beside: PathBuf,
    /// Where the data partition must be mounted.
    mount_point: Option<PathBuf>,
    log: Arc<log::Kept>,
}

impl Places {
    /// The places that the plan names.
    pub(crate) fn of(root: &Root, plan: &Plan, etcd: &plan::Etcd) -> Self {
        Self {
            outside: root.at(&etcd.marker_dir).join(FILE),
            beside: root.at(&etcd.data_dir).join(FILE),
            mount_point: plan.data_partition.as_ref().map(|partition| root.at(&partition.mount_point)),
            log: Arc::default(),
        }
    }

    /// Folder of etcd's data.
    pub(crate) fn data_dir(&self) -> &Path {
        self.beside.parent().unwrap_or(Path::new("/"))
    }

    /// The newer of both places. A place that is not mounted, or can't be read, makes the whole unknown.
    pub(crate) fn read(&self) -> MarkerRead {
        newest(self.read_place(&self.outside), self.read_place(&self.beside))
    }

    /// The own data; unknown when the partition is not mounted. See [`log::inspect`].
    pub(crate) fn inspect(&self, running: bool) -> OwnData {
        match self.check_mounted() {
            Ok(()) => self.log.inspect(self.data_dir(), running),
            Err(_) => OwnData::Unknown,
        }
    }

    /// Replaces the marker outside the etcd folder.
    pub(crate) fn write_outside(&self, marker: &Marker) -> io::Result<()> {
        self.write(&self.outside, marker)
    }

    /// Replaces the marker beside `member/`.
    pub(crate) fn write_beside(&self, marker: &Marker) -> io::Result<()> {
        self.write(&self.beside, marker)
    }

    /// Fails when the data partition is not mounted.
    pub(crate) fn check_mounted(&self) -> io::Result<()> {
        let Some(mount_point) = &self.mount_point else { return Ok(()) };
        if is_mount_point(mount_point)? {
            return Ok(());
        }
        Err(io::Error::other(format!("{}: the data partition is not mounted", mount_point.display())))
    }

    fn read_place(&self, file: &Path) -> PlaceRead {
        if self.check_mounted().is_err() {
            return PlaceRead::Unknown;
        }
        match read_limited(file) {
            Ok(text) => serde_json::from_slice(&text).map_or(PlaceRead::Unknown, PlaceRead::Known),
            Err(error) if error.kind() == io::ErrorKind::NotFound => PlaceRead::None,
            Err(_) => PlaceRead::Unknown,
        }
    }

    fn write(&self, file: &Path, marker: &Marker) -> io::Result<()> {
        self.check_mounted()?;
        let folder = file.parent().unwrap_or(Path::new("/"));
        make_folder(folder)?;
        replace(file, &serde_json::to_vec(marker)?)
    }
}

fn read_limited(file: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs_err::File::open(file)?.take(LIMIT).read_to_end(&mut text)?;
    Ok(text)
}

/// A folder that is made lasts too.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests {
    use super::{FILE, Places};
    use crate::guard::{Marker, MarkerRead, Nonce, NonceSet, OwnData, Phase};
    use crate::plan::{DataPartition, Plan};
    use crate::root::Root;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use tempfile::TempDir;

    fn marker(counter: u64) -> Marker {
        Marker {
            uid: "uid".to_owned(),
            incarnation: 1,
            nonce: Nonce(7),
            nonce_set: NonceSet::default(),
            cluster: None,
            phase: Phase::Ready,
            counter,
        }
    }

    fn node(mounted_at: Option<&str>) -> (TempDir, Places) {
        let folder = TempDir::new().unwrap();
        let mut plan = Plan::fake();
        plan.data_partition = mounted_at.map(|path| DataPartition {
            label: "kfimg-data".to_owned(),
            mount_point: path.to_owned(),
            filesystem: "ext4".to_owned(),
            disk: None,
            min_disk_bytes: None,
            max_disk_bytes: None,
        });
        let places = Places::of(&Root::new(folder.path()), &plan, plan.etcd.as_ref().unwrap());
        fs::create_dir_all(places.data_dir()).unwrap();
        (folder, places)
    }

    #[test]
    fn what_is_written_is_read_and_the_newer_place_counts() {
        let (_folder, places) = node(None);
        assert_eq!(places.read(), MarkerRead::None);
        places.write_outside(&marker(1)).unwrap();
        assert_eq!(places.read(), MarkerRead::Known(marker(1)));
        places.write_beside(&marker(2)).unwrap();
        assert_eq!(places.read(), MarkerRead::Known(marker(2)));
        for file in [&places.outside, &places.beside] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
            let names: Vec<_> =
                fs::read_dir(file.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names, [FILE], "nothing is left over");
        }
    }

    #[test]
    fn a_place_that_cannot_be_read_makes_the_whole_unknown() {
        let whole = serde_json::to_string(&marker(3)).unwrap();
        for text in ["", "{", "[]", &whole[..whole.len() - 1], &"x".repeat(100_000), &whole.replace("ready", "done")] {
            let (_folder, places) = node(None);
            places.write_beside(&marker(2)).unwrap();
            fs::create_dir_all(places.outside.parent().unwrap()).unwrap();
            fs::write(&places.outside, text).unwrap();
            assert_eq!(places.read(), MarkerRead::Unknown, "{text:.40}");
        }
        let (_folder, places) = node(None);
        fs::create_dir_all(&places.outside).unwrap();
        assert_eq!(places.read(), MarkerRead::Unknown, "a folder in its place");
    }

    #[test]
    fn a_partition_that_is_not_mounted_is_unknown_and_is_not_written_to() {
        let (folder, places) = node(Some("/var"));
        assert_eq!(places.read(), MarkerRead::Unknown);
        assert_eq!(places.inspect(false), OwnData::Unknown);
        assert!(places.write_outside(&marker(1)).is_err() && places.write_beside(&marker(1)).is_err());
        assert!(!folder.path().join("var/lib/kfimg").exists());
        let (_folder, missing) = node(Some("/mnt/none"));
        assert_eq!(missing.read(), MarkerRead::Unknown);
        assert!(super::is_mount_point("/proc".as_ref()).unwrap(), "a mount point is known as one");
    }
}
