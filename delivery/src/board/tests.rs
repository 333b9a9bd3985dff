use super::node::Stage;
use super::*;
use crate::output::Output;
use std::sync::Arc;

/// What was told, and a board of two nodes.
fn board() -> (Arc<Mutex<Vec<String>>>, Board) {
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&told);
    let board = Board::new(Box::new(move |who, what| lines.lock().unwrap().push(format!("{who}: {what}"))));
    board.inventory(&Ok(output(&["master1", "worker1"])));
    (told, board)
}

fn output(names: &[&str]) -> Arc<Output> {
    let folder = tempfile::tempdir().unwrap();
    let node = serde_json::json!({ "role": "control-plane", "generation": 3 });
    let nodes: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), node.clone())).collect();
    let manifest =
        serde_json::json!({ "format": "kfimg/output/v1", "cluster": "demo", "nodes": nodes, "files": {} }).to_string();
    std::fs::write(folder.path().join("manifest.json"), manifest).unwrap();
    crate::output::Store::new(folder.path().to_owned()).current().unwrap()
}

const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 11));

fn anybody(_: &str) -> bool {
    true
}

fn report(phase: &str, step: &serde_json::Value) -> Vec<u8> {
    let report = serde_json::json!({
        "version": 1, "node": "master1", "role": "control-plane", "cluster": "demo", "generation": 3,
        "versions": { "agent": "0.1.0", "kubernetes": "v1.36.3" }, "bootId": "b", "phase": phase, "since": 1,
        "upAfterSeconds": null, "steps": [step], "units": [], "certificates": null,
    });
    serde_json::to_vec(&report).unwrap()
}

fn node(board: &Board, name: &str) -> serde_json::Value {
    let all: serde_json::Value = serde_json::from_str(&board.summary()).unwrap();
    all["nodes"].as_array().unwrap().iter().find(|node| node["name"] == name).unwrap().clone()
}

#[test]
fn a_boot_is_followed_from_its_loader_to_its_end() {
    let (told, board) = board();
    assert_eq!(node(&board, "master1")["state"], "silent");
    board.asks_for_loader("master1", "BIOS");
    board.loader_fetched(HOST);
    board.script("master1", HOST);
    for (stage, what) in [(Stage::Kernel, "vmlinuz"), (Stage::Initrd, "initrd"), (Stage::Payload, "ignition.json")] {
        board.begins("master1", stage);
        assert_eq!(node(&board, "master1")["line"], format!("fetches its {stage}"));
        board.fetched("master1", stage, what, 12_345, true);
    }
    let loaded = node(&board, "master1");
    assert_eq!((&loaded["state"], &loaded["stages"]), (&"loaded".into(), &"ddddd".into()));
    let waits = serde_json::json!({ "name": "etcd", "state": "waiting", "message": "waiting for master2", "since": 1, "warnings": [] });
    board.report(&report("waiting", &waits), HOST, anybody).unwrap();
    let waiting = node(&board, "master1");
    assert_eq!((&waiting["state"], &waiting["line"]), (&"waiting".into(), &"etcd: waiting for master2".into()));
    assert_eq!(node(&board, "worker1")["state"], "silent");
    let told = told.lock().unwrap().join("\n");
    for line in [
        "master1: asks for a loader (BIOS)",
        "master1: kernel: vmlinuz fetched, 12 kB",
        "master1: etcd: waiting for master2",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    // Another boot begins anew.
    board.script("master1", HOST);
    assert_eq!(node(&board, "master1")["stages"], "-d---");
}

#[test]
fn a_failure_has_its_code_and_its_remedy_and_a_refusal_is_told_once() {
    let (told, board) = board();
    let failed = serde_json::json!({
        "name": "preflight", "state": "failed", "message": "no", "since": 1, "warnings": [],
        "failure": { "code": "WRONG_MACHINE", "message": "for <b>another</b>\u{1b}[2J\n", "remedy": "boot the right one" },
    });
    board.report(&report("failed", &failed), HOST, anybody).unwrap();
    let node_json = node(&board, "master1");
    assert_eq!(node_json["state"], "failed");
    assert_eq!(node_json["failure"]["remedy"], "boot the right one");
    assert_eq!(node_json["failure"]["message"], "for <b>another</b> [2J ");
    for _ in 0..100 {
        board.refused("worker1", HOST, "TAKEN", "it went out before");
    }
    let lines = told.lock().unwrap().clone();
    assert!(lines.contains(
        &"master1: preflight FAILED: WRONG_MACHINE: for <b>another</b> [2J ; to do: boot the right one".to_owned()
    ));
    assert_eq!(lines.iter().filter(|line| line.contains("payload refused")).count(), 1, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains(char::is_control)));
}

