//! `kfimg serve` as its user starts it.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A registry that serves. It is killed when this is dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    _stdout: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub(crate) said: Value,
}

impl Served {
    /// Starts this `kfimg serve` and waits until it is ready.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.args(["--output-format", "json"]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.ends_with("\n}\n") {
            assert!(stdout.read_line(&mut text).unwrap() > 0, "kfimg serve ended after {text:?}; it says why above");
        }
        Self { child, _stdout: stdout, said: serde_json::from_str(&text).unwrap() }
    }

    /// The address and port.
    pub(crate) fn authority(&self) -> &str {
        self.said["address"].as_str().unwrap().split_once("://").unwrap().1
    }

    /// The port alone.
    pub(crate) fn port(&self) -> &str {
        self.authority().rsplit(':').next().unwrap()
    }

    /// The most memory that it had so far, in kilobytes.
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
