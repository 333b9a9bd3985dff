//! A root shell on the machine's second serial line: systemd's own debug shell, which `process` asks for.
//!
//! It is a terminal, which shows what is typed into it. So what a command wrote stands between two marks that are put together by
//! the shell and are never typed as such.

use super::console::plain;
use crate::{Error, Result};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longest silence before the bound is looked at again.
const POLL: Duration = Duration::from_millis(200);
/// Most bytes of an answer.
const LIMIT: usize = 1 << 20;

/// What a command wrote to both of its outputs, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The text, with spaces at both ends taken away.
    pub text: String,
    /// Exit code.
    pub code: i32,
}

/// Counts commands, so that a late answer to an earlier one is not taken for the answer to a later one.
static COMMANDS: AtomicU32 = AtomicU32::new(0);

/// Runs a line of shell.
pub(super) fn run(socket: &Path, line: &str, bound: Duration) -> Result<Said> {
    let deadline = Instant::now() + bound;
    ask(connect(socket, deadline)?, line, bound, deadline)
}

fn ask(mut stream: UnixStream, line: &str, bound: Duration, deadline: Instant) -> Result<Said> {
    let number = COMMANDS.fetch_add(1, Ordering::Relaxed);
    stream.set_read_timeout(Some(POLL))?;
    stream.set_write_timeout(Some(bound))?;
    let late = |last| Error::Late { what: format!("the end of `{line}` on the console"), bound, last };
    // Control-U takes back what an earlier command that ran out of time may have left on the line.
    match writeln!(stream, "\u{15}echo KF''IMG{number}:; {{ {line}\n}} 2>&1; echo :KF''IMG{number}:$?:") {
        Err(error) if is_silence(&error) => return Err(late("it reads nothing".to_owned())),
        written => written?,
    }
    let mut seen = Vec::new();
    let mut block = [0; 4096];
    while Instant::now() < deadline && seen.len() < LIMIT {
        match stream.read(&mut block) {
            Ok(0) => break,
            Ok(count) => seen.extend_from_slice(&block[..count]),
            Err(error) if is_silence(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(said) = answer(&String::from_utf8_lossy(&seen), number) {
            return Ok(said);
        }
    }
    // As long as nobody reads, a serial line keeps a few characters and loses the others. A shell that so got half a command would wait
    // for its end for ever. It forgets, upon Control-C, also what comes right behind.
    if stream.write_all(b"\x03").is_ok() {
        std::thread::sleep(POLL);
    }
    Err(late(plain(&String::from_utf8_lossy(&seen))))
}

/// Whether a bound of the socket was reached.
fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// QEMU makes the socket a moment after it has started.
fn connect(socket: &Path, deadline: Instant) -> Result<UnixStream> {
    loop {
        match UnixStream::connect(socket) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused)
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(POLL);
            }
            connected => return Ok(connected?),
        }
    }
}

/// The answer to the command of this number, if all of it is there.
fn answer(seen: &str, number: u32) -> Option<Said> {
    let (_, rest) = seen.split_once(&format!("KFIMG{number}:"))?;
    let (text, rest) = rest.split_once(&format!(":KFIMG{number}:"))?;
    let (code, _) = rest.split_once(':')?;
    Some(Said { text: plain(text).trim().to_owned(), code: code.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::{answer, ask, run};
    use crate::Error;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::Command;
    use std::time::{Duration, Instant};

    #[test]
    fn a_machine_that_reads_nothing_is_late() {
        let socket = std::env::temp_dir().join(format!("kfimg-lab-shell-{}", std::process::id()));
        let _nobody_reads = UnixListener::bind(&socket).unwrap();
        // More than the two buffers of a socket take.
        let said = run(&socket, &"x".repeat(4 << 20), Duration::from_millis(100));
        fs_err::remove_file(socket).unwrap();
        assert!(matches!(said, Err(Error::Late { .. })), "{said:?}");
    }

    #[test]
    fn a_command_that_lost_its_end_does_not_swallow_the_next() {
        let [machine, mut lab] = UnixStream::pair().unwrap().into();
        let line = || OwnedFd::from(machine.try_clone().unwrap());
        // Who runs tests in the background lets them ignore Control-C, and all that they start.
        let mut terminal = Command::new("env");
        terminal.args(["--default-signal=INT", "script", "--quiet", "--flush", "--command", "/bin/sh -i", "/dev/null"]);
        terminal.stdin(line()).stdout(line());
        let mut terminal = terminal.spawn().unwrap();

        lab.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        lab.read_exact(&mut [0]).unwrap(); // Of its prompt.
        let said = |line: &str, bound| ask(lab.try_clone().unwrap(), line, bound, Instant::now() + bound);
        let lost = said("{ echo lost", Duration::from_millis(500));
        let next = (0..5).find_map(|_| said("echo next", Duration::from_secs(5)).ok());
        terminal.kill().unwrap();
        terminal.wait().unwrap();
        assert!(lost.is_err(), "{lost:?}");
        let next = next.unwrap();
        assert_eq!((next.text.as_str(), next.code), ("next", 0));
    }

    #[test]
    fn an_answer_is_what_stands_between_the_marks_of_its_own_number() {
        let typed = "# echo KF''IMG7:; { ls\r\n> } 2>&1; echo :KF''IMG7:$?:\r\n";
        let cases = [
            (format!("{typed}KFIMG7:\r\nbin\r\nboot\r\n:KFIMG7:0:\r\n"), Some(("bin\nboot", 0))),
            (format!("{typed}KFIMG7:\r\n:KFIMG7:127:\r\n"), Some(("", 127))),
            (format!("{typed}KFIMG7:\r\nbin\r\n:KFIMG7:1"), None),
            (format!("KFIMG6:\r\nold\r\n:KFIMG6:0:\r\n{typed}"), None),
            (typed.to_owned(), None),
        ];
        for (seen, wanted) in cases {
            let found = answer(&seen, 7);
            assert_eq!(found.as_ref().map(|said| (said.text.as_str(), said.code)), wanted, "{seen}");
        }
    }
}
