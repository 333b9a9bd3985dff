//! Writes a tree as a read-only root: a tar is streamed into the well-kept program of the format. Nothing is laid out on a disk, and nobody
//! has to be root.
//!
//! The same tree gives the same bytes: sorted, times bounded by the build's own, no owner's name, any number of processors.

mod archive;
mod program;

use crate::error::Error;
use crate::output::Watch;
use crate::tree::Tree;
use archive::Archive;
use kfimg_images::digest::Digest;
use kfimg_images::hasher::Hasher;
use kfimg_images::stop::Stop;
use program::Writer;
use serde::Serialize;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Blocks of the verity tree; the image fills whole ones.
const BLOCK: u64 = 4096;
/// Most memory of mksquashfs' caches, in MiB: it would take a quarter of the machine's.
const SQUASHFS_MEMORY: &str = "96M";
/// zstd's level: a system of Debian takes half of the time of level 9, and is 3 % larger.
const SQUASHFS_LEVEL: &str = "5";

/// A read-only file system.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootFormat {
    /// squashfs, zstd.
    Squashfs,
    /// EROFS, LZ4 high compression.
    Erofs,
}

/// What was written.
#[derive(Clone, Debug)]
pub struct RootImage {
    /// Bytes, a multiple of 4096.
    pub size: u64,
    /// Its digest.
    pub digest: Digest,
    /// The program that wrote it and its version: `mksquashfs 4.5.1`.
    pub program: String,
    /// Every file of it, for [`crate::listing::LISTING_FILE`].
    pub listing: String,
}

impl RootFormat {
    /// Its name, as `mount(8)` knows it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Squashfs => "squashfs",
            Self::Erofs => "erofs",
        }
    }

    /// The program that writes it.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Squashfs => "mksquashfs",
            Self::Erofs => "mkfs.erofs",
        }
    }

    /// Options that the kernel needs to mount it.
    pub(crate) fn kernel_options(self) -> &'static [&'static str] {
        match self {
            Self::Squashfs => &["SQUASHFS", "SQUASHFS_ZSTD"],
            Self::Erofs => &["EROFS_FS", "EROFS_FS_ZIP"],
        }
    }

    /// The name and version of the program that is there.
    ///
    /// # Errors
    /// [`Error::Program`] when it is missing or too old, with the package that brings it.
    pub(crate) fn check(self) -> Result<String, Error> {
        match self {
            Self::Squashfs => program::squashfs_version(),
            Self::Erofs => program::erofs_version(),
        }
    }
}

/// How a root image is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options<'a> {
    pub(crate) format: RootFormat,
    pub(crate) source_date_epoch: u64,
    /// Gives an EROFS its UUID.
    pub(crate) name: &'a str,
}

/// Writes the tree to `target`; `advanced` is told of bytes as they go.
///
/// # Errors
/// When a content can't be read, the program fails, the disk is full, or somebody asks to stop.
pub(crate) fn write(
    tree: &Tree,
    target: &Path,
    options: Options<'_>,
    stop: &Stop,
    advanced: &dyn Fn(u64),
) -> Result<RootImage, Error> {
    let version = options.format.check()?;
    let epoch = options.source_date_epoch.to_string();
    let uuid = crate::verity::uuid(options.name.as_bytes());
    let arguments = match options.format {
        RootFormat::Squashfs => squashfs(target),
        RootFormat::Erofs => erofs(target, &epoch, &uuid),
    };
    let mut writer = Writer::start(options.format, &arguments, &epoch, target, stop)?;
    let input = writer.take_input();
    let passed = |bytes| {
        writer.look();
        advanced(bytes);
    };
    let streamed = input.and_then(|input| {
        let mut archive = Archive::new(input, options.source_date_epoch, stop, &passed);
        tree.iter().try_for_each(|(path, node)| archive.add(path, node)).and_then(|()| archive.finish())
    });
    // The program's own words tell more than a broken pipe.
    let listing = writer.finish(streamed)?;
    let file = pad(target).map_err(Error::io("writing", target))?;
    // What the disk still lacks comes there while it is hashed.
    let (synced, digested) = rayon::join(|| file.sync_all(), || digest(target, &Watch::new(stop, &|_| {})));
    synced.map_err(Error::io("writing", target))?;
    let (size, digest) = digested?;
    Ok(RootImage { size, digest, program: version, listing })
}

/// `sqfstar` of 4.5 takes the level for its target; `mksquashfs` does the same and does not. The root's own time is bounded by
/// `SOURCE_DATE_EPOCH` alone: 4.5 knows `-root-time` and does not use it.
fn squashfs(target: &Path) -> Vec<OsString> {
    let fixed = [
        "-tar",
        "-noappend",
        "-comp",
        "zstd",
        "-Xcompression-level",
        SQUASHFS_LEVEL,
        "-mem",
        SQUASHFS_MEMORY,
        "-no-progress",
        "-quiet",
    ];
    let root = ["-root-mode", "0755", "-root-uid", "0", "-root-gid", "0"];
    let options = fixed.iter().chain(&root).map(OsString::from);
    ["-".into(), target.into()].into_iter().chain(options).collect()
}

fn erofs(target: &Path, epoch: &str, uuid: &str) -> Vec<OsString> {
    let options = ["--quiet", "--tar=f", "-zlz4hc", "-T", epoch, "-U", uuid].map(OsString::from);
    options.into_iter().chain([target.into()]).collect()
}

/// Fills the last block with zeros; gives the file.
fn pad(target: &Path) -> io::Result<File> {
    let mut file = File::options().append(true).open(target)?;
    let length = file.metadata()?.len();
    let zeros = vec![0; usize::try_from(length.next_multiple_of(BLOCK) - length).unwrap_or(0)];
    file.write_all(&zeros)?;
    Ok(file)
}

/// Size and SHA-256 of a file.
pub(crate) fn digest(path: &Path, watch: &Watch<'_>) -> Result<(u64, Digest), Error> {
    let mut hasher = Hasher::sha256();
    let file = File::open(path).map_err(Error::io("opening", path))?;
    let size = hasher.read(watch.reader(file)).map_err(Error::io("reading", path))?;
    Ok((size, hasher.finish()))
}

#[cfg(test)]
mod tests;
