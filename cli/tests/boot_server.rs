//! `kfimg serve --out` over real sockets, asked by curl as machines ask: who gets which payload, what waits, what is refused.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use support::payload::Payload;
use support::program::{both, empty_folder, run, succeed};
use support::registry::Served;

const SITE: &str = "
delivery: {channels: [pxe], bootServer: 'http://192.168.49.2:8080'}
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
  - {name: master2, uuid: 4c4c4544-0047-3510-8052-b4c04f4d3732}
  - {name: master3, serial: 'VMware-56 4d'}
";

/// A folder with an output `out` of the profile ha3, rendered once for all tests.
fn rendered(name: &str) -> PathBuf {
    let folder = empty_folder(&format!("boot-server/{name}"));
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    fs::create_dir(folder.join("images")).unwrap();
    fs::write(folder.join("images/vmlinuz"), "a kernel").unwrap();
    fs::write(folder.join("images/initrd"), vec![7; 3 << 20]).unwrap();
    render(&folder);
    folder
}

fn render(folder: &Path) {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args(["render", "--profile", "ha3", "--registry", "reg.local", "--site", "site.yaml"]);
    succeed(kfimg.current_dir(folder));
}

/// A server of a folder's output.
struct Boot {
    served: Served,
    url: String,
}

impl Boot {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args(["serve", "--out", "out", "--images", "images", "--boot-listen", "127.0.0.1:0"]);
        let served = Served::start(kfimg.args(arguments).current_dir(folder));
        let url = served.said["boot"].as_str().unwrap().to_owned();
        Self { served, url }
    }

    /// Status, header and body of an answer.
    fn ask(&self, path: &str, arguments: &[&str]) -> (u16, String, Vec<u8>) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", "--path-as-is", "-D", "/dev/stderr", "-o", "-"]).args(arguments);
        let said = run(curl.arg(format!("{}{path}", self.url)));
        let header = String::from_utf8_lossy(&said.stderr).into_owned();
        let status = header.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("{path}: {header}")), header, said.stdout)
    }

    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        let (status, _, body) = self.ask(path, &[]);
        (status, body)
    }

    /// The paths that a machine's script names: kernel, payload, initial RAM disk.
    fn script(&self, name: &str) -> [String; 3] {
        self.try_script(name).unwrap_or_else(|| panic!("{name} has no script"))
    }

    fn try_script(&self, name: &str) -> Option<[String; 3]> {
        let (status, script) = self.get(&format!("/pxe/{name}.ipxe"));
        if status != 200 {
            return None;
        }
        let script = String::from_utf8(script).unwrap();
        let path = |before: &str| {
            let rest = script.split_once(&format!("{before}${{boot-server}}")).unwrap_or_else(|| panic!("{script}")).1;
            rest.split([' ', '\n']).next().unwrap().to_owned()
        };
        Some([path("kernel "), path("ignition.config.url="), path("initrd --name initrd0 ")])
    }
}

