//! `kfimg-agent support`: what somebody far away needs to tell what is wrong with a node, in one archive without secrets.
//!
//! Only what is listed in [`sources`] gets in, every line passes [`scrub`], and is then searched for this node's secrets once
//! more. Each part is optional, so that a half-broken node gives what it still can. Texts go through files, one at a time:
//! a node that lacks memory gives all of it.

mod archive;
mod scrub;
mod sources;

use crate::clock::utc;
use crate::failure::Failure;
use crate::root::Root;
use crate::step::now;
use archive::Archive;
use scrub::Scrubber;
use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where archives are written if nothing else is said.
const FOLDER: &str = "/var/log";

/// Writes the archive to a file, to standard output (`-`), or to [`FOLDER`], and says where.
///
/// # Errors
/// When it can't be written, or would hold a secret of this node.
pub(crate) fn run(root: &Root, file: Option<&str>) -> Result<(), Failure> {
    let now = now();
    let plan = root.plan().ok();
    let node = plan.as_ref().map_or("unknown", |plan| plan.node.name.as_str());
    let name = format!("kfimg-support-{node}-{}", stamp(now));
    let fill = |archive: File, folder: &Path| {
        let mut archive = Archive::new(archive, [unnamed(folder)?, unnamed(folder)?], &name, now);
        let scrubber = Scrubber::new(root);
        sources::collect(root, plan.as_ref()).try_for_each(|part| archive.add(part, &scrubber))?;
        archive.finish()
    };
    match file {
        // What is on its way can't be taken back, so it is made first. Nothing else may be writable.
        Some("-") => {
            let folder = root.at("/run");
            let mut archive = fill(unnamed(&folder)?, &folder)?;
            archive.rewind()?;
            io::copy(&mut archive, &mut io::stdout().lock())?;
            Ok(())
        }
        Some(file) => write(Path::new(file), fill),
        None => write(&root.at(FOLDER).join(format!("{name}.tar.gz")), fill),
    }
}

/// `20261121T050107Z`
fn stamp(second: i64) -> String {
    let digits: String = utc::words(second).chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("{day}T{time}Z")
}

/// The file is new, or becomes so at once; nobody else may read it.
fn write(path: &Path, fill: impl FnOnce(File, &Path) -> Result<File, Failure>) -> Result<(), Failure> {
    let failed = |error| Failure::internal(format!("writing {}: {error}", path.display()));
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let _ = std::fs::remove_file(&partial);
    let file = create(&partial).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let filled = fill(file, folder).and_then(|file| file.sync_all().map_err(failed));
    let written = filled.and_then(|()| std::fs::rename(&partial, path).map_err(failed));
    if written.is_err() {
        let _ = std::fs::remove_file(&partial);
        return written;
    }
    println!("{}", path.display());
    Ok(())
}

/// A file that is gone when it is closed.
fn unnamed(folder: &Path) -> Result<File, Failure> {
    let path = folder.join(format!(".kfimg-support-{}", std::process::id()));
    let failed = |error| Failure::internal(format!("writing {}: {error}", path.display()));
    let file = create(&path).map_err(failed)?;
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(file)
}

fn create(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests;