#[test]
fn what_is_no_report_of_a_node_changes_nothing() {
    let (_, board) = board();
    let step = serde_json::json!({ "name": "clock", "state": "done", "warnings": [] });
    let of = |key: &str, value: serde_json::Value| {
        let mut report: serde_json::Value = serde_json::from_slice(&report("up", &step)).unwrap();
        report[key] = value;
        serde_json::to_vec(&report).unwrap()
    };
    for (text, strange) in [
        (of("node", "nobody".into()), true),
        (of("cluster", "other".into()), true),
        (of("cluster", serde_json::Value::Null), true),
        (of("version", 2.into()), false),
        (of("phase", "great".into()), false),
        (b"[".to_vec(), false),
        (b"".to_vec(), false),
        (b"\xff\xfe".to_vec(), false),
        ("[".repeat(100_000).into_bytes(), false),
    ] {
        let error = board.report(&text, HOST, anybody).unwrap_err();
        assert_eq!(error == ReportError::Stranger, strange, "{error}");
        assert!(error.to_string().len() < 500);
    }
    assert_eq!(node(&board, "master1")["state"], "silent");
    board.report(&report("up", &step), HOST, anybody).unwrap();
    assert_eq!(board.report(&report("up", &step), HOST, anybody), Err(ReportError::TooSoon));
}

#[test]
fn memory_and_terminal_are_bounded_whatever_is_reported_and_asked() {
    let (told, board) = board();
    let long = "x".repeat(2_000);
    let warning = serde_json::json!({ "code": long, "message": long, "remedy": long });
    let step = serde_json::json!({ "name": long, "state": "running", "message": long, "warnings": vec![warning; 100] });
    let mut report: serde_json::Value = serde_json::from_slice(&report("booting", &step)).unwrap();
    report["steps"] = vec![step; 60].into();
    board.report(&serde_json::to_vec(&report).unwrap(), HOST, anybody).unwrap();
    let begin = now() / 60;
    for number in 0..1200_u32 {
        board.stranger(&format!("mac-{number}"), HOST, true);
        board.loader_fetched(IpAddr::from(number.to_be_bytes()));
        board.fetched("master1", Stage::Payload, &format!("{number}{long}"), 1, true);
    }
    let minutes = usize::try_from(now() / 60 - begin + 1).unwrap();
    let lines = told.lock().unwrap().iter().filter(|line| line.starts_with("unknown machine")).count();
    assert!(lines <= minutes * stranger::LINES as usize, "{lines} lines");
    let details = board.details("master1").unwrap();
    assert!(details.len() < 64 << 10, "{}", details.len());
    let all: serde_json::Value = serde_json::from_str(&board.summary()).unwrap();
    assert_eq!(all["strangers"].as_array().unwrap().len(), stranger::STRANGERS);
    assert_eq!(board.state().loaders.len(), LOADERS);
}

