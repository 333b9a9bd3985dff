//! Strangers who ask for what is not theirs, in every way: nothing leaks, nothing hangs, and machines boot meanwhile.

use crate::rendered;
use crate::support::boot::Boot;
use crate::support::program::succeed;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

const KNOWN: &str = "/pxe/mac-52-54-00-00-00-11.ipxe";
/// Where curl comes from when it is somebody else.
const OTHER: [&str; 2] = ["--interface", "127.0.0.2"];

/// All that comes back for these bytes, until the server ends the connection.
fn answer(boot: &Boot, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(boot.authority()).unwrap();
    // Longer than the server has patience with anybody.
    stream.set_read_timeout(Some(Duration::from_secs(90))).unwrap();
    // Who is refused early may find the connection closed while he writes.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("it hangs: {error}"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

#[test]
fn no_request_that_is_odd_gets_a_file_or_keeps_its_connection() {
    let folder = rendered("odd-requests");
    fs::write(folder.join("secret"), "the site's secret").unwrap();
    let boot = Boot::start(&folder, &[]);
    let end = "HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let paths = [
        "/images/../secret",
        "/images/..%2f..%2fsecret",
        "/images/%2e%2e/secret",
        "/images/%252e%252e/secret",
        "/images/..\\secret",
        "/images/....//secret",
        "/images/./../secret",
        "/images/initrd/../../secret",
        "/images//../secret",
        "/images/%c0%ae%c0%ae/secret",
        "/images/..;/secret",
        "/images/initrd%00/../secret",
        "//secret",
        "/t/../../secret",
        "/t/x/images/../../secret",
        "/nodes/../manifest.json",
        "/nodes/master1/../../admin.kubeconfig",
        "/pxe/../admin.kubeconfig",
        "/pxe/..%2fadmin.kubeconfig.ipxe",
        "/content/../admin.kubeconfig",
        "/proc/self/environ",
        "http://x/../secret",
        "file:///etc/passwd",
        "*",
        "secret",
        "?/secret",
        "/images/..?/initrd",
    ];
    let lines = paths.iter().map(|path| format!("GET {path} {end}\r\n").into_bytes());
    let long = "a".repeat(200_000);
    let odd = [
        format!("GET /{long} {end}\r\n"),
        format!("GET /images/none {end}X: {long}\r\n\r\n"),
        format!("GET /images/none {end}{}\r\n", "X: y\r\n".repeat(20_000)),
        format!("{long} /images/initrd {end}\r\n"),
        format!("GET /images/none {end}Range: bytes={}\r\n\r\n", "0-1,".repeat(5_000)),
        format!("TRACE {KNOWN} {end}\r\n"),
        format!("CONNECT 127.0.0.1:22 {end}\r\n"),
        format!("POST {KNOWN} {end}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("POST /report {end}Content-Length: 99999999999999999999\r\n\r\n{{}}"),
        format!("POST /report {end}Content-Length: -1\r\n\r\n{{}}"),
        "GET /\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
    ];
    let binary = [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".repeat(100), vec![0; 100_000], vec![0xff; 100_000]];
    for request in lines.chain(odd.map(String::into_bytes)).chain(binary) {
        let answer = answer(&boot, &request);
        let shown = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        let status = answer.split(' ').nth(1).unwrap_or_default();
        // Some are not worth an answer.
        assert!(answer.is_empty() || status.starts_with('4') || status.starts_with('5'), "{shown:?}: {answer:.200}");
        for secret in ["the site's secret", "client-key-data", "root:", "#!ipxe", "\"files\""] {
            assert!(!answer.contains(secret), "{shown:?}: {answer:.200}");
        }
    }
    assert_eq!(boot.get(KNOWN).0, 200);
}

#[test]
fn machines_that_nobody_knows_all_hear_the_same_and_fill_nothing() {
    let folder = rendered("unknown-machines");
    let boot = Boot::start(&folder, &[]);
    // Names that are made up, of each kind, and some that are none.
    let ranges = [
        "mac-52-54-00-[0-2]-[10-59]-[10-29]",
        "uuid-4c4c4544-0047-3510-8052-[100000000000-100000000499]",
        "serial-[1-500]",
        "node-nobody[1-200]",
    ];
    let mut hears = String::new();
    for name in ranges {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "120", "-w", "%{http_code}\n"]).args(OTHER);
        hears += &succeed(curl.arg(format!("{}/pxe/{name}.ipxe", boot.url)));
        assert_eq!(boot.get(KNOWN).0, 200);
    }
    let answers = hears.matches("nothing here\n404\n").count();
    assert_eq!((answers, hears.lines().count()), (3000 + 500 + 500 + 200, 2 * answers), "{hears:.200}");
    // The board remembers some of those that asked again, and nothing of the others.
    let state: serde_json::Value = serde_json::from_slice(&boot.get("/board/state").1).unwrap();
    assert!(state["strangers"].as_array().unwrap().len() <= 32, "{state}");
    let kilobytes = boot.served.peak();
    assert!(kilobytes < 256 << 10, "{kilobytes} kB after {answers} names");
}
