//! Running other programs: their output, or an error that shows what they said.
//!
//! It knows no program.

use crate::{Error, Result};
use std::process::{Command, Output, Stdio};

/// Most bytes of a failed program's output that an error shows.
const SHOWN: usize = 4096;

/// Makes a command without an input.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end, whatever that is.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    let program = command.get_program().to_string_lossy().into_owned();
    command.output().map_err(|source| Error::Start { program, source })
}

/// Runs it; gives what it wrote to standard output.
pub(crate) fn succeed(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let mut start = said.len().saturating_sub(SHOWN);
    while !said.is_char_boundary(start) {
        start += 1;
    }
    Err(Error::Program {
        command: format!("{command:?}"),
        status: output.status,
        output: said[start..].trim_end().to_owned(),
    })
}

/// Runs `ip` with these words.
pub(crate) fn ip<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<String> {
    succeed(command("ip").args(words))
}