#[test]
fn who_asks_for_the_payloads_of_others_fills_neither_the_terminal_nor_a_time_line() {
    let names: Vec<String> = (0..500).map(|number| format!("worker{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (told, board) = board();
    board.inventory(&Ok(output(&names)));
    board.fetched("worker0", Stage::Kernel, "vmlinuz", 1, true);
    let begin = now() / 60;
    // Whoever has many addresses is refused in many words.
    for last in 0..60 {
        let address = IpAddr::from([192, 0, 2, last]);
        names
            .iter()
            .for_each(|name| board.refused(name, address, if last % 2 == 0 { "NO_TICKET" } else { "TAKEN" }, "no"));
    }
    let minutes = usize::try_from(now() / 60 - begin + 1).unwrap();
    let told = told.lock().unwrap();
    let refusals = told.iter().filter(|line| line.contains("payload")).count();
    assert!(refusals <= minutes * REFUSAL_LINES as usize, "{refusals} lines");
    assert!(told.contains(&"payloads refused: many; the board shows them".to_owned()), "{told:?}");
    let details: serde_json::Value = serde_json::from_str(&board.details("worker0").unwrap()).unwrap();
    let events: Vec<&str> =
        details["events"].as_array().unwrap().iter().map(|event| event["text"].as_str().unwrap()).collect();
    assert!(events.contains(&"kernel: vmlinuz fetched, 1 bytes") && events.len() <= minutes * 30 + 1, "{events:?}");
}

#[test]
fn whoever_asks_for_one_machines_script_on_and_on_is_told_of_thirty_times_a_minute() {
    let (told, board) = board();
    let begin = now() / 60;
    (0..4000).for_each(|_| board.script("master1", HOST));
    let minutes = usize::try_from(now() / 60 - begin + 1).unwrap();
    let told = told.lock().unwrap();
    let lines: Vec<&String> = told.iter().filter(|line| line.starts_with("master1: ")).collect();
    assert!(lines.len() >= 30 && lines.len() <= minutes * 30, "{} lines", lines.len());
    assert!(lines.iter().any(|line| line.ends_with("asks again and again; no more is said of it this minute")));
}

#[test]
fn a_stranger_is_one_whom_no_name_makes_known() {
    let (told, board) = board();
    let strangers = || serde_json::from_str::<serde_json::Value>(&board.summary()).unwrap()["strangers"].clone();
    board.stranger("mac-1", HOST, false);
    board.script("master1", HOST);
    board.stranger("mac-1", HOST, false);
    assert_eq!(strangers(), serde_json::json!([]));
    board.stranger("mac-1", HOST, false);
    board.stranger("mac-2", HOST, true);
    board.stranger("mac-2", HOST, true);
    let counts: Vec<_> = strangers().as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [2, 2]);
    let told = told.lock().unwrap();
    assert_eq!(told.iter().filter(|line| line.starts_with("unknown machine: ")).count(), 2, "{told:?}");
}

#[test]
fn watchers_are_bounded_and_who_does_not_read_is_let_go() {
    let (_, board) = board();
    board.flush();
    let mut watching: Vec<_> = std::iter::from_fn(|| board.watch()).collect();
    assert_eq!(watching.len(), 32);
    let first = watching[0].try_recv().unwrap();
    assert!(first.starts_with(b"event: all\ndata: {") && first.ends_with(b"}\n\n"));
    for _ in 0..1000 {
        board.script("master1", HOST);
        board.flush();
        // The first one reads.
        let event = watching[0].try_recv().unwrap();
        assert!(event.starts_with(b"event: nodes\ndata: [{"));
    }
    assert_eq!(board.state().watchers.count(), 1);
    board.beat(false);
    assert_eq!(&watching[0].try_recv().unwrap()[..], b": still here\n\n");
    board.beat(true);
    assert!(watching[0].try_recv().is_err() && watching[0].is_closed());
}

#[test]
fn the_page_runs_nothing_but_its_own_program() {
    let page = Page::new();
    assert!(page.policy.contains("default-src 'none'") && !page.policy.contains("unsafe"));
    for risk in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http://",
        "https://",
        "style=",
        "onclick",
    ] {
        assert!(!page.text.contains(risk), "{risk}");
    }
    // Each text stands in the page as it was hashed.
    assert_eq!((page.text.matches("<script>").count(), page.text.matches("<style>").count()), (1, 1));
    assert!(!page.text.contains("/*STYLE*/") && !page.text.contains("/*PROGRAM*/"));
}
