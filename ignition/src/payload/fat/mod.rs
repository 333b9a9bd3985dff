//! A FAT image that holds a few files: for drives from which a machine reads its payload. Microsoft's FAT specification 1.03
//! (2000), FAT12 and FAT16, which is enough for 2 GiB.
//!
//! Written once and never changed, so every file lies in one piece, and where is known from the sizes alone: an image of any size is
//! written file by file. The same files give the same bytes: there is no clock in
//! it, and its serial number comes from its content. Crate `fatfs` gives folders a long name for `.`, which `fsck.fat` calls
//! damage.

mod folder;
mod geometry;
mod read;

pub(super) use read::read;

use folder::{Kind, Slots};
use geometry::{Geometry, SECTOR};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// Entries of the root folder, of which a long name takes several: one sector.
const ROOT_ENTRIES: usize = 16;
/// Bytes of the largest folder that Linux reads (`FAT_MAX_DIR_SIZE`).
const LARGEST_FOLDER: usize = 2 << 20;

/// Names and sizes of the files; a name may have folders before it.
pub(super) type Names<'a> = [(&'a str, u64)];
/// Names and contents of the files.
pub(super) type Files<'a> = [(&'a str, &'a [u8])];

/// The smallest image that holds the files, whole tracks long. The label is padded with blanks.
pub(super) fn image(label: [u8; 11], files: &Files<'_>) -> Vec<u8> {
    let names: Vec<(&str, u64)> = files.iter().map(|(name, content)| (*name, content.len() as u64)).collect();
    let fields = files.iter().flat_map(|(name, content)| [name.as_bytes(), content]);
    let layout = Layout::of(label, serial(label, fields), &names);
    let layout = layout.expect("no payload comes near the 2 GiB that FAT16 can hold");
    let mut image = Vec::with_capacity(layout.size());
    let written = layout.write(&mut image, |number| Ok(files[number].1.into()));
    written.expect("memory takes everything, and every file has its own length");
    image
}

/// What lies in a folder: files by their number.
#[derive(Default)]
struct Folder<'a> {
    files: BTreeMap<&'a str, (usize, u64)>,
    folders: BTreeMap<&'a str, Folder<'a>>,
}

/// Where everything lies in an image, before there is any content.
#[derive(Debug)]
pub(super) struct Layout {
    label: [u8; 11],
    serial: u32,
    geometry: Geometry,
    area: Area,
    /// The root folder.
    slots: Vec<u8>,
}

impl Layout {
    /// The smallest image that holds files of these sizes; [`None`] when they are too many or too large for one.
    pub(super) fn of(label: [u8; 11], serial: u32, files: &Names<'_>) -> Option<Self> {
        let mut root = Folder::default();
        for (number, (name, size)) in files.iter().enumerate() {
            root.insert(name, (number, *size));
        }
        let sizes = [1, 2, 4, 8, 16, 32, 64].into_iter();
        let (area, slots) =
            sizes.map(|sectors| sectors * SECTOR).find_map(|cluster| Area::of(&root, label, cluster))?;
        assert!(slots.len() <= ROOT_ENTRIES * 32, "a drive has a few files in its root folder");
        let geometry = Geometry::of(area.next.len(), area.cluster / SECTOR);
        Some(Self { label, serial, geometry, area, slots })
    }

    /// Bytes of the image.
    pub(super) fn size(&self) -> usize {
        self.geometry.total_sectors * SECTOR
    }

