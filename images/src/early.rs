//! Lets the disk begin with a file that is being written, so that little is left when it is synced.
//!
//! Without it the system lies in wait until a file is whole, and a disk is idle while a network is not.

use std::fs::File;
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};

/// Bytes that the disk gets at a time: the more, the less often it is asked; the fewer, the less is left at the end.
const PORTION: u64 = 8 << 20;

/// How much of a file the disk has begun with.
#[derive(Debug, Default)]
pub struct Early {
    begun: u64,
}

impl Early {
    /// A file with so many bytes in front of what is written next.
    #[must_use]
    pub fn after(begun: u64) -> Self {
        Self { begun }
    }

    /// Everything before this place has been written. A file system that does nothing about it does so at the sync.
    pub fn written(&mut self, file: &File, place: u64) {
        let Some(length) = place.checked_sub(self.begun).filter(|length| *length >= PORTION) else { return };
        // Linux begins to write what is not on the disk yet, and drops from memory only what is (`mm/fadvise.c`).
        let _ = fadvise(file, self.begun, NonZeroU64::new(length), Advice::DontNeed);
        self.begun = place;
    }
}

#[cfg(test)]
mod tests {
    use super::{Early, PORTION};

    #[test]
    fn the_disk_is_asked_for_portions_and_a_file_stays_what_it_is() {
        let mut file = tempfile::tempfile().unwrap();
        let mut early = Early::after(3);
        for (place, begun) in [(2, 3), (3, 3), (PORTION, 3), (PORTION + 3, PORTION + 3), (PORTION + 9, PORTION + 3)] {
            let content = vec![7; usize::try_from(place).unwrap()];
            std::os::unix::fs::FileExt::write_all_at(&file, &content, 0).unwrap();
            early.written(&file, place);
            assert_eq!(early.begun, begun, "{place}");
        }
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut content).unwrap();
        assert!(content == vec![7; usize::try_from(PORTION + 9).unwrap()]);
    }
}
