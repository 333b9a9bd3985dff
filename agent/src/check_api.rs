//! `kfimg-agent check-api URL`: exit 0 when the URL answers 200, for keepalived, which asks every two seconds.
//!
//! It runs where nothing but this program is mounted: no resolver, no authorities, no time zone. So it speaks plain HTTP
//! to the machine itself and nothing else; haproxy behind the URL asks the API server itself.

use crate::wait::Deadline;
use std::io::{Error, ErrorKind, Read, Result as IoResult, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// From the beginning of the connection to the end of the status line.
const TIME: Duration = Duration::from_secs(2);
/// A status line is not longer than this, in bytes.
const LINE_LIMIT: usize = 512;

/// An `http` URL of this machine.
#[derive(Debug, Eq, PartialEq)]
struct Target<'a> {
    address: SocketAddr,
    authority: &'a str,
    path: &'a str,
}

/// Asks once.
pub(crate) fn run(url: &str) -> ExitCode {
    let Some(target) = parse(url) else {
        eprintln!("kfimg-agent: {url:?} is no URL to check; write http://127.0.0.1:<port>/<path>");
        return ExitCode::from(2);
    };
    match ask(&target) {
        Ok(200) => ExitCode::SUCCESS,
        Ok(status) => no(url, &format!("status {status}")),
        Err(error) => no(url, &error.to_string()),
    }
}

fn no(url: &str, reason: &str) -> ExitCode {
    eprintln!("kfimg-agent: {url}: {reason}");
    ExitCode::from(4)
}

fn parse(url: &str) -> Option<Target<'_>> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    if url.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let address = address(authority)?;
    address.ip().is_loopback().then_some(Target { address, authority, path })
}

fn address(authority: &str) -> Option<SocketAddr> {
    let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Some(port) = authority.strip_prefix("localhost:") {
        return Some(SocketAddr::new(localhost, port.parse().ok()?));
    }
    if let Ok(address) = authority.parse() {
        return Some(address);
    }
    let ip: IpAddr = if authority == "localhost" { localhost } else { authority.parse().ok()? };
    Some(SocketAddr::new(ip, 80))
}

/// The status of the answer.
fn ask(target: &Target<'_>) -> IoResult<u16> {
    let deadline = Deadline::after(TIME);
    let mut stream = TcpStream::connect_timeout(&target.address, TIME)?;
    stream.set_write_timeout(Some(TIME))?;
    let Target { authority, path, .. } = target;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: kfimg-agent\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    status(&line(&mut stream, deadline)?)
}

/// The first line of the answer. One that drips in byte by byte does not last longer for it.
fn line(stream: &mut TcpStream, deadline: Deadline) -> IoResult<Vec<u8>> {
    let mut line = Vec::new();
    let mut buffer = [0; 256];
    while !line.contains(&b'\n') && line.len() < LINE_LIMIT {
        if deadline.over() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(deadline.left().max(Duration::from_millis(1))))?;
        match stream.read(&mut buffer)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            length => line.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(line)
}

fn status(line: &[u8]) -> IoResult<u16> {
    let text = String::from_utf8_lossy(line);
    let mut words = text.split_ascii_whitespace();
    let version = words.next().filter(|word| word.starts_with("HTTP/1."));
    let code = version.and_then(|_| words.next()).filter(|code| code.len() == 3).and_then(|code| code.parse().ok());
    code.ok_or_else(|| Error::new(ErrorKind::InvalidData, "the answer is not HTTP"))
}

#[cfg(test)]
mod tests {
    use super::{parse, status};

    #[test]
    fn only_this_machine_is_asked_and_only_without_tls() {
        let good = [
            ("http://127.0.0.1:8404/readyz", "127.0.0.1:8404", "/readyz"),
            ("http://127.0.0.1", "127.0.0.1:80", "/"),
            ("http://localhost:1/a?b", "127.0.0.1:1", "/a?b"),
            ("http://[::1]:80/", "[::1]:80", "/"),
        ];
        for (url, address, path) in good {
            let target = parse(url).unwrap();
            assert_eq!((target.address.to_string().as_str(), target.path), (address, path), "{url}");
        }
        let bad = [
            "https://127.0.0.1/",
            "http://10.0.0.1/",
            "http://example.org/",
            "http://127.0.0.1:65536/",
            "http://user@127.0.0.1/",
            "http://127.0.0.1/ HTTP/1.1\r\nX: y",
            "127.0.0.1:80",
            "",
        ];
        for url in bad {
            assert_eq!(parse(url), None, "{url}");
        }
    }

    #[test]
    fn a_status_is_read_from_http_and_from_nothing_else() {
        for (line, expected) in [
            (&b"HTTP/1.1 200 OK\r\n"[..], Some(200)),
            (b"HTTP/1.0 503 Service Unavailable\r\n", Some(503)),
            (b"HTTP/1.1 2000 OK\r\n", None),
            (b"HTTP/2 200\r\n", None),
            (b"SSH-2.0-OpenSSH 200\r\n", None),
            (b"\xff\xfe", None),
        ] {
            assert_eq!(status(line).ok(), expected, "{line:?}");
        }
    }
}
