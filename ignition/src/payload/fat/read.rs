//! One file of an image, for whoever compares payloads: volumes of FAT12 and FAT16 with long names.

use super::folder::{FOLDER, LONG_NAME, PLACES};
use super::geometry::{LEAST_FAT16, SECTOR};

/// Bytes of a slot of a folder.
const SLOT: usize = 32;

/// The content of a file, whose name may have folders before it; [`None`] when the image has none or is damaged.
pub(in crate::payload) fn read(image: &[u8], name: &str) -> Option<Vec<u8>> {
    let volume = Volume::of(image)?;
    let mut folder = volume.root.to_vec();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        let found = find(&folder, part).filter(|_| !part.is_empty())?;
        let mut content = volume.chain(found.cluster)?;
        match (found.is_folder, parts.peek()) {
            (true, Some(_)) => folder = content,
            (false, None) => {
                (content.len() >= found.size).then(|| content.truncate(found.size))?;
                return Some(content);
            }
            _ => return None,
        }
    }
    None
}

/// Where the parts of a volume lie.
struct Volume<'i> {
    table: &'i [u8],
    root: &'i [u8],
    /// The clusters, the first of which has number 2.
    data: &'i [u8],
    /// Bytes of a cluster.
    cluster: usize,
    is_fat16: bool,
}

impl<'i> Volume<'i> {
    fn of(image: &'i [u8]) -> Option<Self> {
        let number = |place: usize| Some(usize::from(u16::from_le_bytes([*image.get(place)?, *image.get(place + 1)?])));
        let (cluster, tables) = (usize::from(*image.get(13)?) * SECTOR, usize::from(*image.get(16)?));
        let (reserved, table) = (number(14)? * SECTOR, number(22)? * SECTOR);
        if cluster == 0 || number(11)? != SECTOR {
            return None;
        }
        let (root_at, root) = (reserved + tables * table, number(17)? * SLOT);
        let data = image.get(root_at + root..)?;
        Some(Self {
            table: image.get(reserved..reserved + table)?,
            root: image.get(root_at..root_at + root)?,
            data,
            cluster,
            is_fat16: data.len() / cluster >= LEAST_FAT16,
        })
    }

    /// The clusters from this one on; of an empty file none.
    fn chain(&self, first: usize) -> Option<Vec<u8>> {
        let (mut content, mut cluster) = (Vec::new(), first);
        if first == 0 {
            return Some(content);
        }
        loop {
            let start = cluster.checked_sub(2)? * self.cluster;
            content.extend(self.data.get(start..start + self.cluster)?);
            let last = if self.is_fat16 { 0xfff8 } else { 0xff8 };
            match self.next(cluster)? {
                next if next >= last => return Some(content),
                // A chain that leads back to itself never ends.
                _ if content.len() > self.data.len() => return None,
                next => cluster = next,
            }
        }
    }

    fn next(&self, cluster: usize) -> Option<usize> {
        let at = if self.is_fat16 { cluster * 2 } else { cluster * 3 / 2 };
        let pair = usize::from(u16::from_le_bytes([*self.table.get(at)?, *self.table.get(at + 1)?]));
        Some(match (self.is_fat16, cluster % 2) {
            (true, _) => pair,
            (false, 0) => pair & 0xfff,
            (false, _) => pair >> 4,
        })
    }
}

/// What a folder says of one name.
struct Found {
    is_folder: bool,
    cluster: usize,
    size: usize,
}

fn find(folder: &[u8], wanted: &str) -> Option<Found> {
    let mut name: Vec<u16> = Vec::new();
    for slot in folder.chunks_exact(SLOT).take_while(|slot| slot[0] != 0) {
        if slot[11] == LONG_NAME {
            // The last part of a name comes first.
            let part = PLACES.map(|place| u16::from_le_bytes([slot[place], slot[place + 1]]));
            let part = part.into_iter().take_while(|character| !matches!(*character, 0 | u16::MAX));
            name = part.chain(name).collect();
            continue;
        }
        if wanted.encode_utf16().eq(std::mem::take(&mut name)) {
            let size = u32::from_le_bytes([slot[28], slot[29], slot[30], slot[31]]);
            let cluster = u16::from_le_bytes([slot[26], slot[27]]);
            return Some(Found {
                is_folder: slot[11] & FOLDER != 0,
                cluster: cluster.into(),
                size: usize::try_from(size).ok()?,
            });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::image;
    use super::read;

    #[test]
    fn every_file_is_found_in_small_and_large_images() {
        for size in [0, 1, 511, 512, 513, 70_000, 5 << 20] {
            let large: Vec<u8> = (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let files: [(&str, &[u8]); 4] = [
                ("a", b"x"),
                ("one/two/a name of more than one slot", &large),
                ("one/two/user_data", b"y"),
                ("one/z", b""),
            ];
            let image = image(*b"TEST       ", &files);
            for (name, content) in files {
                assert!(read(&image, name).as_deref() == Some(content), "{name} {size}");
            }
            for missing in ["", "b", "one", "one/two", "a/b", "one/two/user_dat", "one//z"] {
                assert!(read(&image, missing).is_none(), "{missing}");
            }
        }
    }

    #[test]
    fn a_damaged_image_has_no_file_and_never_loops() {
        let large = vec![1; 3000];
        let whole = image(*b"TEST       ", &[("a", &large)]);
        assert!(read(&[], "a").is_none() && read(&[0; 4096], "a").is_none());
        (0..whole.len()).step_by(97).for_each(|cut| drop(read(&whole[..cut], "a")));
        // FAT12: the second cluster's successor is the first one.
        let mut looped = whole.clone();
        looped[512 + 4] = (looped[512 + 4] & 0x0f) | 0x20;
        looped[512 + 5] = 0;
        assert!(read(&looped, "a").is_none());
        for place in 0..1024 {
            let mut damaged = whole.clone();
            damaged[place] ^= 0xff;
            drop(read(&damaged, "a"));
        }
    }
}
