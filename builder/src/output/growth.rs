//! [`Growth`]: a file that another program writes. It shows that the program lives, and the disk begins with it early.

use kfimg_images::early::Early;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A file that grows.
#[derive(Debug)]
pub(crate) struct Growth {
    path: PathBuf,
    length: u64,
    early: Early,
}

impl Growth {
    /// Of a file that may not be there yet.
    pub(crate) fn of(path: &Path) -> Self {
        Self { path: path.to_owned(), length: 0, early: Early::default() }
    }

    /// By how many bytes it has become longer since the last look.
    pub(crate) fn look(&mut self) -> u64 {
        // Every time: a program may put another file in its place.
        let Ok(file) = File::open(&self.path) else { return 0 };
        let length = file.metadata().map_or(0, |about| about.len());
        self.early.written(&file, length);
        let grown = length.saturating_sub(self.length);
        self.length = self.length.max(length);
        grown
    }
}

#[cfg(test)]
mod tests {
    use super::Growth;
    use std::fs::{self, File};
    use std::io::Write;

    #[test]
    fn a_file_is_told_by_what_it_grew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut growth = Growth::of(&path);
        assert_eq!(growth.look(), 0);
        let mut file = File::create(&path).unwrap();
        for length in [5, 0, 20 << 20] {
            file.write_all(&vec![7; length]).unwrap();
            assert_eq!(growth.look(), length as u64);
        }
        file.set_len(1).unwrap();
        assert_eq!(growth.look(), 0, "what a program cuts off is no growth");
        assert_eq!(fs::read(&path).unwrap(), [7]);
    }
}
