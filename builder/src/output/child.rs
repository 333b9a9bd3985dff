//! Programs that run under watch: ended when somebody asks to stop, when they show no sign of life, when nobody waits for them any
//! more, and with kfimg itself, however that ends.
//!
//! What they are for is [`super::Tool`]'s and `root_image`'s to say.

use kfimg_images::stop::Stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::fcntl_setpipe_size;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a program may show no sign of life: nothing read, nothing written. Disks of any speed get further in ten minutes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// The longest time between two looks: 50 ms.
const STEP: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
/// Bytes that a pipe holds: the most that anybody may ask for (`fs.pipe-max-size`, `pipe(7)`), so that two programs seldom wait for each other.
const PIPE: usize = 1 << 20;
/// Most bytes that are kept of what a program says: the last ones.
const WORDS: usize = 16 << 10;

/// `setpriv(1)` of util-linux, which asks Linux to end what it becomes when its parent ends (`PR_SET_PDEATHSIG`, `prctl(2)`): who
/// is killed can't do it any more. The parent is the thread that starts the program, so that has to wait for it.
const BOUND: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

/// The words of a command of this program that ends with kfimg. Where there is no such `setpriv`, of the program alone: then a
/// killed build's last program ends by itself.
pub(crate) fn bound(program: &str) -> Vec<&str> {
    static WORKS: LazyLock<bool> = LazyLock::new(|| {
        let mut probe = Command::new(BOUND[0]);
        probe.args(&BOUND[1..]).arg("true").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    // What is missing shall be told under its own name.
    let words: &[&str] = if is_installed(program) && *WORKS { &BOUND } else { &[] };
    words.iter().copied().chain([program]).collect()
}

/// [`bound`], as a command.
pub(crate) fn command(program: &str) -> Command {
    let words = bound(program);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn is_installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// How a program ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// By itself.
    Ended(ExitStatus),
    /// Somebody asked to stop.
    Stopped,
    /// It did nothing for too long.
    Silent,
}

/// A program that runs.
pub(crate) struct RunningChild {
    child: Child,
    words: Vec<JoinHandle<Vec<u8>>>,
}

impl RunningChild {
    /// Starts a command; what it says on its standard error is kept, and on its standard output too unless `takes_output`.
    pub(crate) fn start(command: &mut Command, takes_output: bool) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let errors = child.stderr.take().map(|stream| std::thread::spawn(move || last_words(stream)));
        let output = if takes_output { None } else { child.stdout.take() };
        let output = output.map(|stream| std::thread::spawn(move || last_words(stream)));
        Ok(Self { child, words: output.into_iter().chain(errors).collect() })
    }

    /// Its standard input, if that is a pipe.
    pub(crate) fn input(&mut self, stop: &Stop) -> io::Result<Patient<ChildStdin>> {
        let pipe = self.child.stdin.take().ok_or_else(|| io::Error::other("it has no standard input"))?;
        // Only this end: a write of more than there is room for would wait for the program, and for nobody else.
        fcntl_setfl(&pipe, fcntl_getfl(&pipe)? | OFlags::NONBLOCK)?;
        // Who has too many of them gets no larger ones: it works as well, only slower.
        let _ = fcntl_setpipe_size(&pipe, PIPE);
        Ok(Patient { pipe, stop: stop.clone(), patience: PATIENCE })
    }

    /// Its standard output, if nobody else has it.
    pub(crate) fn output(&mut self, stop: &Stop) -> io::Result<Patient<ChildStdout>> {
        let pipe = self.child.stdout.take().ok_or_else(|| io::Error::other("it has no standard output"))?;
        Ok(Patient { pipe, stop: stop.clone(), patience: PATIENCE })
    }

    /// Waits for its end. `lives` says whether it has done anything since it was asked last.
    pub(crate) fn wait(
        &mut self,
        stop: &Stop,
        patience: Duration,
        mut lives: impl FnMut() -> bool,
    ) -> io::Result<Ending> {
        let mut since = Instant::now();
        let id = Pid::from_child(&self.child);
        let end = pidfd_open(id, PidfdFlags::empty())?;
        loop {
            let ended = self.child.try_wait()?;
            // Ctrl-C in a terminal ends the program too: that is no failure of its own.
            if stop.is_asked() {
                self.end();
                return Ok(Ending::Stopped);
            }
            if let Some(status) = ended {
                return Ok(Ending::Ended(status));
            }
            if lives() {
                since = Instant::now();
            } else if since.elapsed() > patience {
                self.end();
                return Ok(Ending::Silent);
            }
            match poll(&mut [PollFd::new(&end, PollFlags::IN)], Some(&STEP)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The last of what it said. It has to have ended.
    pub(crate) fn words(&mut self) -> String {
        let said: Vec<u8> = self.words.drain(..).flat_map(|words| words.join().unwrap_or_default()).collect();
        String::from_utf8_lossy(&said).into_owned()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for RunningChild {
    /// Nobody waits for it any more.
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads to the end, because a full pipe would stop the program for ever, and keeps the last of it.
fn last_words(mut stream: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut buffer = vec![0; WORDS];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count]);
        kept.drain(..kept.len().saturating_sub(WORDS));
    }
    kept
}

/// A pipe to or from a program that is waited for in small steps, between which somebody may ask to stop.
#[derive(Debug)]
pub(crate) struct Patient<T> {
    pipe: T,
    stop: Stop,
    patience: Duration,
}

impl<T: AsFd> Patient<T> {
    fn ready(&self, wanted: PollFlags) -> io::Result<()> {
        let since = Instant::now();
        loop {
            self.stop.check()?;
            match poll(&mut [PollFd::new(&self.pipe, wanted)], Some(&STEP)) {
                Ok(0) if since.elapsed() > self.patience => {
                    let seconds = self.patience.as_secs();
                    let reason = format!("the program has shown no sign of life for {seconds} s");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
                }
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl<T: AsFd + Write> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            self.ready(PollFlags::OUT)?;
            match self.pipe.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipe.flush()
    }
}

impl<T: AsFd + Read> Read for Patient<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.ready(PollFlags::IN)?;
        self.pipe.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ending, PATIENCE, PIPE, Patient, RunningChild};
    use kfimg_images::stop::{Stop, is_stop};
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};
    use std::time::Duration;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::piped());
        command
    }

    /// Whether the process is there and no zombie.
    fn is_alive(id: u32) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
    }

    fn ask_soon(stop: &Stop) {
        let stop = stop.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            stop.ask();
        });
    }

    #[test]
    fn a_wish_to_stop_and_silence_end_a_program_that_hangs() {
        let stop = Stop::new();
        let mut child = RunningChild::start(&mut shell("exec sleep 1000"), false).unwrap();
        let id = child.child.id();
        let ending = child.wait(&stop, Duration::from_millis(100), || false).unwrap();
        assert!(matches!(ending, Ending::Silent) && !is_alive(id), "{ending:?}");
        let mut child = RunningChild::start(&mut shell("exec sleep 1000"), false).unwrap();
        let id = child.child.id();
        ask_soon(&stop);
        let ending = child.wait(&stop, PATIENCE, || false).unwrap();
        assert!(matches!(ending, Ending::Stopped) && !is_alive(id), "{ending:?}");
    }

    #[test]
    fn a_program_that_lives_is_waited_for_and_its_last_words_are_kept() {
        let mut child =
            RunningChild::start(&mut shell("head -c 300000 /dev/zero; sleep 0.3; echo last >&2"), false).unwrap();
        let ending = child.wait(&Stop::new(), Duration::from_millis(100), || true).unwrap();
        assert!(matches!(ending, Ending::Ended(status) if status.success()), "{ending:?}");
        let words = child.words();
        assert!(words.ends_with("last\n") && words.len() < 20_000, "{}", words.len());
    }

    #[test]
    fn a_program_that_takes_or_gives_nothing_holds_nobody_up() {
        let stop = Stop::new();
        let mut child = RunningChild::start(&mut shell("exec sleep 1000"), true).unwrap();
        let (mut input, mut output) = (child.input(&stop).unwrap(), child.output(&stop).unwrap());
        (input.patience, output.patience) = (Duration::from_millis(200), Duration::from_millis(200));
        let error = input.write_all(&vec![0; 2 * PIPE]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
        assert_eq!(output.read(&mut [0; 10]).unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        (input.patience, output.patience) = (PATIENCE, PATIENCE);
        ask_soon(&stop);
        assert!(is_stop(&output.read(&mut [0; 10]).unwrap_err()));
        assert!(is_stop(&input.write_all(&vec![0; 2 * PIPE]).unwrap_err()));
    }

    /// As a killed kfimg: nobody is left who could end the program.
    #[test]
    fn a_program_ends_with_the_thread_that_waits_for_it() {
        let started = std::thread::spawn(|| {
            let mut command = super::command("sleep");
            let child = RunningChild::start(command.arg("1000").stdin(Stdio::null()), false).unwrap();
            // Until it has become the program.
            let id = child.child.id();
            while std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default().trim() != "sleep" {
                std::thread::sleep(Duration::from_millis(5));
            }
            std::mem::forget(child);
            id
        });
        let id = started.join().unwrap();
        let since = std::time::Instant::now();
        while is_alive(id) {
            assert!(since.elapsed() < Duration::from_secs(10), "it outlives who has started it");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_missing_program_is_missing_under_its_own_name() {
        assert_eq!(super::bound("kfimg-no-such-program"), ["kfimg-no-such-program"]);
        assert_eq!(super::bound("sh"), ["setpriv", "--pdeathsig", "KILL", "--", "sh"]);
    }

    #[test]
    fn what_goes_through_pipes_arrives() {
        let stop = Stop::new();
        let mut child = RunningChild::start(&mut shell("exec cat"), true).unwrap();
        let (input, mut output) = (child.input(&stop).unwrap(), child.output(&stop).unwrap());
        let sent: Vec<u8> = (0..2 << 20).map(|at: u32| at.to_le_bytes()[1]).collect();
        let copy = sent.clone();
        let feeder = std::thread::spawn(move || {
            let mut input: Patient<_> = input;
            input.write_all(&copy)
        });
        let mut got = Vec::new();
        output.read_to_end(&mut got).unwrap();
        feeder.join().unwrap().unwrap();
        assert!(sent == got);
    }
}
