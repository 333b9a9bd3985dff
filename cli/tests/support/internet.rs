//! An internet for machines without one: it answers every name, takes every connection, and writes down what came.

use super::machine::Machine;
use std::fs::{File, OpenOptions, read_to_string};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// Where names are asked; the machine's `resolv.conf` has it.
const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 53);
/// Where every name leads.
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
/// Ports at which upstream registries and proxies are asked.
const PORTS: [u16; 5] = [53, 80, 443, 3128, 5000];
/// Tells the process that records where to write.
const RECORD: &str = "KFIMG_TEST_RECORD";

/// What records on one machine. It ends with the machine.
pub(crate) struct Internet {
    record: PathBuf,
    recorder: Child,
}

impl Internet {
    /// Leads every address that the machine cannot reach otherwise to the recorder, which is `test` of this test binary.
    pub(crate) fn of(machine: &Machine, folder: &Path, test: &str) -> Self {
        machine.ip(&["address", "add", &format!("{NAME_SERVER}/32"), "dev", "lo"]);
        machine.ip(&["route", "add", "local", "default", "dev", "lo"]);
        let record = folder.join("internet.log");
        let _ = std::fs::remove_file(&record);
        let mut recorder = machine.command(std::env::current_exe().unwrap());
        recorder.args(["--ignored", "--exact", test, "--nocapture"]).env(RECORD, &record);
        let mut recorder = recorder.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        while !record.exists() {
            assert!(recorder.try_wait().unwrap().is_none(), "the recorder ended; it says why above");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        Self { record, recorder }
    }

    /// What a machine's `resolv.conf` says.
    pub(crate) fn resolv_conf() -> String {
        format!("nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    }

    /// Everything that came so far, a line each.
    pub(crate) fn record(&mut self) -> String {
        assert!(self.recorder.try_wait().unwrap().is_none(), "the recorder still runs");
        read_to_string(&self.record).unwrap()
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
    }
}

/// The recorder's own process; nothing where this is an ordinary run of the test.
pub(crate) fn record_if_asked() {
    let Some(path) = std::env::var_os(RECORD) else { return };
    let names = UdpSocket::bind((NAME_SERVER, 53)).unwrap();
    let listeners = PORTS.map(|port| TcpListener::bind((EVERYBODY, port)).unwrap());
    let partial = Path::new(&path).with_extension("partial");
    let log = OpenOptions::new().append(true).create(true).open(&partial).unwrap();
    std::fs::rename(partial, path).unwrap();
    for listener in listeners {
        let mut log = log.try_clone().unwrap();
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                note(&mut log, &format!("connection to {}", stream.local_addr().unwrap()));
            }
        });
    }
    answer_names(&names, log);
}

fn answer_names(socket: &UdpSocket, mut log: File) {
    let mut packet = [0; 512];
    while let Ok((length, client)) = socket.recv_from(&mut packet) {
        answer_name(socket, &packet[..length], client, &mut log);
    }
}

/// RFC 1035, section 4: the question comes back, with one address where one was asked for.
fn answer_name(socket: &UdpSocket, question: &[u8], client: SocketAddr, log: &mut File) {
    let (mut at, mut name) = (12, String::new());
    while let Some(length) = question.get(at).copied().map(usize::from).filter(|length| *length > 0) {
        name += &String::from_utf8_lossy(question.get(at + 1..at + 1 + length).unwrap_or_default());
        name.push('.');
        at += 1 + length;
    }
    note(log, &format!("question for {name}"));
    let Some(kind) = question.get(at + 1..at + 5) else { return };
    let is_address = kind == [0, 1, 0, 1];
    let mut reply = [&question[..2], &[0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]].concat();
    reply.extend_from_slice(&question[12..at + 5]);
    if is_address {
        reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        reply.extend_from_slice(&EVERYBODY.octets());
    }
    let _ = socket.send_to(&reply, client);
}

fn note(log: &mut File, line: &str) {
    log.write_all(format!("{line}\n").as_bytes()).unwrap();
}
