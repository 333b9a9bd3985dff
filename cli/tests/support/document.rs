//! Documents of `docs/`, and how their reader runs what stands in them: with `kfimg` installed, on this machine. What is a command
//! and what is a file, [`super::steps`] tells.

use super::steps;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A document of `docs/`, as text.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// Writes and runs everything in that folder; gives the number of commands.
///
/// # Panics
/// When a command fails, or prints something else than the document says.
pub(crate) fn walk(name: &str, text: &str, folder: &Path) -> usize {
    steps::walk(name, text, folder, shell)
}

/// Runs a line as its reader would, with `kfimg` installed.
pub(crate) fn shell(command: &str, folder: &Path) -> Output {
    let own = Path::new(env!("CARGO_BIN_EXE_kfimg")).parent().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places =
        std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&path)).chain([PathBuf::from("/usr/sbin")]);
    let mut shell = Command::new("sh");
    shell.args(["-euc", command]).current_dir(folder).env("PATH", std::env::join_paths(places).unwrap());
    super::program::run(&mut shell)
}
