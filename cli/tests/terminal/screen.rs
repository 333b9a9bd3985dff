//! A terminal of some width, by tmux: what stands on it while a command runs, and after it.

use super::COLOUR_VARIABLES;
use super::support::program::{find, succeed};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Time until something stands there, and between two looks.
const BOUND: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(50);

/// Ends, with all that runs in it, when it is dropped.
pub(crate) struct Screen {
    /// For the socket.
    place: tempfile::TempDir,
    folder: PathBuf,
}

impl Screen {
    /// Lets kfimg run in a terminal of so many columns and rows, in a folder. How it ended stands behind what it shows, when `tells`.
    pub(crate) fn start(command: &str, columns: usize, rows: usize, folder: &Path, tells: bool) -> Self {
        Self::start_line(&format!("{} {command}", env!("CARGO_BIN_EXE_kfimg")), columns, rows, folder, tells)
    }

    /// The same for a shell's command.
    pub(crate) fn start_line(command: &str, columns: usize, rows: usize, folder: &Path, tells: bool) -> Self {
        let screen = Self { place: tempfile::tempdir().unwrap(), folder: folder.to_owned() };
        let done = format!("tmux -S {} wait-for -S done", screen.socket().display());
        let end = if tells { "echo ended $?; " } else { "" };
        // The shell outlives Ctrl-C.
        let line = format!("trap : INT; {command}; {end}{done}; cat");
        let [columns, rows] = [columns, rows].map(|number| number.to_string());
        screen.tmux(&["new-session", "-d", "-x", &columns, "-y", &rows, &line]);
        screen
    }

    /// Waits until the command has ended.
    pub(crate) fn wait(&self) {
        self.tmux(&["wait-for", "done"]);
    }

    /// Waits until these words stand there; the command has not ended before.
    pub(crate) fn wait_for(&self, words: &str) {
        self.wait_until(words, |shown| shown.contains(words));
    }

    /// Looks until what stands there is as wanted; the command has not ended before.
    pub(crate) fn wait_until(&self, wanted: &str, is_there: impl Fn(&str) -> bool) {
        let end = Instant::now() + BOUND;
        loop {
            let shown = self.shows();
            assert!(Instant::now() < end && !shown.contains("ended"), "never {wanted}:\n{shown}");
            if is_there(&shown) {
                return;
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What stands there now.
    pub(crate) fn shows(&self) -> String {
        self.capture(&[])
    }

    /// The same, with the lines that the terminal broke put together again.
    pub(crate) fn shows_whole(&self) -> String {
        self.capture(&["-J"])
    }

    /// Presses a key, in tmux's words.
    pub(crate) fn press(&self, key: &str) {
        self.tmux(&["send-keys", key]);
    }

    fn capture(&self, more: &[&str]) -> String {
        let shown = self.tmux(&[&["capture-pane", "-p"], more].concat());
        shown.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("tmux")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut tmux = Command::new(find("tmux"));
        tmux.arg("-S").arg(self.socket()).args(["-f", "/dev/null"]).args(words).current_dir(&self.folder);
        COLOUR_VARIABLES.iter().for_each(|name| _ = tmux.env_remove(name));
        // Logins of whoever runs the tests are nobody's business.
        tmux.env("LC_ALL", "C.UTF-8").env("HOME", &self.folder).env_remove("XDG_RUNTIME_DIR");
        tmux
    }

    fn tmux(&self, words: &[&str]) -> String {
        succeed(&mut self.command(words))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}
