//! The slots of a folder, 32 bytes each: a file has one with a short name, and before it those with its long name.

/// Midnight of 1 January 1980, the first moment that FAT knows.
const DATE: u16 = 1 << 5 | 1;
pub(super) const FOLDER: u8 = 0x10;
const FILE: u8 = 0x20;
const LABEL: u8 = 0x08;
pub(super) const LONG_NAME: u8 = 0x0f;
/// Characters of a long name in one slot.
pub(super) const PART: usize = 13;
/// Places of those characters, two bytes each.
pub(super) const PLACES: [usize; PART] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// What an entry is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// A file of so many bytes.
    File(u32),
    /// A folder.
    Folder,
}

/// The slots of one folder.
pub(super) struct Slots {
    bytes: Vec<u8>,
    names: u32,
}

impl Slots {
    /// The root folder, with the volume's label.
    pub(super) fn of_root(label: [u8; 11]) -> Self {
        Self { bytes: slot(label, LABEL, 0, 0).to_vec(), names: 0 }
    }

    /// A folder of this number in another one.
    pub(super) fn of_folder(own: u16, parent: u16) -> Self {
        let this = slot(*b".          ", FOLDER, own, 0);
        let above = slot(*b"..         ", FOLDER, parent, 0);
        Self { bytes: [this, above].concat(), names: 0 }
    }

    /// Bytes of a folder in another one that has entries of these names.
    pub(super) fn size<'a>(names: impl Iterator<Item = &'a str>) -> usize {
        let slots: usize = names.map(|name| 1 + name.len().div_ceil(PART)).sum();
        (2 + slots) * 32
    }

    /// Adds an entry.
    pub(super) fn add(&mut self, name: &str, kind: Kind, first_cluster: u16) {
        self.names += 1;
        let short = short_name(name, self.names);
        for slot in long_name(name, checksum(short)) {
            self.bytes.extend(slot);
        }
        let (attributes, size) = match kind {
            Kind::File(size) => (FILE, size),
            Kind::Folder => (FOLDER, 0),
        };
        self.bytes.extend(slot(short, attributes, first_cluster, size));
    }

    /// All of them.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn slot(name: [u8; 11], attributes: u8, first_cluster: u16, size: u32) -> [u8; 32] {
    let mut slot = [0; 32];
    slot[..11].copy_from_slice(&name);
    slot[11] = attributes;
    for place in [16, 18, 24] {
        slot[place..place + 2].copy_from_slice(&DATE.to_le_bytes());
    }
    slot[26..28].copy_from_slice(&first_cluster.to_le_bytes());
    slot[28..].copy_from_slice(&size.to_le_bytes());
    slot
}

/// `META-D~1` and the like: it need only differ from the others in the folder.
fn short_name(name: &str, number: u32) -> [u8; 11] {
    let usable = |c: &char| c.is_ascii_alphanumeric() || "-_".contains(*c);
    let tail = format!("~{number}");
    let start: String = name.chars().filter(usable).take(8_usize.saturating_sub(tail.len())).collect();
    let mut short = [b' '; 11];
    let text = format!("{}{tail}", start.to_ascii_uppercase());
    short[..text.len()].copy_from_slice(text.as_bytes());
    short
}

fn checksum(short: [u8; 11]) -> u8 {
    short.iter().fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// The last part comes first. After the name stands one zero, and then ones to the end of the slot.
fn long_name(name: &str, checksum: u8) -> Vec<[u8; 32]> {
    let characters: Vec<u16> = name.encode_utf16().collect();
    let parts = characters.chunks(PART).zip(1_u8..);
    let mut slots: Vec<_> = parts.map(|(part, number)| long_name_part(part, number, checksum)).collect();
    if let Some(last) = slots.last_mut() {
        last[0] |= 0x40;
    }
    slots.reverse();
    slots
}

fn long_name_part(part: &[u16], number: u8, checksum: u8) -> [u8; 32] {
    let mut slot = [0; 32];
    (slot[0], slot[11], slot[13]) = (number, LONG_NAME, checksum);
    let filling = std::iter::once(0).chain(std::iter::repeat(u16::MAX));
    for (place, character) in PLACES.into_iter().zip(part.iter().copied().chain(filling)) {
        slot[place..place + 2].copy_from_slice(&character.to_le_bytes());
    }
    slot
}
