//! Just enough DER (ITU-T X.690) to write a signature.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// An object identifier, with its tag and length.
pub(super) type Identifier = &'static [u8];

pub(super) const SIGNED_DATA: Identifier = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02";
pub(super) const CONTENT_TYPE: Identifier = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03";
pub(super) const MESSAGE_DIGEST: Identifier = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04";
pub(super) const RSA: Identifier = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
pub(super) const SHA256: Identifier = b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01";
/// Microsoft's: "an indirect content", "a PE image".
pub(super) const INDIRECT_DATA: Identifier = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x04";
pub(super) const PE_IMAGE: Identifier = b"\x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f";

const NULL: &[u8] = b"\x05\x00";

/// The tag of something that has a number in its context.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The same, of a string.
pub(super) const fn context_string(number: u8) -> u8 {
    0x80 | number
}

/// A value: its tag, its length, its parts one after the other.
pub(super) fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let mut value = vec![tag];
    if content.len() < 0x80 {
        value.push(content.len() as u8);
    } else {
        let length = content.len().to_be_bytes();
        let digits: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
        value.push(0x80 | digits.len() as u8);
        value.extend(digits);
    }
    value.extend(content);
    value
}

/// An algorithm without parameters.
pub(super) fn algorithm(identifier: Identifier) -> Vec<u8> {
    value(SEQUENCE, &[identifier, NULL])
}

#[cfg(test)]
mod tests {
    use super::{OCTET_STRING, value};

    #[test]
    fn lengths_are_as_short_as_they_can_be() {
        let head = |length: usize| value(OCTET_STRING, &[&vec![0; length]])[1..][..3].to_vec();
        assert_eq!(head(127), [0x7f, 0, 0]);
        assert_eq!(head(128), [0x81, 0x80, 0]);
        assert_eq!(head(256), [0x82, 1, 0]);
    }
}
