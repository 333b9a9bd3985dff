//! A fast hash of states: what has been seen is remembered by 64 bits of it.
//!
//! Among ten million states two different ones look alike with a chance of one in 370,000.

use std::hash::{Hash, Hasher};

/// Eight bytes are mixed at a time.
#[derive(Default)]
pub(crate) struct Fingerprint {
    mixed: u64,
    pending: u64,
    count: u32,
}

impl Fingerprint {
    fn byte(&mut self, value: u8) {
        self.pending = self.pending << 8 | u64::from(value);
        self.count += 1;
        if self.count == 8 {
            self.word(self.pending);
            (self.pending, self.count) = (0, 0);
        }
    }

    fn word(&mut self, value: u64) {
        self.mixed = (self.mixed.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.mixed ^= self.mixed >> 29;
    }
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        let last = self.pending ^ u64::from(self.count) << 56;
        let mixed = (self.mixed.rotate_left(5) ^ last).wrapping_mul(0xd6e8_feb8_6659_fd93);
        let mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        mixed ^ (mixed >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.byte(*byte));
    }

    fn write_u64(&mut self, value: u64) {
        self.word(value);
    }

    fn write_u32(&mut self, value: u32) {
        self.word(value.into());
    }

    /// Tags of variants and lengths of arrays, all of them small.
    fn write_isize(&mut self, value: isize) {
        self.byte(value as u8);
    }

    fn write_usize(&mut self, value: usize) {
        self.byte(value as u8);
    }
}

/// The fingerprint is a hash already.
#[derive(Default)]
pub(crate) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

pub(crate) fn fingerprint(state: &impl Hash) -> u64 {
    let mut hasher = Fingerprint::default();
    state.hash(&mut hasher);
    hasher.finish()
}
