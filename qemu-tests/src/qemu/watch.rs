//! Waiting for what an emulated machine does. It ends early when the machine has given up: nobody waits for minutes for what can't come.

use super::{Machine, console};
use crate::command::succeed;
use crate::wait::{Look, wait_for};
use crate::{Cluster, Error, Result};
use std::time::Duration;

/// One command on its console.
const COMMAND: Duration = Duration::from_secs(60);
/// Between two questions: each costs emulated processors a second, which the boot wants.
const PAUSE: Duration = Duration::from_secs(4);
/// In which an emulated API server may answer, in seconds.
const ANSWER: &str = "30";
/// What a machine shows that will not go on by itself.
const GIVEN_UP: [&str; 4] = ["Kernel panic", "emergency mode", "Emergency Mode", "Emergency Shell"];

/// Waits until the API server of an emulated control plane says that it is ready; gives the time that it took.
///
/// # Errors
/// [`Error::Late`] with what was said last.
pub fn wait_for_api(cluster: &Cluster, bound: Duration) -> Result<Duration> {
    let url = format!("https://{}:6443/readyz", cluster.topology().endpoint());
    let look = || {
        let mut ask = cluster.lab().lan().command("curl");
        ask.args(["--silent", "--show-error", "--insecure", "--fail-with-body", "--max-time", ANSWER, &url]);
        Ok(match succeed(&mut ask) {
            Ok(_) => Look::Found(()),
            Err(error) => {
                std::thread::sleep(PAUSE);
                Look::NotYet(error.to_string())
            }
        })
    };
    wait_for("the API", bound, look).map(|((), time)| time)
}

impl Machine {
    /// Waits until the node's only container of this name runs; gives the time that it took.
    ///
    /// # Errors
    /// [`Error::Late`]; [`Error::Unusable`] when the machine has given up; those of [`Machine::run`].
    pub fn wait_for_container(&mut self, name: &str, bound: Duration) -> Result<Duration> {
        let line = format!("crictl ps --quiet --state Running --name '^{name}$'");
        self.wait_for_answer(&format!("the container {name}"), &line, bound, |text| !text.is_empty())
    }

    /// Waits until a command ends well with an answer that fits; gives the time that it took.
    ///
    /// # Errors
    /// As [`Self::wait_for_container`].
    pub fn wait_for_answer(
        &mut self,
        what: &str,
        line: &str,
        bound: Duration,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Duration> {
        let look = || {
            self.has_not_given_up()?;
            match self.run(line, COMMAND) {
                Ok(said) if said.code == 0 && fits(&said.text) => Ok(Look::Found(())),
                Ok(said) => {
                    std::thread::sleep(PAUSE);
                    Ok(Look::NotYet(said.text))
                }
                Err(Error::Late { last, .. }) => Ok(Look::NotYet(last)),
                Err(error) => Err(error),
            }
        };
        wait_for(what, bound, look).map(|((), time)| time)
    }

    /// Waits until the console has shown this since the machine was switched on; gives the time that it took. What is waited for
    /// may be that it gives up.
    ///
    /// # Errors
    /// [`Error::Late`]; [`Error::Unusable`] when the machine has given up.
    pub fn wait_for_line(&self, text: &str, bound: Duration) -> Result<Duration> {
        let look = || {
            if console::since(&self.console_file(), self.shown_before).contains(text) {
                return Ok(Look::Found(()));
            }
            self.has_not_given_up()?;
            Ok(Look::NotYet(self.console(5)))
        };
        wait_for(&format!("`{text}` on the console"), bound, look).map(|((), time)| time)
    }

    fn has_not_given_up(&self) -> Result<()> {
        let shown = console::since(&self.console_file(), self.shown_before);
        match GIVEN_UP.iter().find(|text| shown.contains(*text)) {
            Some(text) => {
                Err(Error::unusable(self.name.clone(), format!("it has given up: its console shows `{text}`")))
            }
            None => Ok(()),
        }
    }
}
