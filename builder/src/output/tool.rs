//! Programs that are executed: named when they are missing, quoted when they fail, ended when somebody asks to stop.

use super::child::{self, Ending, PATIENCE, RunningChild};
use super::{Growth, OutputError, Watch};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How much of what a program said goes into an error.
const QUOTED: usize = 2000;
/// How long a program may take to tell its version.
const SOON: Duration = Duration::from_secs(60);

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
    /// A command that hears nothing and speaks English. What the environment says of time was read before, by who asked for the build: an
    /// empty `SOURCE_DATE_EPOCH` means none, and ends xorriso.
    pub(crate) fn command(self) -> Command {
        let mut command = child::command(self.program);
        command.stdin(Stdio::null()).env("LC_ALL", "C").env("TZ", "UTC").env_remove("SOURCE_DATE_EPOCH");
        command
    }

    /// Runs a command of this program to its end, which has to be good. The file that it writes shows that it lives, and how far
    /// it is.
    ///
    /// # Errors
    /// When it is missing or fails, with the end of what it said; when somebody asks to stop, or it hangs.
    pub(crate) fn run(
        self,
        command: &mut Command,
        action: &'static str,
        written: &Path,
        watch: &Watch<'_>,
    ) -> Result<(), OutputError> {
        let mut growth = Growth::of(written);
        let mut grows = || {
            let grown = growth.look();
            watch.advanced(grown);
            grown > 0
        };
        self.finish(command, action, PATIENCE, watch, &mut grows)?;
        // What it wrote after the last look.
        grows();
        Ok(())
    }

    /// What a command that ends at once says.
    ///
    /// # Errors
    /// As [`Tool::run`].
    pub(crate) fn said(self, command: &mut Command, action: &'static str) -> Result<String, OutputError> {
        self.finish(command, action, SOON, &Watch::default(), || false)
    }

    fn finish(
        self,
        command: &mut Command,
        action: &'static str,
        patience: Duration,
        watch: &Watch<'_>,
        lives: impl FnMut() -> bool,
    ) -> Result<String, OutputError> {
        let failed = OutputError::io("executing", self.program.as_ref());
        let mut child = RunningChild::start(command, false).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => self.missing(),
            _ => OutputError::io("executing", self.program.as_ref())(error),
        })?;
        match child.wait(watch.stop(), patience, lives).map_err(failed)? {
            Ending::Ended(status) if status.success() => Ok(child.words()),
            Ending::Ended(status) => {
                let said = child.words();
                let begin = said.floor_char_boundary(said.len().saturating_sub(QUOTED));
                let said = said[begin..].trim().to_owned();
                Err(OutputError::Program { program: self.program, action, status: status.to_string(), said })
            }
            Ending::Stopped => Err(OutputError::Stopped),
            Ending::Silent => Err(OutputError::Silent { program: self.program, action, seconds: patience.as_secs() }),
        }
    }

    pub(crate) fn missing(self) -> OutputError {
        OutputError::NoProgram { program: self.program, purpose: self.purpose, package: self.package }
    }
}

#[cfg(test)]
mod tests {
    use super::Tool;
    use crate::output::{OutputErrorKind, Watch};
    use kfimg_images::stop::Stop;
    use std::cell::Cell;
    use std::time::Duration;

    const SHELL: Tool = Tool { program: "sh", package: "dash", purpose: "it is a test" };
    const NONE: Tool = Tool { program: "kfimg-no-such-program", package: "nothing", purpose: "it is a test" };

    fn shell(script: &str) -> std::process::Command {
        let mut command = SHELL.command();
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_tells_how_far_it_is_and_ends_when_it_is_asked_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let (stop, told) = (Stop::new(), Cell::new(0_u64));
        let advanced = |bytes: u64| {
            told.set(told.get() + bytes);
            if told.get() > 0 {
                stop.ask();
            }
        };
        let watch = Watch::new(&stop, &advanced);
        let mut command = shell(&format!("printf 12345 > {}; exec sleep 1000", file.display()));
        let error = SHELL.run(&mut command, "growing", &file, &watch).unwrap_err();
        assert_eq!((error.kind(), told.get()), (OutputErrorKind::Stopped, 5), "{error}");
    }

    #[test]
    fn failures_are_quoted_and_silence_is_told() {
        let watch = Watch::default();
        let error = NONE.run(&mut NONE.command(), "running", "none".as_ref(), &watch).unwrap_err();
        assert_eq!(
            error.to_string(),
            "kfimg-no-such-program is missing, and it is a test: install the package nothing"
        );
        assert_eq!(error.kind(), OutputErrorKind::Program);
        let error = SHELL.said(&mut shell("echo no >&2; exit 3"), "trying").unwrap_err();
        assert_eq!(error.to_string(), "sh ended with exit status: 3 while trying; it said: no");
        let soon = Duration::from_millis(100);
        let error = SHELL.finish(&mut shell("exec sleep 1000"), "sleeping", soon, &watch, || false).unwrap_err();
        assert!(error.to_string().starts_with("sh has shown no sign of life for 0 s while sleeping, and"), "{error}");
    }
}
