//! Publishing many files at once.
//!
//! New files are written into `.staging`, made durable, and published by renaming that folder to `.commit`: before the
//! rename nothing has happened, after it everything has, because whoever opens the state next finishes the work, which
//! is only moving each file to its place. `state.json` moves last.
//!
//! It never removes anything but its own two folders.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::error::Error;
use crate::secret::Secret;
use crate::store::{COMMIT, Folder, INDEX, NODES, Operations, PKI, STAGING};

/// Writes `files` (by path below the folder) and publishes them together.
pub(crate) fn publish(
    folder: &Folder,
    files: &BTreeMap<PathBuf, Secret>,
    operations: &Operations,
) -> Result<(), Error> {
    let staging = folder.path(STAGING);
    if let Err(error) = stage(folder, &staging, files, operations) {
        // As good as it goes: a full disk gets its space back. What stays is removed by the next run.
        let _ = operations.remove_tree(&staging);
        return Err(error);
    }
    operations.rename(&staging, &folder.path(COMMIT))?;
    operations.sync_folder(folder.root())?;
    finish(folder, operations)
}

/// Brings a folder that a killed run left behind to the last published state. Needs the lock.
pub(crate) fn recover(folder: &Folder, operations: &Operations) -> Result<(), Error> {
    if exists(&folder.path(STAGING)) {
        folder.check_folder(STAGING)?;
        operations.remove_tree(&folder.path(STAGING))?;
    }
    if exists(&folder.path(COMMIT)) {
        folder.check_folder(COMMIT)?;
        finish(folder, operations)?;
    }
    Ok(())
}

fn stage(
    folder: &Folder,
    staging: &Path,
    files: &BTreeMap<PathBuf, Secret>,
    operations: &Operations,
) -> Result<(), Error> {
    let parents: BTreeSet<&Path> =
        files.keys().flat_map(|path| path.ancestors().skip(1)).filter(|path| !path.as_os_str().is_empty()).collect();
    operations.create_folder(staging)?;
    parents.into_iter().try_for_each(|parent| operations.create_folder(&staging.join(parent)))?;
    files.into_par_iter().try_for_each(|(path, text)| operations.write_new(&staging.join(path), text.expose()))?;
    operations.sync_all(folder.root())
}

/// Moves everything from `.commit` to its place; can be repeated after a stop at any point.
fn finish(folder: &Folder, operations: &Operations) -> Result<(), Error> {
    let commit = folder.path(COMMIT);
    for group in [PKI, NODES] {
        move_folder(folder, group, operations)?;
    }
    if exists(&commit.join(INDEX)) {
        operations.rename(&commit.join(INDEX), &folder.path(INDEX))?;
    }
    operations.sync_folder(folder.root())?;
    operations.remove_folder(&commit)
}

/// Moves a folder out of `.commit`, or its files one by one where the target exists.
fn move_folder(folder: &Folder, group: &str, operations: &Operations) -> Result<(), Error> {
    let (from, to) = (folder.path(COMMIT).join(group), folder.path(group));
    if !exists(&from) {
        return Ok(());
    }
    if !exists(&to) {
        return operations.rename(&from, &to);
    }
    folder.check_folder(group)?;
    for file in entries(&from)? {
        operations.rename(&from.join(&file), &to.join(&file))?;
    }
    operations.sync_folder(&to)?;
    operations.remove_folder(&from)
}

fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn entries(folder: &Path) -> Result<Vec<OsString>, Error> {
    let list = fs::read_dir(folder).map_err(Error::io("listing", folder))?;
    let mut names = list
        .map(|entry| entry.map(|entry| entry.file_name()).map_err(Error::io("listing", folder)))
        .collect::<Result<Vec<_>, _>>()?;
    names.sort();
    Ok(names)
}
