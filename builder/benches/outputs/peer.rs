//! Programs that others wrote, and what they leave beside what kfimg leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program to its end, which must be good.
pub(crate) fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}; `make bench` installs it"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// How large one file is beside another.
pub(crate) fn sizes(own: &Path, peer: &Path) -> f64 {
    let [own, peer] = [own, peer].map(|path| fs::metadata(path).expect("it was written").len());
    own as f64 / peer as f64
}
