//! Builds a data folder from a snapshot, with etcd's own program: a cluster of this member alone, whose revisions are
//! raised so that nobody who watched the lost cluster sees one twice.
//!
//! When that is right is the guard's decision. `etcdutl` lies in the node image, of the version of its etcd: it needs no
//! kubelet, no registry and no pod, and its exit code tells whether the folder is whole.

use super::aside::{self, MEMBER};
use super::{identity, log, marker::Places};
use crate::command::{self, CommandError};
use crate::files;
use crate::guard::{ClusterId, NonceSet, OwnData};
use crate::plan::{self, Plan};
use crate::root::Root;
use crate::snapshot::verify::{VerifyError, verify};
use crate::step::now;
use rustix::fs::statvfs;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Beside `member/`, until it is complete.
const BUILT: &str = "restored";
/// By so much revisions rise: more than a cluster writes between two snapshots (etcd, "Disaster recovery").
const REVISIONS: &str = "1000000000";
/// A restore takes no longer: eight gigabytes on a slow disk.
const TIME: Duration = Duration::from_secs(20 * 60);
/// Bytes that stay free.
const RESERVE: u64 = 512 << 20;

/// Why a snapshot was not restored; nothing is lost, and it may be tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RestoreError {
    /// The plan names no snapshot for this node.
    #[error("the plan names no snapshot for this member")]
    NotPlanned,
    /// The disk refused; the path is in the message.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file is missing or damaged.
    #[error("{0}")]
    Snapshot(#[from] VerifyError),
    /// It is not the file that the description names.
    #[error("{file}: its SHA-256 is {found}, and the description says {named}")]
    Other {
        /// The file.
        file: PathBuf,
        /// What it should be.
        named: String,
        /// What it is.
        found: String,
    },
    /// There is no room.
    #[error("{needed} MiB are needed beside the snapshot and {free} are free; make room on the data partition")]
    Space {
        /// Free, in MiB.
        free: u64,
        /// Needed, in MiB.
        needed: u64,
    },
    /// The program is missing, or took too long.
    #[error("{0}")]
    Program(#[from] CommandError),
    /// The program failed, and said this.
    #[error("etcdutl: {0}")]
    Words(String),
    /// What it built is not what was asked for.
    #[error("{0}: etcdutl built something else than the data of this member; look at the versions of etcd")]
    Result(PathBuf),
}

/// What is to be built.
#[derive(Debug)]
pub(crate) struct Restore<'a> {
    plan: &'a Plan,
    member: &'a plan::Member,
    snapshot: &'a plan::Restore,
    file: PathBuf,
    data_dir: PathBuf,
    program: PathBuf,
}

impl<'a> Restore<'a> {
    /// What the plan says, if it names this node.
    pub(crate) fn of(root: &Root, plan: &'a Plan, places: &Places) -> Result<Self, RestoreError> {
        let etcd = plan.etcd.as_ref().ok_or(RestoreError::NotPlanned)?;
        let snapshot = etcd.restore.as_ref().filter(|restore| restore.node == plan.node.name);
        let member = etcd.members.iter().find(|member| member.name == plan.node.name);
        let (Some(snapshot), Some(member)) = (snapshot, member) else { return Err(RestoreError::NotPlanned) };
        places.check_mounted()?;
        let data_dir = places.data_dir().to_owned();
        Ok(Self { plan, member, snapshot, file: root.at(&snapshot.file), data_dir, program: "etcdutl".into() })
    }

    /// Another place of the program.
    #[cfg(test)]
    pub(super) fn set_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// The cluster that this member alone is.
    pub(crate) fn cluster(&self, set: &NonceSet) -> ClusterId {
        identity::cluster_id(&[(&self.member.name, &self.member.peer_url)], &self.token(set))
    }

    /// Builds the folder, complete and fsynced, beside `member/`.
    pub(crate) fn build(&self, set: &NonceSet) -> Result<(), RestoreError> {
        let size = self.check_file()?;
        let built = self.data_dir.join(BUILT);
        remove(&built)?;
        self.check_space(size)?;
        self.run(&built, &self.token(set))?;
        let expected = OwnData::Log {
            cluster: self.cluster(set),
            member: identity::member_id(&self.member.peer_url, &self.token(set)),
            only_bootstrap: false,
        };
        if log::inspect(&built, false) != expected {
            return Err(RestoreError::Result(built));
        }
        let owner = fs_err::metadata(&self.data_dir)?;
        finish(&built, owner.uid(), owner.gid())?;
        Ok(files::sync_folder(&self.data_dir)?)
    }

    /// Renames what was built to `member/`.
    pub(crate) fn adopt(&self) -> io::Result<()> {
        let built = self.data_dir.join(BUILT);
        // A lone `snap/db` is no data, and would be in the way.
        aside::set_aside(&self.data_dir, now())?;
        fs_err::rename(built.join(MEMBER), self.data_dir.join(MEMBER))?;
        files::sync_folder(&self.data_dir)?;
        remove(&built)
    }

    fn token(&self, set: &NonceSet) -> String {
        identity::token(&self.plan.cluster.uid, self.plan.cluster.incarnation, set)
    }

    fn check_file(&self) -> Result<u64, RestoreError> {
        let verified = verify(&self.file)?;
        match &self.snapshot.sha256 {
            Some(named) if !named.eq_ignore_ascii_case(&verified.sha256) => {
                Err(RestoreError::Other { file: self.file.clone(), named: named.clone(), found: verified.sha256 })
            }
            _ => Ok(verified.size),
        }
    }

    /// The database, its log, and as much again while it is raised.
    fn check_space(&self, size: u64) -> Result<(), RestoreError> {
        let status = statvfs(&self.data_dir).map_err(io::Error::from)?;
        let free = status.f_bavail.saturating_mul(status.f_frsize);
        let needed = size.saturating_mul(2).saturating_add(RESERVE);
        if free >= needed {
            return Ok(());
        }
        Err(RestoreError::Space { free: free >> 20, needed: needed >> 20 })
    }

    fn run(&self, built: &Path, token: &str) -> Result<(), RestoreError> {
        // Its talk goes to a file: whoever closes the pipe of a program ends it.
        let talk = self.data_dir.join(format!(".{BUILT}.log"));
        files::remove(&talk)?;
        let url = &self.member.peer_url;
        let mut etcdutl = Command::new(&self.program);
        etcdutl
            .args(["snapshot", "restore"])
            .arg(&self.file)
            .arg("--data-dir")
            .arg(built)
            .args(["--name", &self.member.name, "--initial-advertise-peer-urls", url])
            .arg(format!("--initial-cluster={}={url}", self.member.name))
            .args(["--initial-cluster-token", token, "--bump-revision", REVISIONS, "--mark-compacted"]);
        let status = command::spooled(&mut etcdutl, TIME, &File::create_new(&talk)?);
        let said = fs_err::read(&talk).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
        files::remove(&talk)?;
        if status?.success() {
            return Ok(());
        }
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
        Err(RestoreError::Words(last.chars().take(500).collect()))
    }
}

/// Gives everything to etcd, and makes it last.
fn finish(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    let status = fs_err::symlink_metadata(path)?;
    if status.is_dir() {
        for entry in fs_err::read_dir(path)? {
            finish(&entry?.path(), uid, gid)?;
        }
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    }
    if (status.uid(), status.gid()) != (uid, gid) {
        chown(path, Some(uid), Some(gid))?;
    }
    File::open(path)?.sync_all()
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
