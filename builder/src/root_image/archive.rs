//! A tree as a stream of tar: ustar headers, PAX records where they do not suffice, hard links for shared contents.
//!
//! Source: POSIX.1-2024, pax; star(5) for `SCHILY.xattr.`, which squashfs-tools and erofs-utils read.

use crate::error::Error;
use crate::listing::Listing;
use crate::tree::{FileContent, Kind, Node};
use kfimg_images::digest::Digest;
use kfimg_images::hasher::Hasher;
use kfimg_images::stop::Stop;
use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;
use tar::{EntryType, Header};

/// Bytes that a name has in a ustar header.
const NAME: usize = 100;
/// The largest size that eleven octal digits say.
const LARGEST: u64 = 0o777_7777_7777;
const BLOCK: u64 = 512;
const BUFFER: usize = 256 << 10;

/// An archive that is being written.
pub(super) struct Archive<'a, W: Write> {
    output: BufWriter<W>,
    epoch: u64,
    stop: &'a Stop,
    advanced: &'a dyn Fn(u64),
    listing: Listing,
    /// Contents of several names that were written, by their addresses, with path and digest.
    written: HashMap<usize, (String, Digest)>,
    buffer: Vec<u8>,
}

impl<'a, W: Write> Archive<'a, W> {
    pub(super) fn new(output: W, epoch: u64, stop: &'a Stop, advanced: &'a dyn Fn(u64)) -> Self {
        let output = BufWriter::with_capacity(BUFFER, output);
        Self {
            output,
            epoch,
            stop,
            advanced,
            listing: Listing::default(),
            written: HashMap::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// Writes one node.
    pub(super) fn add(&mut self, path: &str, node: &Node) -> Result<(), Error> {
        if self.stop.is_asked() {
            return Err(Error::Stopped);
        }
        let name = match (path, node.is_folder()) {
            ("", _) => "./".to_owned(),
            (path, true) => format!("{path}/"),
            (path, false) => path.to_owned(),
        };
        let mut entry = Entry { name: &name, link: None, size: 0, kind: EntryType::Directory, device: None };
        let shared;
        match &node.kind {
            Kind::Folder => {}
            Kind::Link(target) => (entry.kind, entry.link) = (EntryType::Symlink, Some(target.as_str())),
            Kind::Pipe => entry.kind = EntryType::Fifo,
            Kind::Device { block, major, minor } => {
                entry.kind = if *block { EntryType::Block } else { EntryType::Char };
                entry.device = Some((*major, *minor));
            }
            Kind::File(content) => {
                shared = self.written.get(&key(content)).cloned();
                let Some((first, digest)) = &shared else { return self.file(path, node, content) };
                (entry.kind, entry.link) = (EntryType::Link, Some(first.as_str()));
                self.listing.add(path, node, Some(digest));
                return self.header(&entry, node).map_err(stream);
            }
        }
        self.listing.add(path, node, None);
        self.header(&entry, node).map_err(stream)
    }

    /// A file with its content, which must have the size that it had.
    fn file(&mut self, path: &str, node: &Node, content: &Arc<FileContent>) -> Result<(), Error> {
        let size = content.size();
        let entry = Entry { name: path, link: None, size, kind: EntryType::Regular, device: None };
        self.header(&entry, node).map_err(stream)?;
        let mut hasher = Hasher::sha256();
        let mut reader = content.reader();
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            let count =
                reader.read(&mut self.buffer[..most]).and_then(some).map_err(Error::io("reading", Path::new(path)))?;
            hasher.update(&self.buffer[..count]);
            self.output.write_all(&self.buffer[..count]).map_err(stream)?;
            (self.advanced)(count as u64);
            left -= count as u64;
        }
        self.fill(size).map_err(stream)?;
        let digest = hasher.finish();
        self.listing.add(path, node, Some(&digest));
        // What has one name is not asked for again.
        if Arc::strong_count(content) > 1 {
            self.written.insert(key(content), (path.to_owned(), digest));
        }
        Ok(())
    }

    /// Ends the archive; returns the listing.
    pub(super) fn finish(mut self) -> Result<String, Error> {
        self.output.write_all(&[0; 2 * BLOCK as usize]).and_then(|()| self.output.flush()).map_err(stream)?;
        Ok(self.listing.finish())
    }

    fn header(&mut self, entry: &Entry<'_>, node: &Node) -> io::Result<()> {
        let records = records(entry, node);
        if !records.is_empty() {
            let mut header = plain(EntryType::XHeader, records.len() as u64, self.epoch);
            header.set_mode(0o644);
            put(&mut header.as_old_mut().name, b"PaxHeader");
            header.set_cksum();
            self.output.write_all(header.as_bytes())?;
            self.output.write_all(&records)?;
            self.fill(records.len() as u64)?;
        }
        let mut header = plain(entry.kind, entry.size.min(LARGEST), node.mtime.min(self.epoch));
        header.set_mode(node.mode);
        header.set_uid(u64::from(node.uid));
        header.set_gid(u64::from(node.gid));
        put(&mut header.as_old_mut().name, entry.name.as_bytes());
        if let Some(link) = entry.link {
            put(&mut header.as_old_mut().linkname, link.as_bytes());
        }
        if let Some((major, minor)) = entry.device {
            header.set_device_major(major)?;
            header.set_device_minor(minor)?;
        }
        header.set_cksum();
        self.output.write_all(header.as_bytes())
    }

    fn fill(&mut self, size: u64) -> io::Result<()> {
        let zeros = [0; BLOCK as usize];
        let length = usize::try_from(size.next_multiple_of(BLOCK) - size).unwrap_or(0);
        self.output.write_all(&zeros[..length])
    }
}

/// What a header says beside the node's metadata.
struct Entry<'a> {
    name: &'a str,
    link: Option<&'a str>,
    size: u64,
    kind: EntryType,
    device: Option<(u32, u32)>,
}

/// What does not fit into a ustar header.
fn records(entry: &Entry<'_>, node: &Node) -> Vec<u8> {
    let mut records = Vec::new();
    let is_long = |text: &str| text.len() > NAME || !text.is_ascii();
    if is_long(entry.name) {
        record(&mut records, "path", entry.name.as_bytes());
    }
    if let Some(link) = entry.link.filter(|link| is_long(link)) {
        record(&mut records, "linkpath", link.as_bytes());
    }
    if entry.size > LARGEST {
        record(&mut records, "size", entry.size.to_string().as_bytes());
    }
    // A hard link's attributes are those of its first name.
    if entry.kind != EntryType::Link {
        for (name, value) in &node.attributes {
            record(&mut records, &format!("SCHILY.xattr.{name}"), value);
        }
    }
    records
}

/// `<length> <key>=<value>\n`, the length counting all of it.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend(format!("{length} {key}=").as_bytes());
    records.extend(value);
    records.push(b'\n');
}

fn plain(kind: EntryType, size: u64, mtime: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mtime(mtime.min(LARGEST));
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// As much of a text as fits; a record has the whole one.
fn put(field: &mut [u8; NAME], text: &[u8]) {
    let length = text.len().min(NAME);
    field[..length].copy_from_slice(&text[..length]);
}

/// Hard links share one content in memory.
fn key(content: &Arc<FileContent>) -> usize {
    Arc::as_ptr(content).addr()
}

fn some(count: usize) -> io::Result<usize> {
    if count > 0 { Ok(count) } else { Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter")) }
}

/// Replaced by the program's own words where it has some.
fn stream(source: io::Error) -> Error {
    Error::io("passing files to", Path::new("the program that writes the root image"))(source)
}
