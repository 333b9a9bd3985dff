//! What a command said, and how it ended.

use std::path::Path;
use std::process::{Command, Output};

/// All that a program says.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: status.code().expect("no signal"), stdout: text(stdout), stderr: text(stderr) }
}

/// Runs this kfimg in a folder, with the words of a line.
pub(crate) fn kfimg(folder: &Path, line: &str) -> Said {
    said(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(line.split_whitespace()).current_dir(folder))
}
