//! A rendered output behind a plain web server, which knows nothing of kfimg: the scripts as they were written.

use crate::machine::Machine;
use crate::support::program::{empty_folder, succeed};
use crate::{HOST, IPXE};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Time for an emulated machine to fetch all, far more than it takes.
const BOUND: Duration = Duration::from_secs(120);

pub(crate) struct BootServer {
    folder: PathBuf,
    port: u16,
    requests: Receiver<(u16, String)>,
}

impl BootServer {
    /// The output of a profile whose machines have names of that site, and payloads of that kind.
    pub(crate) fn start(name: &str, profile: &str, site: &str, payload: &str) -> Self {
        let folder = empty_folder(&format!("pxe/{name}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        fs::write(folder.join("site.yaml"), site).unwrap();
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["render", "--profile", profile, "--registry", "reg.local", "--site", "site.yaml", "--set"]);
        kfimg.arg(format!("delivery.bootServer=http://{HOST}:{port}"));
        succeed(kfimg.args(["--set", &format!("delivery.payload={payload}")]).current_dir(&folder));
        let root = folder.join("out");
        fs::create_dir(root.join("images")).unwrap();
        fs::copy(IPXE, root.join("images/vmlinuz")).unwrap();
        fs::write(root.join("images/initrd"), "an initial RAM disk").unwrap();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&stream, &root, &sender);
            }
        });
        Self { folder, port, requests }
    }

    /// Starts a machine and waits until it asked for the path; gives what it asked for, with the answers' codes.
    pub(crate) fn boot(&self, arguments: &[&str], last: &str) -> Vec<(u16, String)> {
        let machine = Machine::start(&self.folder, self.port, "/pxe/boot.ipxe", arguments);
        let start = Instant::now();
        let mut asked: Vec<(u16, String)> = Vec::new();
        while asked.last().is_none_or(|(_, path)| path != last) {
            let left = BOUND.checked_sub(start.elapsed()).unwrap_or_default();
            match self.requests.recv_timeout(left) {
                Ok(request) => asked.push(request),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!("{last} was not asked for within {BOUND:?}: {asked:?}")
                }
            }
        }
        drop(machine);
        asked
    }

    /// What the server has at a path, as the machine's operating system would fetch it.
    pub(crate) fn fetch(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{path}: {}", String::from_utf8_lossy(&answer[..end]));
        answer.split_off(end + 4)
    }

    /// What was rendered.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder.join("out")
    }
}

/// Answers one request with the file that it names.
fn answer(stream: &TcpStream, root: &Path, log: &Sender<(u16, String)>) {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let request = lines.next().unwrap_or_default();
    for line in lines {
        if line.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default().replace("%20", " ");
    let content = fs::read(root.join(path.trim_start_matches('/')));
    let (code, body) = content.map_or((404, Vec::new()), |body| (200, body));
    let head = format!("HTTP/1.1 {code} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let mut stream = stream;
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
    let _ = log.send((code, path));
}

/// Paths that were answered.
pub(crate) fn served(asked: &[(u16, String)]) -> Vec<&str> {
    asked.iter().filter(|(code, _)| *code == 200).map(|(_, path)| path.as_str()).collect()
}
