//! As much of the protocol buffers' encoding as etcd's log needs (<https://protobuf.dev/programming-guides/encoding/>).
//!
//! The bytes may be anything, and may be only the beginning of a message.

use std::ops::Range;

/// A field of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    /// A number.
    Number(u64),
    /// Where bytes lie in the message; they may go on behind the part that is at hand.
    Bytes(Range<usize>),
}

/// Something that is no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// Fields of the beginning of a message that has `total` bytes. After a field that ends behind the beginning there is
/// no other; bytes that are wanted but not at hand are malformed.
pub(super) struct Fields<'a> {
    head: &'a [u8],
    total: usize,
    at: usize,
}

impl<'a> Fields<'a> {
    pub(super) fn new(head: &'a [u8], total: usize) -> Self {
        Self { head, total, at: 0 }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let byte = *self.head.get(self.at).ok_or(Malformed)?;
        self.at += 1;
        Ok(byte)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return if shift == 63 && byte > 1 { Err(Malformed) } else { Ok(value) };
            }
        }
        Err(Malformed)
    }

    fn skip(&mut self, length: usize) -> Result<Range<usize>, Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.total).ok_or(Malformed)?;
        let range = self.at..end;
        self.at = end;
        Ok(range)
    }

    fn field(&mut self) -> Result<(u64, Value), Malformed> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.skip(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
                Value::Bytes(self.skip(length)?)
            }
            5 => Value::Bytes(self.skip(4)?),
            _ => return Err(Malformed),
        };
        Ok((key >> 3, value))
    }
}

impl Iterator for Fields<'_> {
    type Item = Result<(u64, Value), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.total {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.total;
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::{Fields, Value};

    #[test]
    fn fields_are_read_and_nonsense_is_refused() {
        let message = [0x08, 0x96, 0x01, 0x12, 0x03, b'a', b'b', b'c'];
        let fields: Vec<_> = Fields::new(&message, 8).map(Result::unwrap).collect();
        assert_eq!(fields, [(1, Value::Number(150)), (2, Value::Bytes(5..8))]);
        let beginning: Vec<_> = Fields::new(&message[..6], 8).map(Result::unwrap).collect();
        assert_eq!(beginning, fields, "bytes may go on behind the beginning");
        let nonsense: [(&[u8], usize); 5] =
            [(&[0x08], 1), (&[0xff; 12], 12), (&[0x12, 9, 0], 3), (&[0x0b], 1), (&[0x12, 1, 0, 0x08], 9)];
        for (bytes, total) in nonsense {
            assert!(Fields::new(bytes, total).any(|field| field.is_err()), "{bytes:x?}");
        }
    }
}