    /// Writes the image, one file after the other, by their numbers.
    ///
    /// # Errors
    /// When a file can't be had, or has another size than was said, or nothing more can be written.
    pub(super) fn write<'c>(
        &self,
        out: &mut impl Write,
        mut content: impl FnMut(usize) -> io::Result<Cow<'c, [u8]>>,
    ) -> io::Result<()> {
        let table = self.geometry.table(&self.area.next);
        let mut written = 0;
        let mut put = |bytes: &[u8], room: usize| {
            written += room;
            out.write_all(bytes)?;
            io::copy(&mut io::repeat(0).take((room - bytes.len()) as u64), out).map(drop)
        };
        put(&self.geometry.boot_sector(self.label, self.serial), SECTOR)?;
        put(&table, table.len())?;
        put(&table, table.len())?;
        put(&self.slots, ROOT_ENTRIES * 32)?;
        for piece in &self.area.pieces {
            match piece {
                Piece::Slots(slots) => put(slots, slots.len().next_multiple_of(self.area.cluster))?,
                Piece::File { number, size } => {
                    let bytes = content(*number)?;
                    if bytes.len() as u64 != *size {
                        return Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "a file has changed while it was copied",
                        ));
                    }
                    put(&bytes, bytes.len().next_multiple_of(self.area.cluster))?;
                }
            }
        }
        let rest = self.size() - written;
        io::copy(&mut io::repeat(0).take(rest as u64), out).map(drop)
    }
}

impl<'a> Folder<'a> {
    fn insert(&mut self, name: &'a str, file: (usize, u64)) {
        match name.split_once('/') {
            None => drop(self.files.insert(name, file)),
            Some((folder, rest)) => self.folders.entry(folder).or_default().insert(rest, file),
        }
    }

    fn names(&self) -> impl Iterator<Item = &&'a str> {
        self.files.keys().chain(self.folders.keys())
    }
}

/// The clusters that are in use, and what lies in them, one after the other.
#[derive(Debug)]
struct Area {
    /// Bytes of a cluster.
    cluster: usize,
    pieces: Vec<Piece>,
    /// For each cluster its successor in its file; [`None`] for the last.
    next: Vec<Option<u16>>,
}

/// What lies in whole clusters.
#[derive(Debug)]
enum Piece {
    /// A folder.
    Slots(Vec<u8>),
    /// A file that is not empty.
    File { number: usize, size: u64 },
}

impl Area {
    /// The area and the root folder's slots; [`None`] when there are too many clusters of this size.
    fn of(root: &Folder<'_>, label: [u8; 11], cluster: usize) -> Option<(Self, Vec<u8>)> {
        let mut area = Self { cluster, pieces: Vec::new(), next: Vec::new() };
        let mut slots = Slots::of_root(label);
        area.fill(root, 0, &mut slots)?;
        Some((area, slots.finish()))
    }

    /// Finds room for what lies in a folder, and notes it in the folder's slots. The root has the number 0.
    fn fill(&mut self, folder: &Folder<'_>, own: u16, slots: &mut Slots) -> Option<()> {
        for (name, (number, size)) in &folder.files {
            let first = if *size == 0 { 0 } else { self.take(*size)? };
            if *size > 0 {
                self.pieces.push(Piece::File { number: *number, size: *size });
            }
            slots.add(name, Kind::File(u32::try_from(*size).ok()?), first);
        }
        for (name, inner) in &folder.folders {
            let size = Slots::size(inner.names().copied());
            let (first, place) = (self.take(size as u64).filter(|_| size <= LARGEST_FOLDER)?, self.pieces.len());
            self.pieces.push(Piece::Slots(Vec::new()));
            let mut inside = Slots::of_folder(first, own);
            self.fill(inner, first, &mut inside)?;
            self.pieces[place] = Piece::Slots(inside.finish());
            slots.add(name, Kind::Folder, first);
        }
        Some(())
    }

    /// Takes clusters for so many bytes; gives the number of the first.
    fn take(&mut self, bytes: u64) -> Option<u16> {
        let (taken, wanted) = (self.next.len(), usize::try_from(bytes.div_ceil(self.cluster as u64)).ok()?);
        let number = |index: usize| u16::try_from(index + 2).ok().filter(|_| index < geometry::MOST_CLUSTERS);
        for index in taken..taken.saturating_add(wanted) {
            let last = index + 1 == taken + wanted;
            self.next.push(if last { None } else { Some(number(index + 1)?) });
        }
        number(taken)
    }
}

/// A number that is the same for the same content.
pub(super) fn serial<'a>(label: [u8; 11], fields: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut hash = Sha256::new_with_prefix(label);
    for field in fields {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    u32::from_le_bytes([a, b, c, d])
}
