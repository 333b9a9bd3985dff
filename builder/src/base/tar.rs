//! Reads a tar of a file system, entry by entry, where it lies. What leads out or contradicts itself is refused.
//!
//! Formats: ustar, PAX, GNU. Headers and numbers are read by crate `tar`; extended headers are read here, with a bound.
//! What entries mean for a tree is [`super::apply`]'s.

use super::pax::Extended;
use crate::error::{ArchiveProblem, Error};
use crate::output::Watch;
use crate::tree;
use kfimg_images::content::{BlobReader, Extent};
use std::io::Read;
use tar::{Archive, EntryType, Header};

/// Most bytes of the extended headers before one entry.
const EXTENDED_LIMIT: u64 = 1 << 20;
/// Everything in a tar is a multiple of this many bytes.
const BLOCK: u64 = 512;
/// Characters of the reader's words that are shown.
const QUOTED: usize = 100;
/// Attributes that an image keeps; others belong to one machine (labels, overlay marks) or are no file's own.
const KEPT_ATTRIBUTES: [&str; 2] = ["security.capability", "user."];

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Checked: relative, and downwards only.
    pub(crate) path: String,
    pub(crate) kind: EntryKind,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u64,
    pub(crate) attributes: Vec<(String, Vec<u8>)>,
}

/// What an entry is.
#[derive(Debug)]
pub(crate) enum EntryKind {
    Folder,
    File(Extent),
    Link(String),
    /// To a checked path.
    HardLink(String),
    Device {
        block: bool,
        major: u32,
        minor: u32,
    },
    Pipe,
}

/// Shows each entry of the archive `whole`; `place` is its name for people.
pub(crate) fn each(
    place: &str,
    whole: &Extent,
    watch: &Watch<'_>,
    mut visit: impl FnMut(Entry) -> Result<(), ArchiveProblem>,
) -> Result<(), Error> {
    let mut archive = Archive::new(whole.reader());
    let at = |offset: u64| move |problem| Error::Archive { place: place.to_owned(), offset, problem };
    let entries = archive.entries_with_seek().map_err(|error| at(0)(damaged(&error)))?.raw(true);
    let mut before = Extended::default();
    let mut end = 0;
    for entry in entries {
        if watch.stop().is_asked() {
            return Err(Error::Stopped);
        }
        let mut entry = entry.map_err(|error| at(end)(damaged(&error)))?;
        let offset = entry.raw_header_position();
        end = after(&entry).ok_or_else(|| at(offset)(ArchiveProblem::Truncated))?;
        if end > whole.size() {
            return Err(at(offset)(ArchiveProblem::Truncated));
        }
        match extended(&mut entry, &mut before) {
            Ok(true) => continue,
            Ok(false) => {}
            Err(problem) => return Err(at(offset)(problem)),
        }
        let found = whole.slice(entry.raw_file_position(), entry.size()).unwrap_or_default();
        let read =
            read(entry.header(), std::mem::take(&mut before), found).and_then(|entry| entry.map_or(Ok(()), &mut visit));
        read.map_err(at(offset))?;
    }
    finish(whole, end).map_err(at(end))
}

/// Where the next header begins.
fn after(entry: &tar::Entry<'_, BlobReader>) -> Option<u64> {
    entry.raw_file_position().checked_add(entry.size())?.checked_next_multiple_of(BLOCK)
}

/// An archive ends with blocks of zeros; one that just stops was cut.
fn finish(whole: &Extent, end: u64) -> Result<(), ArchiveProblem> {
    let mark = whole.slice(end, BLOCK).ok_or(ArchiveProblem::Truncated)?;
    let mut bytes = Vec::new();
    mark.reader().read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    if bytes.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(ArchiveProblem::Truncated) }
}

/// Takes an extended header; `false` for an entry of its own.
fn extended(entry: &mut tar::Entry<'_, BlobReader>, before: &mut Extended) -> Result<bool, ArchiveProblem> {
    let kind = entry.header().entry_type();
    let is_extended = kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions();
    if !is_extended {
        return Ok(false);
    }
    before.length = before.length.saturating_add(entry.size());
    if before.length > EXTENDED_LIMIT {
        return Err(ArchiveProblem::Extended(format!("with those before it, it has {} bytes", before.length)));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| damaged(&error))?;
    let text = || bytes.strip_suffix(b"\0").unwrap_or(&bytes).to_vec();
    if kind.is_gnu_longname() {
        before.path = Some(text());
    } else if kind.is_gnu_longlink() {
        before.link = Some(text());
    } else if kind.is_pax_local_extensions() {
        before.take(&bytes)?;
    }
    // Global records are comments and times in practice; one about a name or size would hold for every file.
    Ok(true)
}

