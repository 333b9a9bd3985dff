//! Codes of everything that can go wrong on a node, and the exit codes of the program.
//!
//! Each step lists its own codes beside its code; here they are only put together. `docs/boot.md` explains every one.

use crate::{addons, clock, data, etcd, fetch, images, initrd, preflight, report, snapshot, unseal};
use std::fmt;
use std::process::ExitCode;

/// One thing that can go wrong.
#[derive(Debug, Eq, PartialEq)]
pub struct Code {
    /// What it is called in reports and documents: `UPPER_CASE`, unique.
    pub name: &'static str,
    /// How bad it is.
    pub weight: Weight,
    /// What it means, in one sentence without the particulars.
    pub meaning: &'static str,
    /// What a person does about it.
    pub remedy: &'static str,
}

/// How bad a code is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Weight {
    /// The boot stops here until a person acts. Exit code 3.
    Fatal,
    /// The step ends, and starting it again may help: somebody else was not ready. Exit code 4.
    Retry,
    /// The boot goes on.
    Warning,
}

/// The plan could not be read: the payload is missing, damaged, or for another version of the agent.
pub const PLAN: Code = Code {
    name: "PLAN",
    weight: Weight::Fatal,
    meaning: "/etc/kfimg/plan.json is missing, damaged, or of a format that this agent does not know",
    remedy: "boot the payload that `kfimg render` wrote, with an image that carries the agent of the same release",
};

/// A program or the operating system failed in a way that no other code names.
pub const INTERNAL: Code = Code {
    name: "INTERNAL",
    weight: Weight::Retry,
    meaning: "the operating system or another program refused something that a healthy node allows",
    remedy: "read the message; `kfimg-agent support` collects what is needed to tell the cause",
};

const SHARED: &[Code] = &[PLAN, INTERNAL];

/// All codes, under the step that tells them; those of `any step` may come from each.
pub fn by_step() -> [(&'static str, &'static [Code]); 12] {
    [
        ("any step", SHARED),
        ("image", initrd::CODES),
        ("data", data::CODES),
        ("unseal", unseal::CODES),
        ("clock", clock::CODES),
        ("preflight", preflight::CODES),
        ("images", images::CODES),
        ("etcd", etcd::CODES),
        ("fetch", fetch::CODES),
        ("addons", addons::CODES),
        ("snapshot", snapshot::CODES),
        ("report", report::CODES),
    ]
}

/// All codes.
pub fn all() -> impl Iterator<Item = &'static Code> {
    by_step().into_iter().flat_map(|(_, codes)| codes)
}

/// A code, and the particulars of this case.
#[derive(Debug)]
pub struct Failure {
    /// Which code.
    pub code: &'static Code,
    /// Names the thing and says what is wrong with it; never a secret.
    pub message: String,
}

impl Failure {
    /// A failure with its particulars.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Anything that no code of a step names.
    pub fn internal(error: impl fmt::Display) -> Self {
        Self::new(&INTERNAL, error.to_string())
    }

    /// The program's exit code: 3 when a person has to act, 4 when another try may help.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.code.weight == Weight::Fatal { 3 } else { 4 })
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Fatal => "fatal",
            Self::Retry => "retry",
            Self::Warning => "warning",
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.code.name, self.message, self.code.remedy)
    }
}

impl std::error::Error for Failure {}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error)
    }
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_has_one_name() {
        let names: Vec<_> = all().map(|code| code.name).collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), unique.len(), "{names:?}");
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        );
    }
}
