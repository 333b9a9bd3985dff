//! Reading below the state folder: nothing is followed, nothing is trusted that others could have written.
//!
//! It writes nothing.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::error::Error;
use crate::store::{COMMIT, FILE_MODE, FOLDER_MODE, INDEX, LOCK, STAGING};

/// No file of a state is larger; state.json of ten thousand nodes stays below it.
const LARGEST_FILE: u64 = 16 << 20;

/// A state folder, by its path.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    runs_as: u32,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        // Without a slash at the end, which would follow a link.
        Self { root: root.components().collect(), runs_as: rustix::process::geteuid().as_raw() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: impl AsRef<Path>) -> PathBuf {
        let relative = relative.as_ref();
        // With a state folder that is named by a relative path itself, a whole path would name it twice.
        debug_assert!(relative.is_relative(), "{} is not below the folder", relative.display());
        if relative.as_os_str().is_empty() { self.root.clone() } else { self.root.join(relative) }
    }

    /// Whether the folder is there at all.
    pub(crate) fn exists(&self) -> Result<bool, Error> {
        match fs::symlink_metadata(&self.root) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("looking at", &self.root)(error)),
        }
    }

    /// Checks the folder itself, and that nothing foreign lies in it when it has no state.json.
    pub(crate) fn check_root(&self) -> Result<(), Error> {
        self.check_folder("")?;
        // A first run that was killed while it published has moved some folders already, and state.json comes last.
        if [INDEX, COMMIT].iter().any(|name| fs::symlink_metadata(self.path(name)).is_ok()) {
            return Ok(());
        }
        let entries = fs::read_dir(&self.root).map_err(Error::io("listing", &self.root))?;
        for entry in entries {
            let entry = entry.map_err(Error::io("listing", &self.root))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if ![LOCK, STAGING].contains(&name.as_str()) {
                return Err(Error::NotAState { path: self.root.clone(), entry: name });
            }
        }
        Ok(())
    }

    /// Checks that a folder is a real one, ours, and closed to others.
    pub(crate) fn check_folder(&self, relative: impl AsRef<Path>) -> Result<(), Error> {
        let path = self.path(relative);
        let metadata = fs::symlink_metadata(&path).map_err(|error| missing_or("looking at", &path, error))?;
        if !metadata.is_dir() {
            return Err(wrong_type(&path, &metadata, "a folder"));
        }
        self.check_access(&path, &metadata, FOLDER_MODE)
    }

    /// The text of a file that is a plain one, ours, and closed to others.
    pub(crate) fn read(&self, relative: impl AsRef<Path>) -> Result<String, Error> {
        let path = self.path(relative);
        let file = open_plain(&path, OpenOptions::new().read(true))?;
        let metadata = file.metadata().map_err(Error::io("looking at", &path))?;
        if !metadata.is_file() {
            return Err(wrong_type(&path, &metadata, "a plain file"));
        }
        self.check_access(&path, &metadata, FILE_MODE)?;
        let mut text = String::with_capacity(metadata.len().min(LARGEST_FILE) as usize + 1);
        match file.take(LARGEST_FILE + 1).read_to_string(&mut text) {
            Ok(length) if length as u64 > LARGEST_FILE => Err(Error::damaged(&path, "it is larger than 16 MiB")),
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Error::damaged(&path, "it is not text")),
            Err(error) => Err(Error::io("reading", &path)(error)),
        }
    }

    /// Checks owner and mode. Less than `wanted` is fine, more is not.
    pub(crate) fn check_access(&self, path: &Path, metadata: &Metadata, wanted: u32) -> Result<(), Error> {
        if metadata.uid() != self.runs_as {
            let (owner, runs_as) = (metadata.uid(), self.runs_as);
            return Err(Error::WrongOwner { path: path.to_path_buf(), owner, runs_as });
        }
        let mode = metadata.mode() & 0o7777;
        if mode & !wanted != 0 {
            return Err(Error::TooPermissive { path: path.to_path_buf(), mode, wanted });
        }
        Ok(())
    }
}

/// Opens without following a link and without waiting for the other end of a pipe.
pub(crate) fn open_plain(path: &Path, options: &mut OpenOptions) -> Result<File, Error> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    options.custom_flags(flags.bits() as i32).open(path).map_err(|error| match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => wrong_type(path, &metadata, "a plain file"),
        _ => missing_or("opening", path, error),
    })
}

fn missing_or(action: &'static str, path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::MissingFile { path: path.to_path_buf() },
        _ => Error::io(action, path)(error),
    }
}

fn wrong_type(path: &Path, metadata: &Metadata, wanted: &'static str) -> Error {
    let kind = metadata.file_type();
    let found = match (kind.is_symlink(), kind.is_dir(), kind.is_file()) {
        (true, ..) => "a symbolic link",
        (_, true, _) => "a folder",
        (_, _, true) => "a plain file",
        _ => "a device, pipe or socket",
    };
    Error::WrongFileType { path: path.to_path_buf(), found, wanted }
}