/// `None` for an entry that is nothing of a file system's.
fn read(header: &Header, extended: Extended, content: Extent) -> Result<Option<Entry>, ArchiveProblem> {
    let number = |result: std::io::Result<u64>| result.map_err(|error| damaged(&error));
    let raw = extended.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let path = tree::checked(&raw)?;
    let size = number(header.entry_size())?;
    if let Some(record) = extended.size.filter(|record| *record != size) {
        // Readers that believe different ones see different files (RUSTSEC-2026-0068, CVE-2025-62518).
        let text = format!("`{path}` has {size} bytes by its header and {record} by its record");
        return Err(ArchiveProblem::Extended(text));
    }
    let link = || {
        let bytes = extended.link.clone().or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()));
        bytes
            .filter(|bytes| !bytes.is_empty())
            .ok_or(ArchiveProblem::Kind { path: path.clone(), kind: "a link to nothing" })
    };
    let kind = match header.entry_type() {
        EntryType::Regular | EntryType::Continuous if raw.ends_with(b"/") => EntryKind::Folder,
        EntryType::Regular | EntryType::Continuous => EntryKind::File(content),
        EntryType::Directory => EntryKind::Folder,
        EntryType::Symlink => EntryKind::Link(link_text(&path, link()?)?),
        EntryType::Link => EntryKind::HardLink(tree::checked(&link()?)?),
        EntryType::Char | EntryType::Block => device(header)?,
        EntryType::Fifo => EntryKind::Pipe,
        EntryType::GNUSparse => {
            return Err(ArchiveProblem::Kind { path, kind: "a sparse file; write the tar without --sparse" });
        }
        // Volume labels and the like (GNU), and what no specification names.
        _ => return Ok(None),
    };
    let id = |record: Option<u64>, own: std::io::Result<u64>| {
        let value = record.map_or_else(|| number(own), Ok)?;
        u32::try_from(value).map_err(|_| ArchiveProblem::Extended(format!("`{path}` belongs to the number {value}")))
    };
    let mode = header.mode().map_err(|error| damaged(&error))? & 0o7777;
    let (uid, gid) = (id(extended.uid, header.uid())?, id(extended.gid, header.gid())?);
    let mtime = extended.mtime.map_or_else(|| number(header.mtime()), Ok)?;
    // GNU tar writes a time before 1970 as a negative number.
    let mtime = if mtime >> 63 == 0 { mtime } else { 0 };
    let attributes = kept(extended.attributes);
    Ok(Some(Entry { path, kind, mode, uid, gid, mtime, attributes }))
}

/// What a link says is the system's to read; it only has to be text.
fn link_text(path: &str, bytes: Vec<u8>) -> Result<String, ArchiveProblem> {
    let refused = ArchiveProblem::Kind { path: path.to_owned(), kind: "a link whose target is no text" };
    String::from_utf8(bytes).ok().filter(|text| text.len() < 4096 && !text.contains('\0')).ok_or(refused)
}

fn device(header: &Header) -> Result<EntryKind, ArchiveProblem> {
    let major = header.device_major().map_err(|error| damaged(&error))?.unwrap_or(0);
    let minor = header.device_minor().map_err(|error| damaged(&error))?.unwrap_or(0);
    Ok(EntryKind::Device { block: header.entry_type() == EntryType::Block, major, minor })
}

/// Sorted, and only those that an image keeps; of two with the same name the later one (POSIX.1-2024, pax).
pub(super) fn kept(attributes: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let is_kept =
        |name: &str| KEPT_ATTRIBUTES.iter().any(|kept| name == *kept || kept.ends_with('.') && name.starts_with(kept));
    let mut kept: Vec<_> = attributes.into_iter().filter(|(name, _)| is_kept(name)).collect();
    kept.sort_by(|a, b| a.0.cmp(&b.0));
    kept.dedup_by(|later, earlier| {
        let again = later.0 == earlier.0;
        if again {
            std::mem::swap(later, earlier);
        }
        again
    });
    kept
}

/// The reader quotes what it met, which may be anything: a line of it is enough.
fn damaged(error: &std::io::Error) -> ArchiveProblem {
    let text: String = error.to_string().chars().take(QUOTED).collect();
    ArchiveProblem::Damaged(text.split(char::is_control).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::damaged;

    #[test]
    fn what_a_damaged_header_holds_is_shown_as_one_short_line() {
        let words = std::io::Error::other(format!("no number: a\nb\u{1b}[2J{}", "x".repeat(1 << 10)));
        let shown = damaged(&words).to_string();
        assert!(shown.contains("no number: a b [2Jxxx") && shown.len() < 200, "{shown}");
    }
}
