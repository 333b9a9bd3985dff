//! Programs that are executed: named when they are missing, quoted when they fail.

use super::OutputError;
use std::io;
use std::process::{Command, Stdio};

/// How much of what a program said goes into an error.
const QUOTED: usize = 2000;

/// A program that an output needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// Its name, found by `PATH`.
    pub(crate) program: &'static str,
    /// What brings it on Debian and Ubuntu.
    pub(crate) package: &'static str,
    /// What needs it, as half a sentence.
    pub(crate) purpose: &'static str,
}

impl Tool {
    /// A command that hears nothing and speaks English.
    pub(crate) fn command(self) -> Command {
        let mut command = Command::new(self.program);
        command.stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC");
        command
    }

    /// Runs a command of this program to its end, which has to be good.
    ///
    /// # Errors
    /// When it is missing or fails, with the end of what it said.
    pub(crate) fn run(self, command: &mut Command, action: &'static str) -> Result<(), OutputError> {
        self.said(command, action).map(drop)
    }

    /// As [`Tool::run`]; what it said on its standard output.
    ///
    /// # Errors
    /// As [`Tool::run`].
    pub(crate) fn said(self, command: &mut Command, action: &'static str) -> Result<String, OutputError> {
        let missing = || OutputError::NoProgram { program: self.program, purpose: self.purpose, package: self.package };
        let output = command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => missing(),
            _ => OutputError::io("executing", self.program.as_ref())(error),
        })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said[said.len().saturating_sub(QUOTED)..]).trim().to_owned();
        let status = output.status.to_string();
        Err(OutputError::Program { program: self.program, action, status, said })
    }
}
