//! An emulated machine with a BIOS that runs iPXE, its screen, and the keys that a person presses.
//!
//! Source: QEMU's machine protocol (QMP), `qemu-qmp-ref(7)`.

use crate::support::program::{Running, find};
use crate::{HOST, IPXE};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Time for an emulated machine to show something, far more than it takes.
const BOUND: Duration = Duration::from_secs(120);
/// Where a BIOS has its screen: 25 lines of 80 characters, each with its colour.
const SCREEN: (u64, usize, usize) = (0xb8000, 80, 25);

/// A machine. It is switched off when this is dropped.
pub(crate) struct Machine {
    folder: PathBuf,
    keys: ChildStdin,
    answers: BufReader<ChildStdout>,
    _process: Running,
}

impl Machine {
    /// Switches one on with these arguments of QEMU; it begins with a path of the host's server at that port.
    pub(crate) fn start(folder: &Path, port: u16, path: &str, arguments: &[&str]) -> Self {
        Self::chaining(folder, &format!("http://{HOST}:{port}{path}"), arguments)
    }

    /// One that begins with this URL.
    pub(crate) fn chaining(folder: &Path, url: &str, arguments: &[&str]) -> Self {
        let embedded = format!("dhcp && chain {url} || shell");
        let mut qemu = Command::new(find("qemu-system-x86_64"));
        qemu.args(["-M", "q35", "-m", "256", "-display", "none", "-serial", "none", "-monitor", "none", "-no-reboot"]);
        qemu.args(["-qmp", "stdio", "-kernel", IPXE, "-append", &embedded]).args(arguments).current_dir(folder);
        let mut process = qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (keys, answers) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut machine = Self { folder: folder.to_owned(), keys, answers, _process: Running(process) };
        machine.command("qmp_capabilities", &json!({}));
        machine
    }

    fn command(&mut self, name: &str, arguments: &Value) {
        let command = json!({ "execute": name, "arguments": arguments });
        self.keys.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut line = String::new();
        // What is neither answer nor error is a greeting or an event.
        while !line.contains("\"return\"") {
            assert!(!line.contains("\"error\""), "{command}: {line}");
            line.clear();
            assert!(self.answers.read_line(&mut line).unwrap() > 0, "{command}: the machine is off");
        }
    }

    /// Presses a key and lets it go.
    pub(crate) fn press(&mut self, key: &str) {
        self.command("send-key", &json!({ "keys": [{ "type": "qcode", "data": key }] }));
    }

    /// The lines on the screen.
    fn screen(&mut self) -> Vec<String> {
        let (address, width, lines) = SCREEN;
        self.command("pmemsave", &json!({ "val": address, "size": width * lines * 2, "filename": "screen" }));
        let bytes = fs::read(self.folder.join("screen")).unwrap();
        let text = |line: &[u8]| -> String { line.iter().step_by(2).copied().map(char::from).collect() };
        bytes.chunks(width * 2).map(text).collect()
    }

    /// Waits until the screen shows a text; gives the line that has it.
    pub(crate) fn until_it_shows(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            let screen = self.screen();
            if let Some(line) = screen.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            assert!(begin.elapsed() < BOUND, "{text} was not shown within {BOUND:?}:\n{}", screen.join("\n"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
