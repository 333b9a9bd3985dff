//! All hosts of an internet, behind a proxy on this machine that writes down who is asked for what.
//!
//! A client reaches a host by `CONNECT`. No host speaks TLS here: who wants it is written down and left alone.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// With its port.
    pub(crate) host: String,
    /// `CONNECT` for a connection that nothing else came through.
    pub(crate) method: String,
    pub(crate) path: String,
    /// What it said of who asks.
    pub(crate) login: Option<String>,
}

impl Asked {
    /// The digest of the blob that is fetched, if one is.
    pub(crate) fn blob(&self) -> Option<&str> {
        Some(self.path.split_once("/blobs/")?.1).filter(|digest| self.method == "GET" && digest.contains(':'))
    }
}

/// Who answers.
pub(crate) enum Answer {
    /// A registry on this machine, where the path behind `/v2` lies below this one.
    By(SocketAddr, &'static str),
    /// Nobody else: status, and headers as lines.
    Only(u16, String),
}

/// Runs until the test ends.
pub(crate) struct Everybody {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Everybody {
    /// Lets `answers` say who answers each request.
    pub(crate) fn start(answers: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let everybody = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let (asked, answers) = (Arc::clone(&everybody.asked), Arc::new(answers));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, answers) = (Arc::clone(&asked), Arc::clone(&answers));
                // A client that goes away notices it itself.
                thread::spawn(move || talk(&stream, &asked, &*answers));
            }
        });
        everybody
    }

    /// As the environment names it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Every host that was asked so far.
    pub(crate) fn hosts(&self) -> BTreeSet<String> {
        self.asked().into_iter().map(|asked| asked.host).collect()
    }

    /// What was asked so far is forgotten.
    pub(crate) fn forget(&self) {
        self.asked.lock().unwrap().clear();
    }
}

/// What a request begins with: its first line's words, and its headers' lines.
struct Head {
    method: String,
    target: String,
    headers: Vec<String>,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> Option<Self> {
        let mut lines = reader.lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let first = lines.next()?;
        let (method, rest) = first.split_once(' ')?;
        let (target, _) = rest.split_once(' ')?;
        Some(Self { method: method.to_owned(), target: target.to_owned(), headers: lines.collect() })
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.iter().filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }
}

fn talk(stream: &TcpStream, all: &Mutex<Vec<Asked>>, answers: &dyn Fn(&Asked) -> Answer) -> Option<()> {
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let Head { method, target: host, .. } = Head::read(&mut reader)?;
    let note = |asked: &Asked| all.lock().unwrap().push(asked.clone());
    let connected = Asked { host, method, path: String::new(), login: None };
    writer.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()?;
    if connected.host.ends_with(":443") {
        note(&connected);
        return None;
    }
    let head = Head::read(&mut reader)?;
    let login = head.header("authorization").map(str::to_owned);
    let asked = Asked { method: head.method.clone(), path: head.target.clone(), login, ..connected };
    note(&asked);
    let length = head.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = reader.take(length);
    match answers(&asked) {
        Answer::By(server, below) => pass_on(&head, &mut body, server, below, writer).ok(),
        Answer::Only(status, headers) => {
            io::copy(&mut body, &mut io::sink()).ok()?;
            let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
            write!(writer, "HTTP/1.1 {status} Said\r\n{headers}{end}").ok()
        }
    }
}

/// Asks the registry that stands for the host, and gives its answer as it comes.
fn pass_on(
    head: &Head,
    body: &mut impl Read,
    server: SocketAddr,
    below: &str,
    mut client: &TcpStream,
) -> io::Result<()> {
    let mut server = TcpStream::connect(server)?;
    let target = match head.target.strip_prefix("/v2/").filter(|_| !below.is_empty()) {
        Some(rest) => format!("/v2/{below}/{rest}"),
        None => head.target.clone(),
    };
    write!(server, "{} {target} HTTP/1.1\r\nConnection: close\r\n", head.method)?;
    for line in head.headers.iter().filter(|line| !line.to_ascii_lowercase().starts_with("connection:")) {
        write!(server, "{line}\r\n")?;
    }
    server.write_all(b"\r\n")?;
    io::copy(body, &mut server)?;
    io::copy(&mut server, &mut client)?;
    client.shutdown(std::net::Shutdown::Both)
}
