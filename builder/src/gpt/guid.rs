//! GUIDs that name partitions: constants of specifications, digits of a root hash, or derived from a name (RFC 9562, version 5).

use sha1::{Digest, Sha1};
use std::fmt;

/// A GUID, in the order in which it is written as text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Guid([u8; 16]);

/// The namespace of what kfimg derives.
const NAMESPACE: Guid = Guid::from_text("0d6a6c9e-3f1c-5b0e-9c55-1f2b6b8d7a41");

impl Guid {
    /// From text, at compile time.
    ///
    /// # Panics
    /// When the text is no GUID.
    #[must_use]
    pub const fn from_text(text: &str) -> Self {
        let text = text.as_bytes();
        let (mut bytes, mut digits, mut place) = ([0; 16], 0, 0);
        while place < text.len() {
            if text[place] != b'-' {
                bytes[digits / 2] = bytes[digits / 2] << 4 | digit(text[place]);
                digits += 1;
            }
            place += 1;
        }
        assert!(digits == 32, "a GUID has 32 digits");
        Self(bytes)
    }

    /// The GUID of a name; the same name gives the same one.
    #[must_use]
    pub fn derived(name: &str) -> Self {
        let hash = Sha1::new().chain_update(NAMESPACE.0).chain_update(name).finalize();
        let mut bytes: [u8; 16] = std::array::from_fn(|index| hash[index]);
        bytes[6] = bytes[6] & 0x0f | 0x50;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    /// As it lies in tables: the first three groups little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
        ORDER.map(|index| self.0[index])
    }

    /// Its first four bytes, as the serial number of a volume.
    #[must_use]
    pub fn serial(self) -> u32 {
        u32::from_be_bytes([self.0[0], self.0[1], self.0[2], self.0[3]])
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{byte:02x}")?;
        }
        Ok(())
    }
}

const fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        b'a'..=b'f' => byte - b'a' + 10,
        _ => panic!("a GUID is written in lower-case hexadecimal digits"),
    }
}

#[cfg(test)]
mod tests {
    use super::Guid;

    #[test]
    fn guids_are_what_tables_hold() {
        let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        let guid = Guid::from_text(text);
        assert_eq!(guid.to_string(), text);
        assert_eq!(guid.to_bytes()[..8], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        let derived = Guid::derived("disk").to_string();
        assert_eq!(&derived[14..15], "5", "{derived}");
        assert_ne!(derived, Guid::derived("esp").to_string());
    }
}
