//! Other programs of the node, with a bound on their time and on what is read from them.
//!
//! Nothing is run through a shell. Programs that serve, or that are fed, are started where they are needed.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::sleep;
use std::time::Duration;

use crate::wait::Deadline;

/// Bytes of standard error that are kept, for messages.
const COMPLAINT_LIMIT: u64 = 8 << 10;
/// What its words get to arrive after a program has ended: who it left behind may keep the pipes open for ever.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// Standard output, cut at the limit.
    pub(crate) output: Vec<u8>,
    /// The beginning of standard error.
    pub(crate) complaint: String,
    /// Its exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// Whether it ended with exit code 0, or said more than the limit.
    pub(crate) success: bool,
}

/// Why a program said nothing that can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    /// It could not be started.
    #[error("can't run {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It took too long, and was killed.
    #[error("{program} did not end within {} s", time.as_secs())]
    Timeout {
        /// Which.
        program: String,
        /// Its bound.
        time: Duration,
    },
    /// It ended with another exit code than 0.
    #[error("{program} failed: {complaint}")]
    Failed {
        /// Which.
        program: String,
        /// The last line of its standard error.
        complaint: String,
    },
}

/// Runs a program to its end, with nothing on standard input and messages in English.
///
/// # Errors
/// All of [`CommandError`], but a program that failed is no error here; see [`output`].
pub(crate) fn run(command: &mut Command, time: Duration, limit: u64) -> Result<Said, CommandError> {
    fed(command, b"", time, limit)
}

/// Runs a program to its end as [`run`] does, with this on standard input: no more than a pipe holds (64 KiB), so that
/// nobody waits for a program that does not read.
///
/// # Errors
/// As [`run`].
pub(crate) fn fed(command: &mut Command, input: &[u8], time: Duration, limit: u64) -> Result<Said, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let source = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.env("LC_ALL", "C").stdin(source).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|source| CommandError::Start { program: program.clone(), source })?;
    // A program that ended without reading tells why by itself.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    let output = collect(child.stdout.take(), limit);
    let complaint = collect(child.stderr.take(), COMPLAINT_LIMIT);
    let Some(status) = wait(&mut child, Deadline::after(time)) else {
        return Err(CommandError::Timeout { program, time });
    };
    let (Ok((output, cut)), Ok((complaint, _))) = (output.recv_timeout(LAST_WORDS), complaint.recv_timeout(LAST_WORDS))
    else {
        let complaint = "it has left something behind that keeps its output open".to_owned();
        return Err(CommandError::Failed { program, complaint });
    };
    let complaint = String::from_utf8_lossy(&complaint).trim().to_owned();
    Ok(Said { output, complaint, code: status.code(), success: status.success() || cut })
}

/// Standard output of a program that ended well.
///
/// # Errors
/// All of [`CommandError`].
pub(crate) fn output(command: &mut Command, time: Duration, limit: u64) -> Result<Vec<u8>, CommandError> {
    let said = run(command, time, limit)?;
    if said.success {
        return Ok(said.output);
    }
    let program = command.get_program().to_string_lossy().into_owned();
    let complaint = said.complaint.lines().last().unwrap_or("it did not say why").to_owned();
    Err(CommandError::Failed { program, complaint })
}

/// Runs a program to its end, with nothing on standard input and messages in English; all that it says goes to this file.
/// How it ended.
///
/// # Errors
/// [`CommandError::Start`] and [`CommandError::Timeout`].
pub(crate) fn spooled(command: &mut Command, time: Duration, file: &File) -> Result<ExitStatus, CommandError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| CommandError::Start { program: program.clone(), source };
    let (output, complaint) = (file.try_clone().map_err(failed)?, file.try_clone().map_err(failed)?);
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(output).stderr(complaint).process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    wait(&mut child, Deadline::after(time)).ok_or(CommandError::Timeout { program, time })
}

/// Reads up to a limit; a program that says more finds the pipe closed.
fn collect(pipe: Option<impl Read + Send + 'static>, limit: u64) -> Receiver<(Vec<u8>, bool)> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut limited = pipe.map(|pipe| pipe.take(limit + 1));
        // What was read before an error is still worth showing.
        let _ = limited.as_mut().map(|pipe| pipe.read_to_end(&mut bytes));
        let cut = bytes.len() as u64 > limit;
        bytes.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        // Nobody listens any more when it took too long.
        let _ = sender.send((bytes, cut));
    });
    receiver
}

/// How it ended; [`None`] when it had to be killed, with all that it started.
fn wait(child: &mut Child, deadline: Deadline) -> Option<ExitStatus> {
    let mut pause = Duration::from_millis(2);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if deadline.over() {
            let group = rustix::process::Pid::from_child(child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
            return None;
        }
        sleep(pause.min(deadline.left()));
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::{CommandError, fed, output, run};
    use std::process::Command;
    use std::time::{Duration, Instant};

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let began = Instant::now();
        let error = run(&mut shell("sleep 60 & sleep 60"), Duration::from_millis(100), 10).unwrap_err();
        assert!(matches!(error, CommandError::Timeout { .. }) && began.elapsed() < Duration::from_secs(5), "{error}");
    }

    #[test]
    fn one_that_is_left_behind_is_not_waited_for() {
        let began = Instant::now();
        let error = run(&mut shell("sleep 30 &"), Duration::from_secs(60), 10).unwrap_err();
        assert!(matches!(error, CommandError::Failed { .. }) && began.elapsed() < Duration::from_secs(20), "{error}");
    }

    #[test]
    fn what_is_read_is_bounded() {
        let said = run(&mut shell("yes"), Duration::from_secs(10), 1000).unwrap();
        assert!(said.success && said.output.len() == 1000);
    }

    #[test]
    fn a_failure_carries_the_last_line_of_the_complaint() {
        let error = output(&mut shell("echo one >&2; echo two >&2; exit 1"), Duration::from_secs(10), 10).unwrap_err();
        assert_eq!(error.to_string(), "/bin/sh failed: two");
    }

    #[test]
    fn a_program_reads_what_it_is_fed_and_tells_its_exit_code() {
        let said = fed(&mut shell("cat; exit 8"), b"text", Duration::from_secs(10), 10).unwrap();
        assert_eq!((said.output.as_slice(), said.code, said.success), (&b"text"[..], Some(8), false));
        assert!(fed(&mut shell("exit 0"), b"nobody reads this", Duration::from_secs(10), 10).unwrap().success);
    }
}