#[test]
fn a_machine_gets_its_own_payload_by_its_own_script_and_nothing_else_goes_out() {
    let folder = rendered("release");
    let boot = Boot::start(&folder, &["--access-log", "access.log"]);
    assert_eq!(boot.get("/pxe/boot.ipxe").1, fs::read(folder.join("out/pxe/boot.ipxe")).unwrap());
    let names = ["mac-52-54-00-00-00-11", "uuid-4c4c4544-0047-3510-8052-b4c04f4d3732", "serial-VMware-56%204d"];
    let scripts = names.map(|name| boot.script(name));
    for (node, [kernel, payload, initrd]) in ["master1", "master2", "master3"].iter().zip(&scripts) {
        let file = format!("nodes/{node}/ignition.json");
        assert!(payload.starts_with("/t/") && payload.ends_with(&format!("/{file}")), "{payload}");
        assert_eq!(boot.get(payload), (200, fs::read(folder.join("out").join(&file)).unwrap()));
        assert_eq!(boot.get(kernel), (200, b"a kernel".to_vec()));
        assert_eq!(boot.get(initrd).1.len(), 3 << 20);
        // By the name alone, by another's ticket, by none that was given.
        let other = scripts[0][1].replace("master1", if *node == "master1" { "master2" } else { node });
        for path in [format!("/{file}"), other, format!("/t/{}/{file}", "a".repeat(32))] {
            assert_eq!(boot.get(&path), (403, b"nothing here\n".to_vec()), "{path}");
        }
    }
    // A node that is none is refused as one that is.
    assert_eq!(boot.get("/nodes/nobody/ignition.json"), (403, b"nothing here\n".to_vec()));
    // worker1 has no name of its own, so a person chooses it; master1 has one, so nobody does.
    assert_eq!(boot.get("/pxe/node-worker1.ipxe").0, 200);
    for path in [
        "/pxe/mac-52-54-00-ff-ff-ff.ipxe",
        "/pxe/node-master1.ipxe",
        "/pxe/dnsmasq.conf",
        "/admin.kubeconfig",
        "/manifest.json",
        "/images.txt",
        "/images/../out/admin.kubeconfig",
        "/images/..%2fout%2fadmin.kubeconfig",
        "/images/%2e%2e/site.yaml",
        "/../../etc/passwd",
        "/images//etc/passwd",
        "/images/none",
        "/nodes/master1/seed.img",
        "/all-in-one.img",
        "/t/x/admin.kubeconfig",
        "/",
    ] {
        assert_eq!(boot.get(path), (404, b"nothing here\n".to_vec()), "{path}");
    }
    assert_eq!(boot.ask("/pxe/boot.ipxe", &["-X", "PUT", "-d", "x"]).0, 405);
    assert_eq!(boot.ask("/pxe/boot.ipxe", &["-d", "x"]).0, 405);
    let tickets: Vec<&str> = scripts.iter().map(|script| script[1].split('/').nth(2).unwrap()).collect();
    // What is refused is logged without its ticket, too.
    assert_eq!(boot.ask(&scripts[0][1], &["-X", "PUT", "-d", "x"]).0, 405);
    assert_eq!(boot.get(&format!("/t/{}", tickets[0])).0, 404);
    drop(boot);
    let log = fs::read_to_string(folder.join("access.log")).unwrap();
    assert!(tickets.iter().all(|ticket| ticket.len() == 32 && !log.contains(ticket)), "{log}");
    assert!(log.contains("\"path\":\"/t/-/nodes/master1/ignition.json\""), "{log}");
}

