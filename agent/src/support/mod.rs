//! `kfimg-agent support`: what somebody far away needs to tell what is wrong with a node, in one archive without secrets.
//!
//! Only what is listed in [`sources`] gets in, every text passes [`scrub`], and at last the whole archive is searched for
//! this node's secrets. Each part is optional, so that a half-broken node gives what it still can.

mod scrub;
mod sources;

use crate::clock::utc;
use crate::failure::Failure;
use crate::root::Root;
use crate::step::now;
use flate2::Compression;
use flate2::write::GzEncoder;
use scrub::Scrubber;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Most bytes of all texts together; parts beyond it are left out, and the archive says which.
const LIMIT: usize = 96 << 20;
/// Where archives are written if nothing else is said.
const FOLDER: &str = "/var/log";

/// A text of the archive.
struct Part {
    name: String,
    text: Vec<u8>,
}

/// Writes the archive to a file, to standard output (`-`), or to [`FOLDER`], and says where.
///
/// # Errors
/// When it can't be written, or would hold a secret of this node.
pub(crate) fn run(root: &Root, file: Option<&str>) -> Result<(), Failure> {
    let now = now();
    let plan = root.plan().ok();
    let node = plan.as_ref().map_or("unknown", |plan| plan.node.name.as_str()).to_owned();
    let scrubber = Scrubber::new(root);
    let folder = format!("kfimg-support-{node}-{}", stamp(now));
    let parts = bounded(sources::collect(root, plan.as_ref()), &scrubber);
    refuse_secrets(&parts, &scrubber)?;
    let archive = pack(&folder, &parts, now)?;
    match file {
        Some("-") => Ok(std::io::stdout().lock().write_all(&archive)?),
        Some(file) => write(Path::new(file), &archive),
        None => write(&root.at(FOLDER).join(format!("{folder}.tar.gz")), &archive),
    }
}

/// `20261121T050107Z`
fn stamp(second: i64) -> String {
    let digits: String = utc::words(second).chars().filter(char::is_ascii_digit).collect();
    let (day, time) = digits.split_at(digits.len().min(8));
    format!("{day}T{time}Z")
}

/// Scrubs every part, and leaves out what does not fit.
fn bounded(parts: impl Iterator<Item = Part>, scrubber: &Scrubber) -> Vec<Part> {
    let mut kept = Vec::new();
    let mut left_out = String::new();
    let mut size = 0;
    for part in parts {
        let text = scrubber.scrub(&part.text);
        if size + text.len() > LIMIT {
            left_out += &format!("{} ({} bytes)\n", part.name, text.len());
            continue;
        }
        size += text.len();
        kept.push(Part { text, ..part });
    }
    if !left_out.is_empty() {
        kept.push(Part { name: "LEFT-OUT.txt".to_owned(), text: left_out.into_bytes() });
    }
    kept
}

fn refuse_secrets(parts: &[Part], scrubber: &Scrubber) -> Result<(), Failure> {
    match parts.iter().find(|part| scrubber.finds_secret(&part.text)) {
        None => Ok(()),
        Some(part) => {
            Err(Failure::internal(format!("{} would hold a secret of this node; nothing was written", part.name)))
        }
    }
}

fn pack(folder: &str, parts: &[Part], now: i64) -> Result<Vec<u8>, Failure> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for part in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(part.text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now).unwrap_or_default());
        archive.append_data(&mut header, format!("{folder}/{}", part.name), part.text.as_slice())?;
    }
    Ok(archive.into_inner()?.finish()?)
}

/// The file is new, or becomes so at once; nobody else may read it.
fn write(path: &Path, archive: &[u8]) -> Result<(), Failure> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let _ = std::fs::remove_file(&partial);
    let failed = |error| Failure::internal(format!("writing {}: {error}", path.display()));
    let mut file =
        std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(failed)?;
    let written = file.write_all(archive).and_then(|()| file.sync_all());
    if let Err(error) = written.and_then(|()| std::fs::rename(&partial, path)) {
        let _ = std::fs::remove_file(&partial);
        return Err(failed(error));
    }
    println!("{}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests;
