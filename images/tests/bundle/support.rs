//! What the tests of this binary share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kfimg_images::content::Content;
use kfimg_images::fake::FakeBundle;

/// A folder of its own for a test, with a bundle in it.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) bundle: FakeBundle,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = FakeBundle::fake(&folder.path().join("bundle"));
        Self { folder, bundle }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn content(&self) -> Content {
        Content::open(self.bundle.folder()).unwrap()
    }
}

/// Nobody looks at the progress.
pub(crate) fn quiet(_: u64) {}

/// Bytes that repeat nowhere soon, the same in every run.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64*, which needs no crate.
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// The names of the files in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a program that must succeed; returns what it said.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}");
    said
}
