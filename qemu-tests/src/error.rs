//! What can go wrong in the lab. It is a test's tool: an error ends the scenario, and its text is all that a person sees.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;
use thiserror::Error;

/// Why the lab could not do what was asked.
#[derive(Debug, Error)]
pub enum Error {
    /// A file could not be read, written or removed. The message names it.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A program could not be started.
    #[error("starting {program}: {source}; is its package installed?")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended with a failure.
    #[error("{command} ended with {status}:\n{output}")]
    Program {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// What was waited for did not come.
    #[error("{what} did not come within {} s; last seen: {last}", .bound.as_secs())]
    Late {
        /// What was waited for.
        what: String,
        /// How long.
        bound: Duration,
        /// What was there at the end.
        last: String,
    },
    /// A file of the lab, or an answer of a program, is not what it should be.
    #[error("{subject}: {reason}")]
    Unusable {
        /// The file or program.
        subject: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The lab has no machine of that name.
    #[error("there is no machine {0} in this lab")]
    NoMachine(String),
    /// The machine is off.
    #[error("{0} is off; power it on first")]
    Off(String),
    /// The machine is on.
    #[error("{0} is on; power it off first")]
    On(String),
    /// The lab's folder has no cluster.
    #[error("{} holds no cluster; `make cluster` makes one", .0.display())]
    NoCluster(PathBuf),
}

impl Error {
    /// A file or an answer that is not what it should be.
    pub fn unusable(subject: impl Into<String>, reason: impl std::fmt::Display) -> Self {
        Self::Unusable { subject: subject.into(), reason: reason.to_string() }
    }
}

/// Result of the lab's own functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;
