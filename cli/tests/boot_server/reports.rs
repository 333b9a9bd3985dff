//! Who may report for which node, and who sees it.

use crate::rendered;
use crate::support::boot::{Boot, SITE, render, report, report_token};
use crate::support::program::run;
use crate::support::registry::Served;
use std::fs;
use std::io::Read;
use std::process::Command;

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
        assert_eq!(boot.post(query, body), status, "{query} {body}");
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

#[test]
fn a_node_reports_for_itself_alone_and_a_server_that_was_started_anew_learns_it_from_the_next_report() {
    let folder = rendered("own-tokens");
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
    let post = |boot: &Boot, query: &str, node: &str| boot.post(query, &report(node, "ha3"));
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
    fs::write(folder.join("site.yaml"), SITE.replace("name: master1,", "name: master1, labels: {a: b},")).unwrap();
    render(&folder, "ha3");
    assert_eq!(report_token(&folder, "master1"), first);
    // One secret for all counts where the description or the server has it.
    fs::write(folder.join("token"), "0123456789abcdef\n").unwrap();
    let boot = Boot::start(&folder, &["--report-token-file", "token"]);
    assert_eq!(post(&boot, &of("0123456789abcdef"), "master2"), 200);
    assert_eq!(post(&boot, &of(&first), "master1"), 200);
    assert_eq!(post(&boot, "", "master1"), 403);
}

#[test]
fn without_a_secret_nobody_reports_also_where_no_node_has_one() {
    let folder = rendered("no-tokens");
    // The description has a secret for all, and the server was not told it.
    fs::write(folder.join("site.yaml"), SITE.replace("8080/report", "8080/report?token=0123456789abcdef")).unwrap();
    render(&folder, "ha3");
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    kfimg.args("serve --out out --boot-listen 127.0.0.1:0".split(' ')).current_dir(&folder);
    let served = Served::start(kfimg.stderr(fs::File::create(folder.join("said")).unwrap()));
    let boot = Boot { url: served.said["boot"].as_str().unwrap().to_owned(), served };
    for query in ["", "?token=", "?token=0123456789abcdef"] {
        assert_eq!(boot.post(query, &report("master1", "ha3")), 403, "{query}");
    }
    let said = || fs::read_to_string(folder.join("said")).unwrap();
    let told = "127.0.0.1 reports with no secret that counts here; boot that node with its newest payload; for a secret in report.url start with --report-token-file";
    while !said().contains(told) {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(!said().contains("0123456789abcdef"), "{}", said());
}
