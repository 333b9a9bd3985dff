//! A cluster in the middle of its boot: some machines are up, some have failed, some load, some are silent.

use crate::support::boot::{Boot, rendered, report_of};
use kfimg_agent::failure;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;

/// One secret for all, as the tests render many nodes and read no payload.
const TOKEN: &str = "0123456789abcdef";
const CONTROL_PLANE: [&str; 8] = ["clock", "preflight", "images", "etcd", "kubelet", "api-server", "node", "addons"];
const WORKER: [&str; 5] = ["clock", "preflight", "images", "kubelet", "node"];

/// How far a machine is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Silent,
    Script,
    Kernel,
    Loaded,
    Booting,
    Waiting,
    /// With this code.
    Failed(&'static str),
    Up,
    /// Up, and its payload was asked for by somebody else.
    Refused,
    /// Up, with a warning.
    Warned(&'static str),
}

/// The first machines of every cluster: control planes.
const FIRST: [State; 3] = [State::Waiting, State::Failed("DATA_DISK_NOT_EMPTY"), State::Kernel];
/// The others, again and again.
const OTHERS: [State; 20] = [
    State::Up,
    State::Up,
    State::Booting,
    State::Up,
    State::Failed("CLOCK_BEFORE_CERTIFICATES"),
    State::Up,
    State::Loaded,
    State::Up,
    State::Silent,
    State::Up,
    State::Script,
    State::Warned("DATA_LOW"),
    State::Up,
    State::Kernel,
    State::Up,
    State::Failed("WRONG_MACHINE"),
    State::Up,
    State::Waiting,
    State::Refused,
    State::Up,
];

/// A server, and a cluster of so many nodes whose machines have come so far.
pub(crate) struct Scene {
    pub(crate) boot: Boot,
    pub(crate) states: Vec<(String, State)>,
}

impl Scene {
    pub(crate) fn of(count: usize) -> Self {
        let names: Vec<String> = (0..count).map(name).collect();
        let folder = rendered(&format!("board/{count}"), &site(&names));
        fs::write(folder.join("token"), TOKEN).unwrap();
        let boot = Boot::start(&folder, &["--quiet", "--report-token-file", "token"]);
        let states = FIRST.into_iter().chain(OTHERS.into_iter().cycle());
        let scene = Self { boot, states: names.into_iter().zip(states).collect() };
        scene.states.iter().enumerate().for_each(|(number, (name, state))| scene.bring(number, name, *state));
        for number in 0..3 {
            for _ in 0..2 {
                scene.get(&format!("/pxe/mac-52-54-00-ff-00-0{number}.ipxe"));
            }
        }
        scene
    }

    /// Lets a machine ask for all that leads to its state.
    fn bring(&self, number: usize, name: &str, state: State) {
        if state == State::Silent {
            return;
        }
        let script = self.get(&format!("/pxe/mac-{}.ipxe", mac(number).replace(':', "-")));
        let ticket = script.split_once("${boot-server}/t/").unwrap().1.split('/').next().unwrap().to_owned();
        if state == State::Script {
            return;
        }
        self.get(&format!("/t/{ticket}/images/vmlinuz"));
        if state == State::Kernel {
            return;
        }
        self.get(&format!("/t/{ticket}/images/initrd"));
        self.get(&format!("/t/{ticket}/nodes/{name}/ignition.json"));
        if state == State::Loaded {
            return;
        }
        let (phase, steps) = steps(number < FIRST.len(), state);
        let report = report_of(name, "ha3", phase, &steps);
        let length = report.len();
        let answer = self.exchange(&format!(
            "POST /report?token={TOKEN} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{report}"
        ));
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        if state == State::Refused {
            self.get(&format!("/nodes/{name}/ignition.json"));
        }
    }

    fn get(&self, path: &str) -> String {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }

    fn exchange(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.boot.authority()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// One of them has the longest name that there is.
fn name(number: usize) -> String {
    match number {
        0..3 => format!("master{}", number + 1),
        20 => "rack-12-unit-07-a-name-as-long-as-a-name-of-a-node-may-be-at-63".to_owned(),
        _ => format!("worker{}", number - 2),
    }
}

fn mac(number: usize) -> String {
    format!("52:54:00:00:{:02x}:{:02x}", number / 256, number % 256)
}

/// The profile's own workers are there only where there are workers.
fn site(names: &[String]) -> String {
    let mut site = "report: {url: 'http://192.168.49.2:8080/report?token=0123456789abcdef'}\n\
         delivery: {channels: [pxe], bootServer: 'http://192.168.49.2:8080'}\nnodes:\n"
        .to_owned();
    for (number, name) in names.iter().enumerate() {
        let (role, address) = if number < 3 { ("control-plane", 151 + number) } else { ("worker", 10 + number) };
        let _ =
            writeln!(site, "  - {{name: {name}, role: {role}, address: 192.168.49.{address}, mac: '{}'}}", mac(number));
    }
    for name in ["worker1", "worker2"].into_iter().filter(|name| !names.iter().any(|own| own == name)) {
        let _ = writeln!(site, "  - {{name: {name}, $patch: delete}}");
    }
    site
}

/// Phase and steps of a report, in the agent's own words where it has failed.
fn steps(is_control_plane: bool, state: State) -> (&'static str, Vec<Value>) {
    let names = if is_control_plane { &CONTROL_PLANE[..] } else { &WORKER[..] };
    let at = |name: &str| names.iter().position(|known| *known == name).unwrap_or(names.len());
    let (phase, here, word, message) = match state {
        State::Booting => ("booting", at("images"), "running", "importing 7 of 12: registry.k8s.io/kube-proxy"),
        State::Waiting if is_control_plane => ("waiting", at("etcd"), "waiting", "waiting for master2, master3"),
        State::Waiting => ("waiting", at("node"), "waiting", "no answer from the API server at 127.0.0.1:6443"),
        State::Failed(_) => ("failed", at("preflight"), "failed", "the problem that stopped it"),
        _ => ("up", names.len(), "done", ""),
    };
    let step = |(number, name): (usize, &&str)| {
        let (state_of, said) = match number {
            _ if number < here => ("done", "done as it should be"),
            _ if number == here => (word, message),
            _ => ("pending", ""),
        };
        let mut step = json!({"name": name, "state": state_of, "message": said, "since": 1, "warnings": []});
        if let (State::Failed(code), true) = (state, number == here) {
            step["failure"] = notice(code);
        }
        if let (State::Warned(code), 1) = (state, number) {
            step["warnings"] = json!([notice(code)]);
        }
        step
    };
    (phase, names.iter().enumerate().map(step).collect())
}

fn notice(code: &str) -> Value {
    let known = failure::all().find(|known| known.name == code).unwrap();
    json!({"code": code, "message": known.meaning, "remedy": known.remedy})
}