#[test]
fn files_come_in_parts_and_under_conditions() {
    let folder = rendered("parts");
    let boot = Boot::start(&folder, &[]);
    let path = "/images/initrd";
    let (status, header, _) = boot.ask(path, &["-I"]);
    assert!(status == 200 && header.contains("content-length: 3145728"), "{header}");
    let value = |name: &str| {
        let line = header.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap();
        line.trim().to_owned()
    };
    let (tag, date) = (value("etag"), value("last-modified"));
    assert_eq!(value("accept-ranges"), "bytes");
    let with = |name: &str, value: &str| boot.ask(path, &["-H", &format!("{name}: {value}")]);
    let table: [(&str, &str, u16, usize); 10] = [
        ("Range", "bytes=0-99", 206, 100),
        ("Range", "bytes=-5", 206, 5),
        ("Range", "bytes=3145728-", 416, 0),
        ("Range", "bytes=3145720-99999999", 206, 8),
        ("If-None-Match", &tag, 304, 0),
        ("If-None-Match", "\"other\"", 200, 3 << 20),
        ("If-Modified-Since", &date, 304, 0),
        ("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 200, 3 << 20),
        ("If-Match", "\"other\"", 412, 0),
        ("If-Match", &tag, 200, 3 << 20),
    ];
    for (name, value, status, length) in table {
        let (got, header, body) = with(name, value);
        assert_eq!((got, body.len()), (status, length), "{name}: {value}: {header}");
    }
    let both = |range: &str| boot.ask(path, &["-H", "Range: bytes=0-0", "-H", &format!("If-Range: {range}")]).0;
    assert_eq!((both(&tag), both(&date), both("\"other\"")), (206, 206, 200));
    // A file that is replaced has another tag, at once.
    fs::write(folder.join("images/new"), "new").unwrap();
    fs::rename(folder.join("images/new"), folder.join("images/initrd")).unwrap();
    assert_eq!(with("If-None-Match", &tag).2, b"new");
    // So has a build that takes the place of the former one.
    fs::create_dir(folder.join("next")).unwrap();
    fs::write(folder.join("next/initrd"), "another").unwrap();
    fs::rename(folder.join("images"), folder.join("former")).unwrap();
    fs::rename(folder.join("next"), folder.join("images")).unwrap();
    assert_eq!(boot.get(path), (200, b"another".to_vec()));
    fs::write(folder.join("images/initrd"), "new").unwrap();
    // curl goes on where it stopped.
    fs::write(folder.join("part"), "n").unwrap();
    let url = format!("{}{path}", boot.url);
    succeed(Command::new("curl").args(["-sS", "-C", "-", "-o", "part", &url]).current_dir(&folder));
    assert_eq!(fs::read(folder.join("part")).unwrap(), b"new");
}

#[test]
fn what_is_not_ready_is_asked_for_again() {
    let folder = rendered("waits");
    fs::rename(folder.join("out"), folder.join("away")).unwrap();
    let boot = Boot::start(&folder, &[]);
    let (status, script) = boot.get("/pxe/boot.ipxe");
    let script = String::from_utf8(script).unwrap();
    assert!(
        status == 200 && script.contains(&format!("chain --autofree --replace {}/pxe/boot.ipxe", boot.url)),
        "{script}"
    );
    for path in
        ["/pxe/mac-52-54-00-00-00-11.ipxe", "/nodes/master1/ignition.json", &format!("/content/{}", "a".repeat(128))]
    {
        let (status, header, _) = boot.ask(path, &[]);
        assert!(status == 503 && header.contains("retry-after: 10"), "{path}: {header}");
    }
    fs::rename(folder.join("away"), folder.join("out")).unwrap();
    let ready = || boot.get("/pxe/mac-52-54-00-00-00-11.ipxe").0 == 200;
    while !ready() {
        std::thread::sleep(Duration::from_millis(50));
    }
    // Half a payload is one that is still being copied.
    let [_, payload, _] = boot.script("mac-52-54-00-00-00-11");
    let file = folder.join("out/nodes/master1/ignition.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let (status, header, body) = boot.ask(&payload, &[]);
    assert!(status == 503 && header.contains("retry-after: 10") && body.len() < 100, "{header}");
    fs::write(&file, &whole).unwrap();
    assert_eq!(boot.get(&payload), (200, whole));
    // A new render is there without a restart, and its payloads are the new ones.
    fs::write(folder.join("site.yaml"), SITE.replace("name: master1,", "name: master1, labels: {a: b},")).unwrap();
    render(&folder);
    let new = fs::read(&file).unwrap();
    // Between two looks at the folder the files of the former one are gone, which is "not ready" as well.
    let is_new = || {
        ready() && boot.try_script("mac-52-54-00-00-00-11").is_some_and(|[_, payload, _]| boot.get(&payload).1 == new)
    };
    while !is_new() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn once_is_once_also_for_whoever_asks_for_parts() {
    let folder = rendered("once");
    let boot = Boot::start(&folder, &["--payloads-once", "--payloads-for", "60"]);
    let [_, payload, _] = boot.script("mac-52-54-00-00-00-11");
    assert_eq!(boot.ask(&payload, &["-I"]).0, 200);
    // Who has it already gets nothing, and takes nothing away.
    assert_eq!(boot.ask(&payload, &["-H", "If-None-Match: *"]).0, 304);
    // Whoever asks for a part gets all of it: in parts it would go out again and again.
    let whole = fs::read(folder.join("out/nodes/master1/ignition.json")).unwrap();
    let (status, header, body) = boot.ask(&payload, &["-r", "0-9"]);
    assert!(status == 200 && header.contains("accept-ranges: none") && body == whole, "{header}");
    // It counts when the last byte is out; until then others are told to wait.
    loop {
        match boot.get(&payload).0 {
            403 => break,
            status => assert_eq!(status, 503),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(boot.get(&boot.script("mac-52-54-00-00-00-11")[1]).0, 403);
    assert_eq!(boot.get(&boot.script("serial-VMware-56%204d")[1]).0, 200);
    let state = String::from_utf8(boot.get("/board/state?node=master1").1).unwrap();
    assert!(state.contains("payload refused to 127.0.0.1: TAKEN"), "{state}");
    let open = Boot::start(&folder, &["--payloads-open"]);
    assert_eq!(open.get("/nodes/master1/ignition.json").0, 200);
}

fn report(node: &str, cluster: &str) -> String {
    serde_json::json!({
        "version": 1, "node": node, "role": "control-plane", "cluster": cluster, "generation": 1,
        "versions": {"agent": "0.1.0", "kubernetes": "v1.36.3"}, "bootId": "b", "phase": "waiting", "since": 1,
        "upAfterSeconds": null, "units": [], "certificates": null,
        "steps": [{"name": "etcd", "state": "waiting", "message": "waiting for <i>master2</i>", "since": 1, "warnings": []}],
    })
    .to_string()
}

#[test]
fn nodes_report_and_whoever_may_watch_sees_it_at_once() {
    let folder = rendered("board");
    fs::write(folder.join("token"), "0123456789abcdef\n").unwrap();
    fs::write(folder.join("password"), "s3cret\n").unwrap();
    let arguments =
        ["--report-token-file", "token", "--user", "site", "--password-file", "password", "--access-log", "log"];
    let boot = Boot::start(&folder, &arguments);
    let user = ["-u", "site:s3cret"];
    let page = boot.ask("/board", &user);
    assert!(page.0 == 200 && page.1.contains("content-security-policy: default-src 'none'"), "{}", page.1);
    for path in ["/board", "/board/state", "/board/events"] {
        assert_eq!(boot.get(path).0, 401, "{path}");
        assert_eq!(boot.ask(path, &["-u", "site:wrong"]).0, 401, "{path}");
    }
    // Who watches gets events while they come.
    let mut curl = Command::new("curl");
    curl.args(["-sSN", "--max-time", "60"]).args(user).arg(format!("{}/board/events", boot.url));
    let mut watching = curl.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut events = watching.stdout.take().unwrap();
    let mut seen = String::new();
    let mut until = |text: &str| {
        let mut portion = [0; 4096];
        while !seen.contains(text) {
            let count = events.read(&mut portion).unwrap();
            assert!(count > 0, "the events ended without {text}: {seen}");
            seen.push_str(&String::from_utf8_lossy(&portion[..count]));
        }
    };
    until("event: all");
    let post = |query: &str, body: &str| boot.ask(&format!("/report{query}"), &["--data-binary", body]).0;
    let good = report("master1", "ha3");
    for (query, body, status) in [
        ("", good.as_str(), 403),
        ("?token=0123456789abcdee", &good, 403),
        ("?token=0123456789abcdef", &report("nobody", "ha3"), 403),
        ("?token=0123456789abcdef", &report("master1", "other"), 403),
        ("?token=0123456789abcdef", "{", 400),
        ("?token=0123456789abcdef", &good, 200),
        ("?token=0123456789abcdef", &good, 429),
    ] {
        assert_eq!(post(query, body), status, "{query} {body}");
    }
    until("waiting for <i>master2</i>");
    let _ = watching.kill().and_then(|()| watching.wait());
    fs::write(folder.join("long"), vec![b' '; 300_000]).unwrap();
    let long = format!("@{}", folder.join("long").display());
    assert_eq!(boot.ask("/report?token=0123456789abcdef", &["--data-binary", &long]).0, 413);
    let unknown_length = ["-H", "Transfer-Encoding: chunked", "--data-binary", long.as_str()];
    assert_eq!(boot.ask("/report?token=0123456789abcdef", &unknown_length).0, 413);
    assert_eq!(boot.get("/report").0, 404);
    let log = fs::read_to_string(folder.join("log")).unwrap();
    assert!(
        log.contains("\"path\":\"/report\"") && !log.contains("0123456789abcd") && !log.contains("s3cret"),
        "{log}"
    );
}

/// The secret in the address that a node reports to.
fn report_token(folder: &Path, node: &str) -> String {
    let plan = Payload::read(&folder.join(format!("out/nodes/{node}/ignition.json"))).plan();
    let url = plan["reportUrl"].as_str().unwrap().to_owned();
    url.strip_prefix("http://192.168.49.2:8080/report?token=").unwrap().to_owned()
}

#[test]
fn a_node_reports_for_itself_alone_and_a_server_that_was_started_anew_learns_it_from_the_next_report() {
    let folder = rendered("own-tokens");
    fs::write(folder.join("site.yaml"), format!("{SITE}report: {{url: 'http://192.168.49.2:8080/report'}}\n")).unwrap();
    render(&folder);
    let [first, second] = ["master1", "master2"].map(|node| report_token(&folder, node));
    assert!(first.len() == 32 && first != second, "{first} {second}");
    // The token stands in that node's payload and nowhere else.
    for token in [&first, &second] {
        let found = run(Command::new("grep").args(["-rlF", token, "out"]).current_dir(&folder));
        let found: Vec<&str> = std::str::from_utf8(&found.stdout).unwrap().lines().collect();
        let [payload] = found[..] else { panic!("{found:?}") };
        assert!(payload.ends_with("/ignition.json"), "{payload}");
    }
    let boot = Boot::start(&folder, &["--access-log", "log"]);
    let post = |boot: &Boot, query: &str, node: &str| {
        boot.ask(&format!("/report{query}"), &["--data-binary", &report(node, "ha3")]).0
    };
    let of = |token: &str| format!("?token={token}");
    for (query, node, status) in [
        (String::new(), "master1", 403),
        (of("0123456789abcdef"), "master1", 403),
        (of(&second), "master1", 403),
        (of(&first), "worker1", 403),
        (of(&first), "master1", 200),
        (of(&second), "master2", 200),
    ] {
        assert_eq!(post(&boot, &query, node), status, "{query} {node}");
    }
    let state = |boot: &Boot| {
        let all: serde_json::Value = serde_json::from_slice(&boot.get("/board/state").1).unwrap();
        all["nodes"].as_array().unwrap().iter().find(|node| node["name"] == "master1").unwrap()["state"].clone()
    };
    assert_eq!(state(&boot), "waiting");
    drop(boot);
    assert!(!fs::read_to_string(folder.join("log")).unwrap().contains(&first));
    let boot = Boot::start(&folder, &[]);
    assert_eq!(state(&boot), "silent");
    assert_eq!(post(&boot, &of(&first), "master1"), 200);
    assert_eq!(state(&boot), "waiting");
    drop(boot);
    // Another render does not change it, so that a node which has not booted since still reports.
    fs::write(
        folder.join("site.yaml"),
        fs::read_to_string(folder.join("site.yaml"))
            .unwrap()
            .replace("name: master1,", "name: master1, labels: {a: b},"),
    )
    .unwrap();
    render(&folder);
    assert_eq!(report_token(&folder, "master1"), first);
    // One secret for all counts where the description or the server has it.
    fs::write(folder.join("token"), "0123456789abcdef\n").unwrap();
    let boot = Boot::start(&folder, &["--report-token-file", "token"]);
    assert_eq!(post(&boot, &of("0123456789abcdef"), "master2"), 200);
    assert_eq!(post(&boot, &of(&first), "master1"), 200);
    assert_eq!(post(&boot, "", "master1"), 403);
}

#[test]
fn idle_and_slow_clients_keep_nobody_waiting() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    let folder = rendered("idle");
    let boot = Boot::start(&folder, &[]);
    let authority = boot.url.strip_prefix("http://").unwrap();
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
        let metrics = String::from_utf8(boot.get("/metrics").1).unwrap();
        let open = metrics.lines().find_map(|line| line.strip_prefix("kfimg_registry_connections ")).unwrap();
        drop(idle);
        open.parse::<u32>().unwrap() > 1000
    });
    assert!(all_at_once, "1000 idle clients and one more were never served at once");
    let status = fs::read_to_string(format!("/proc/{}/status", boot.served.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
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
fn what_cannot_be_booted_from_is_named() {
    let folder = rendered("errors");
    fs::write(folder.join("short"), "short\n").unwrap();
    let kfimg =
        |line: &str| run(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(line.split_whitespace()).current_dir(&folder));
    for (line, code, part) in [
        ("serve --payloads-once", 2, "--out"),
        ("serve --out out --payloads-for 0", 2, "--payloads-for"),
        ("serve --out out --proxy-dhcp 127.0.0.1", 2, "--tftp"),
        ("serve --out out --tftp boot", 2, "write an address"),
        ("serve --out out --report-token-file short --boot-listen 127.0.0.1:0", 2, "16 or more"),
        ("serve --out out --images none --boot-listen 127.0.0.1:0", 4, "none"),
        ("serve --out out --bundle none --boot-listen 127.0.0.1:0", 4, "none"),
        ("serve --out out --boot-listen 192.0.2.1:1", 7, "listening on"),
        ("serve --out out --boot-listen 127.0.0.1:0 --tftp 192.0.2.1:1", 7, "listening for TFTP"),
    ] {
        let said = kfimg(line);
        assert_eq!(said.status.code(), Some(code), "{line}: {}", both(&said));
        assert!(both(&said).contains(part), "{line}: {part} in {}", both(&said));
    }
}

#[test]
fn what_works_and_is_hardly_meant_is_told() {
    let folder = rendered("warnings");
    fs::write(folder.join("password"), "s3cret\n").unwrap();
    let pair = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=boot.local -keyout tls.key -out tls.crt";
    succeed(Command::new("openssl").args(pair.split(' ')).current_dir(&folder));
    let login = "--user site --password-file password --listen 127.0.0.1:0 --tls-cert tls.crt --tls-key tls.key";
    for (line, part) in [
        (
            "--tftp 127.0.0.1:0 --loaders images",
            "images has none of undionly.kpxe, ipxe.efi, snponly.efi, ipxe-arm64.efi",
        ),
        (login, "at the port for boot files the password crosses the network in the clear"),
    ] {
        let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
        kfimg.args("serve --out out --boot-listen 127.0.0.1:0".split(' ')).args(line.split(' '));
        let said = fs::File::create(folder.join("said")).unwrap();
        drop(Served::start(kfimg.current_dir(&folder).stderr(said)));
        let said = fs::read_to_string(folder.join("said")).unwrap();
        assert!(said.contains(part), "{line}: {part} in {said}");
    }
}
