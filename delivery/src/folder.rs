//! Files below a folder, opened so that no path leads out of it: the kernel itself refuses `..`, absolute links and mounts of
//! `/proc`.
//!
//! Source: `openat2(2)`, `RESOLVE_BENEATH`.

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A folder that stays the same one, also when another takes its name.
#[derive(Debug)]
pub(crate) struct Folder(OwnedFd);

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    /// Of what is known of a file.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }

    /// As an entity tag: a file that changes gets another one.
    pub(crate) fn tag(&self) -> String {
        format!("{:x}-{:x}-{:x}.{:x}", self.size, self.inode, self.seconds, self.nanoseconds)
    }
}

impl Folder {
    /// Opens a folder.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::PATH | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens a plain file below it for reading. Links that stay below the folder are followed.
    pub(crate) fn file(&self, path: &str) -> io::Result<File> {
        // A pipe would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let file = File::from(openat2(&self.0, path, flags, Mode::empty(), resolve)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::from(io::ErrorKind::NotFound)) }
    }
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use std::os::unix::fs::symlink;

    #[test]
    fn no_path_leads_out_of_a_folder() {
        let place = tempfile::tempdir().unwrap();
        let inside = place.path().join("in");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(place.path().join("secret"), "s").unwrap();
        std::fs::write(inside.join("sub/file"), "f").unwrap();
        symlink("sub/file", inside.join("near")).unwrap();
        symlink("../secret", inside.join("far")).unwrap();
        symlink("/etc/passwd", inside.join("absolute")).unwrap();
        symlink("/proc/self/root", inside.join("magic")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(inside.join("pipe")).status().unwrap().success());
        let folder = Folder::open(&inside).unwrap();
        for path in ["sub/file", "near", "./sub/file", "sub/../near"] {
            assert!(folder.file(path).is_ok(), "{path}");
        }
        let out =
            ["../secret", "sub/../../secret", "far", "absolute", "/etc/passwd", "magic/etc/passwd", "sub", "pipe"];
        for path in out.into_iter().chain(["", "sub/file/x", "none", "a\0b"]) {
            assert!(folder.file(path).is_err(), "{path}");
        }
    }
}
