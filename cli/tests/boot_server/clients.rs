//! Clients that are slow, idle or many keep nobody waiting who boots or reports.

use crate::rendered;
use crate::support::boot::{Boot, report, report_token};
use crate::support::program::succeed;
use crate::support::registry::Served;
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Where curl comes from when it is somebody else.
const OTHER: [&str; 2] = ["--interface", "127.0.0.2"];

/// As many descriptors as the system gives.
fn allow_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A number that the server counts, asked for from another address than that of the clients.
fn metric(boot: &Boot, name: &str) -> u64 {
    let (_, _, metrics) = boot.ask("/metrics", &OTHER);
    let metrics = String::from_utf8(metrics).unwrap();
    let name = format!("kfimg_registry_{name} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap().parse().unwrap()
}

/// The beginning of a report: its header, and one byte of its body.
fn begin_report(boot: &Boot, query: &str, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(boot.authority()).unwrap();
    let header = format!("POST /report{query} HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n{more}\r\n{{");
    stream.write_all(header.as_bytes()).unwrap();
    stream
}

/// The status of what comes back.
fn status(mut stream: TcpStream) -> u16 {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    std::str::from_utf8(&answer[9..]).unwrap().parse().unwrap()
}

#[test]
fn idle_and_slow_clients_keep_nobody_waiting() {
    allow_descriptors();
    let folder = rendered("idle");
    let boot = Boot::start(&folder, &[]);
    let authority = boot.authority();
    // A part says nothing, a part begins, a part reads nothing.
    let beginnings: [&[u8]; 3] =
        [b"", b"GET /images/initrd HTTP/1.1\r\nHost:", b"GET /images/initrd HTTP/1.1\r\nHost: x\r\n\r\n"];
    let client = |number: usize| {
        let mut stream = TcpStream::connect(authority).unwrap();
        stream.write_all(beginnings[number % 3]).unwrap();
        stream
    };
    // On a machine that stands still for long, the first are let go before the last have come; then it is tried again.
    let all_at_once = (0..20).any(|_| {
        let idle: Vec<TcpStream> = (0..1000).map(client).collect();
        assert_eq!(boot.get(&boot.script("mac-52-54-00-00-00-11")[1]).0, 200);
        let open = metric(&boot, "connections");
        drop(idle);
        open > 1000
    });
    assert!(all_at_once, "1000 idle clients and one more were never served at once");
    let kilobytes = boot.served.peak();
    assert!(kilobytes < 256 << 10, "{kilobytes} kB with 1000 idle clients");
}

#[test]
fn a_terminal_that_stands_still_keeps_no_machine_waiting() {
    let folder = rendered("still");
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args("serve --out out --boot-listen 127.0.0.1:0".split(' ')).current_dir(&folder);
    // Nobody reads its lines, of which a pipe holds some 1,400.
    let served = Served::start(kfimg.stderr(std::process::Stdio::piped()));
    let url = format!("{}/pxe/mac-52-54-00-00-00-11.ipxe?[1-4000]", served.said["boot"].as_str().unwrap());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--fail", "--fail-early", "--max-time", "60", "-o", "/dev/null", "-w", "%{http_code}\n", &url]);
    let codes = succeed(&mut curl);
    assert!(codes.lines().count() == 4000 && codes.lines().all(|code| code == "200"), "{codes}");
}

#[test]
fn a_stranger_who_sends_slowly_keeps_no_report_out() {
    let folder = rendered("slow-reports");
    let boot = Boot::start(&folder, &[]);
    let of = |node: &str| format!("?token={}", report_token(&folder, node));
    let strangers: Vec<TcpStream> =
        (0..200).map(|number| begin_report(&boot, &format!("?token=guess-{number}"), "")).collect();
    let asks_first = begin_report(&boot, "?token=guess", "Expect: 100-continue\r\n");
    assert_eq!(boot.post(&of("master1"), &report("master1", "ha3")), 200);
    // They are refused by their header: none of them has to send, or is waited for to send, the rest.
    assert_eq!(status(asks_first), 403);
    assert!(strangers.into_iter().map(status).all(|status| status == 403));
    // A node that was taken over has a secret. What it sends slowly waits for itself alone.
    let slow: Vec<TcpStream> = (0..20).map(|_| begin_report(&boot, &of("master1"), "")).collect();
    assert_eq!(boot.post(&of("master2"), &report("master2", "ha3")), 200);
    let ends: Vec<u16> = slow.into_iter().map(status).collect();
    assert!(ends.iter().all(|end| [408, 503].contains(end)) && ends.contains(&503), "{ends:?}");
}

#[test]
fn one_address_that_takes_all_it_can_get_leaves_half_of_the_connections_to_the_others() {
    allow_descriptors();
    let folder = rendered("one-address");
    let boot = Boot::start(&folder, &[]);
    // On a machine that stands still for long, the first are let go before the last have come; then it is tried again.
    let all_at_once = (0..20).any(|_| {
        let hog: Vec<TcpStream> = (0..2_500).map(|_| TcpStream::connect(boot.authority()).unwrap()).collect();
        let (status, _, script) = boot.ask("/pxe/mac-52-54-00-00-00-11.ipxe", &OTHER);
        assert!(status == 200 && script.starts_with(b"#!ipxe"));
        let (open, away) = (metric(&boot, "connections"), metric(&boot, "connections_turned_away_total"));
        drop(hog);
        // The half of 2,048, and who asks, whose connection before may not be gone yet.
        assert!(open <= 1026, "{open} connections, of which one address has all but two");
        open >= 1025 && away > 0
    });
    assert!(all_at_once, "2500 clients at one address and one at another were never there at once");
    // They are gone, and the address is served again, those first who still waited.
    assert_eq!(boot.get("/pxe/boot.ipxe").0, 200);
}
