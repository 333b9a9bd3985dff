//! A FAT image that holds a few files: for drives from which a machine reads its payload. Microsoft's FAT specification 1.03
//! (2000), FAT12 and FAT16, which is enough for 2 GiB.
//!
//! Written once and never changed, so every file lies in one piece. The same files give the same bytes: there is no clock in
//! it, and its serial number comes from its content. Crate `fatfs` gives folders a long name for `.`, which `fsck.fat` calls
//! damage.

mod folder;
mod geometry;

use folder::{Kind, Slots};
use geometry::{Geometry, SECTOR};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Entries of the root folder, of which a long name takes several: one sector.
const ROOT_ENTRIES: usize = 16;

/// Names and contents of the files; a name may have folders before it.
pub(super) type Files<'a> = [(&'a str, &'a [u8])];

/// What lies in a folder.
#[derive(Default)]
struct Folder<'a> {
    files: BTreeMap<&'a str, &'a [u8]>,
    folders: BTreeMap<&'a str, Folder<'a>>,
}

/// The smallest image that holds the files, whole tracks long. The label is padded with blanks.
pub(super) fn image(label: [u8; 11], files: &Files<'_>) -> Vec<u8> {
    let mut root = Folder::default();
    for (name, content) in files {
        root.insert(name, content);
    }
    let (area, slots) = [1, 2, 4, 8, 16, 32, 64]
        .into_iter()
        .find_map(|sectors| Area::of(&root, label, sectors * SECTOR))
        .expect("no payload comes near the 2 GiB that FAT16 can hold");
    assert!(slots.len() <= ROOT_ENTRIES * 32, "a drive has a few files in its root folder");
    let geometry = Geometry::of(area.next.len(), area.cluster / SECTOR);
    let mut image = geometry.boot_sector(label, serial(label, files));
    let table = geometry.table(&area.next);
    for part in [&table, &table, &padded(slots, ROOT_ENTRIES * 32), &area.bytes] {
        image.extend_from_slice(part);
    }
    padded(image, geometry.total_sectors * SECTOR)
}

impl<'a> Folder<'a> {
    fn insert(&mut self, name: &'a str, content: &'a [u8]) {
        match name.split_once('/') {
            None => drop(self.files.insert(name, content)),
            Some((folder, rest)) => self.folders.entry(folder).or_default().insert(rest, content),
        }
    }

    fn names(&self) -> impl Iterator<Item = &&'a str> {
        self.files.keys().chain(self.folders.keys())
    }
}

/// The clusters that are in use.
struct Area {
    /// Bytes of a cluster.
    cluster: usize,
    bytes: Vec<u8>,
    /// For each cluster its successor in its file; [`None`] for the last.
    next: Vec<Option<u16>>,
}

impl Area {
    /// The area and the root folder's slots; [`None`] when there are too many clusters of this size.
    fn of(root: &Folder<'_>, label: [u8; 11], cluster: usize) -> Option<(Self, Vec<u8>)> {
        let mut area = Self { cluster, bytes: Vec::new(), next: Vec::new() };
        let mut slots = Slots::of_root(label);
        area.fill(root, 0, &mut slots)?;
        Some((area, slots.finish()))
    }

    /// Stores what lies in a folder, and notes it in the folder's slots. The root has the number 0.
    fn fill(&mut self, folder: &Folder<'_>, own: u16, slots: &mut Slots) -> Option<()> {
        for (name, content) in &folder.files {
            let first = if content.is_empty() { 0 } else { self.take(content.len())? };
            self.write(first, content);
            slots.add(name, Kind::File(u32::try_from(content.len()).ok()?), first);
        }
        for (name, inner) in &folder.folders {
            let first = self.take(Slots::size(inner.names().copied()))?;
            let mut inside = Slots::of_folder(first, own);
            self.fill(inner, first, &mut inside)?;
            self.write(first, &inside.finish());
            slots.add(name, Kind::Folder, first);
        }
        Some(())
    }

    /// Takes clusters for so many bytes; gives the number of the first.
    fn take(&mut self, bytes: usize) -> Option<u16> {
        let (taken, wanted) = (self.next.len(), bytes.div_ceil(self.cluster));
        let number = |index: usize| u16::try_from(index + 2).ok().filter(|_| index < geometry::MOST_CLUSTERS);
        for index in taken..taken + wanted {
            let last = index + 1 == taken + wanted;
            self.next.push(if last { None } else { Some(number(index + 1)?) });
        }
        self.bytes.resize(self.next.len() * self.cluster, 0);
        number(taken)
    }

    fn write(&mut self, first: u16, content: &[u8]) {
        let start = usize::from(first.saturating_sub(2)) * self.cluster;
        self.bytes[start..start + content.len()].copy_from_slice(content);
    }
}

fn padded(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length.max(bytes.len()), 0);
    bytes
}

fn serial(label: [u8; 11], files: &Files<'_>) -> u32 {
    let mut hash = Sha256::new_with_prefix(label);
    for field in files.iter().flat_map(|(name, content)| [name.as_bytes(), content]) {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    u32::from_le_bytes([a, b, c, d])
}
