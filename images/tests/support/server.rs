//! A server of HTTP/1.1 that answers as a test says, also wrongly: one thread a connection, all requests recorded.

use super::listen::{Head, Listening};
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub fault: Fault,
}

/// How an answer is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    #[default]
    None,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// The body never ends, and has no length.
    Endless,
    /// A pause after each so many bytes of the body.
    Drip(usize, Duration),
    /// The header does not say how long the body is: the end of the connection does.
    Unsized,
    /// No answer at all.
    Silent,
    /// These bytes, whatever HTTP says.
    Raw(Vec<u8>),
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn fault(mut self, fault: Fault) -> Self {
        self.fault = fault;
        self
    }
}

type Answers = dyn Fn(&Request) -> Reply;

/// Runs until it is dropped.
pub struct Server {
    listening: Listening,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    pub fn start(answers: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let noted = seen.clone();
        let listening = Listening::start(move |stream, ended| serve(&stream, &noted, ended, &answers));
        Self { listening, seen }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.listening.host()
    }

    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Request>>, ended: &AtomicBool, answers: &Answers) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    while let Some(head) = Head::read(&mut reader) {
        let mut body = Vec::new();
        if (&mut reader).take(head.length()).read_to_end(&mut body).is_err() {
            return;
        }
        let Head { method, target, headers } = head;
        let request = Request { method, target, headers, body };
        seen.lock().unwrap().push(request.clone());
        let reply = answers(&request);
        if write(&mut writer, &request, &reply, ended).is_none() {
            return;
        }
    }
}

/// `None`: the connection is over.
fn write(stream: &mut &TcpStream, request: &Request, reply: &Reply, ended: &AtomicBool) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} Said\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let has_length = reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if reply.fault == Fault::Endless {
        head.push_str("transfer-encoding: chunked\r\n");
    } else if reply.fault == Fault::Unsized {
        head.push_str("connection: close\r\n");
    } else if !has_length {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    let body = if request.method == "HEAD" { &[][..] } else { &reply.body };
    match &reply.fault {
        Fault::None => {
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(body).ok()
        }
        Fault::Unsized => {
            stream.write_all(head.as_bytes()).ok()?;
            let _ = stream.write_all(body);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            None
        }
        Fault::Cut(count) => {
            stream.write_all(head.as_bytes()).ok()?;
            let _ = stream.write_all(&body[..(*count).min(body.len())]);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            None
        }
        Fault::Endless => {
            stream.write_all(head.as_bytes()).ok()?;
            // What follows the answer to HEAD would be taken for the next answer.
            if request.method == "HEAD" {
                return Some(());
            }
            let chunk = [b"10000\r\n".to_vec(), vec![b'x'; 0x10000], b"\r\n".to_vec()].concat();
            while !ended.load(Ordering::SeqCst) {
                stream.write_all(&chunk).ok()?;
            }
            None
        }
        Fault::Drip(count, pause) => {
            stream.write_all(head.as_bytes()).ok()?;
            for part in body.chunks(*count) {
                stream.write_all(part).ok()?;
                std::thread::sleep(*pause);
            }
            Some(())
        }
        Fault::Silent => {
            while !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
            None
        }
        Fault::Raw(bytes) => {
            let _ = stream.write_all(bytes);
            let _ = stream.shutdown(std::net::Shutdown::Both);
            None
        }
    }
}
