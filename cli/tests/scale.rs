//! `docs/scale.md`: every configuration starts and every command runs, on addresses of the loopback network in place of the page's;
//! and what they are to do is done. The bench's table and the arithmetic of the page are looked at, too.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::fake::FakeBundle;
use std::collections::BTreeMap;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::document::{Commands, read};
use support::fenced;
use support::nginx;
use support::payload::Payload;
use support::program::{Running, both, empty_folder, find, run, succeed};
use support::registry::Served;

/// Addresses of the page, and those that the tests have in their place. Ports stay the same for all of one service.
const HOSTS: [(&str, &str); 5] = [
    ("192.168.49.2", "127.0.0.1"),
    ("192.168.50.2", "127.0.0.2"),
    ("192.168.49.9", "127.0.0.9"),
    ("192.168.49.10", "127.0.0.10"),
    ("192.168.49.11", "127.0.0.11"),
];

/// The page with addresses that this machine has, and ports that are free.
struct Page {
    text: String,
    folder: PathBuf,
}

impl Page {
    fn new(name: &str) -> Self {
        let folder = empty_folder(&format!("scale/{name}"));
        let mut text = read("scale.md").replace("/srv/kfimg", folder.to_str().unwrap());
        // Longer addresses first: one begins like another.
        let mut hosts = HOSTS.to_vec();
        hosts.sort_by_key(|(page, _)| std::cmp::Reverse(page.len()));
        hosts.iter().for_each(|(page, own)| text = text.replace(page, own));
        for port in ["8080", "5000"] {
            text = text.replace(&format!(":{port}"), &format!(":{}", free_port()));
        }
        Self { text, folder }
    }

    /// A text that begins with `# file: NAME`, written to the folder.
    fn file(&self, name: &str) -> PathBuf {
        let blocks = fenced::all(&self.text);
        let path = self.folder.join(name);
        fs::write(&path, blocks.iter().find(|block| block.file() == Some(name)).unwrap().text()).unwrap();
        path
    }

    /// Its commands.
    fn commands(&self) -> Commands {
        Commands::of(&self.text)
    }

    /// Starts the command that has this part.
    fn serve(&self, part: &str) -> Served {
        let commands = self.commands();
        let words = commands.with(part).strip_prefix("kfimg ").unwrap().split(' ');
        Served::start(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(words).current_dir(&self.folder))
    }
}

/// A port that is free on every address of the loopback network.
fn free_port() -> u16 {
    TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port()
}

/// Starts a program that listens on this address, and waits until it does.
fn listening(command: &mut Command, address: &str) -> Running {
    let mut running = Running(command.stdin(Stdio::null()).spawn().unwrap());
    while TcpStream::connect(address).is_err() {
        assert!(running.0.try_wait().unwrap().is_none(), "{command:?} ended; it says why above");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    running
}

/// Status and body of an answer.
fn ask(url: &str, arguments: &[&str]) -> (u16, Vec<u8>) {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "60", "--path-as-is", "-w", "%{stderr}%{http_code}"]).args(arguments).arg(url);
    let said = run(&mut curl);
    // What was tried before stands above the code.
    let told = String::from_utf8_lossy(&said.stderr);
    let code = told.lines().last().unwrap_or_default().parse();
    (code.unwrap_or_else(|_| panic!("{url}: {}", both(&said))), said.stdout)
}

/// The address that a text listens on: what follows a word, up to the end of the line or a `;`.
fn listens<'a>(text: &'a str, word: &str) -> &'a str {
    let rest = text.split(word).nth(1).unwrap().trim_start();
    rest.split([';', '\n', ' ']).next().unwrap()
}

const SITE: &str = "
delivery: {channels: [pxe]}
report: {url: 'http://192.168.49.2:8080/report'}
nodes:
  - {name: master1, mac: '52:54:00:00:00:11'}
";

#[test]
fn one_process_and_then_a_hall_with_its_own_nginx_boot_the_same_machine() {
    let page = Page::new("hall");
    let folder = &page.folder;
    fs::write(folder.join("site.yaml"), SITE).unwrap();
    fs::create_dir(folder.join("images")).unwrap();
    fs::write(folder.join("images/vmlinuz"), "a kernel").unwrap();
    fs::write(folder.join("images/initrd"), vec![7; 3 << 20]).unwrap();
    FakeBundle::fake(&folder.join("bundle"));
    let render = ["render", "-q", "--profile", "ha3", "--registry", "reg.local", "--site", "site.yaml"];
    succeed(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(render).current_dir(folder));

    let all = page.serve("--bundle bundle --listen 127.0.0.1:");
    let boot = all.said["boot"].as_str().unwrap().to_owned();
    assert_eq!(ask(&format!("{boot}/images/vmlinuz"), &[]).1, b"a kernel");
    assert_eq!(ask(&format!("http://{}/v2/", all.authority()), &[]).0, 200);
    drop(all);

    let middle = page.serve("kfimg serve --out out --images images --boot-listen");
    assert_eq!(middle.said["boot"], boot);
    let hall = page.file("hall.conf");
    let address = listens(&fs::read_to_string(&hall).unwrap(), "listen ").to_owned();
    let _nginx = listening(&mut nginx(folder, &hall), &address);
    let url = |path: &str| format!("http://{address}{path}");
    // The hall's kernel is another file, so that it is seen who gave it.
    fs::remove_dir_all(folder.join("images")).unwrap();
    fs::create_dir(folder.join("images")).unwrap();
    fs::write(folder.join("images/vmlinuz"), "the hall's kernel").unwrap();
    let text = |path: &str| String::from_utf8(ask(&url(path), &[]).1).unwrap();
    assert!(
        text("/pxe/boot.ipxe").contains(&format!("set boot-server http://{address}\n")),
        "{}",
        text("/pxe/boot.ipxe")
    );
    let script = text("/pxe/mac-52-54-00-00-00-11.ipxe");
    let path = |before: &str| {
        let rest = script.split_once(&format!("{before}${{boot-server}}")).unwrap_or_else(|| panic!("{script}")).1;
        rest.split([' ', '\n']).next().unwrap().to_owned()
    };
    let (kernel, payload) = (path("kernel "), path("ignition.config.url="));
    assert!(kernel.starts_with("/t/") && payload.starts_with("/t/"), "{script}");
    assert_eq!(ask(&url(&kernel), &[]), (200, b"the hall's kernel".to_vec()));
    assert_eq!(ask(&url(&payload), &[]), (200, fs::read(folder.join("out/nodes/master1/ignition.json")).unwrap()));
    assert_eq!(ask(&url("/nodes/master1/ignition.json"), &[]).0, 403);
    report(folder, &url("/report"));
    // Neither the board nor anything else gets through, however it is written.
    let ticket = payload.split('/').nth(2).unwrap();
    for path in [
        "/board",
        "/board/state",
        "/%62oard",
        "/pxe/../board",
        "/pxe/%2e%2e/board",
        &format!("/t/{ticket}/board"),
        &format!("/t/{ticket}/nodes/../board"),
        "/metrics",
        "/v2/",
        "/images/../out/admin.kubeconfig",
        "/images/..%2fout%2fadmin.kubeconfig",
        "/admin.kubeconfig",
    ] {
        let status = ask(&url(path), &[]).0;
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
    // Whatever goes wrong, no log of the hall has a ticket.
    drop(middle);
    assert_eq!(ask(&url(&payload), &[]).0, 502);
    let found = run(Command::new("grep").args(["-rlF", ticket]).arg(folder));
    assert!(found.stdout.is_empty(), "{}", both(&found));
}

/// The page's server.
fn nginx(folder: &Path, hall: &Path) -> Command {
    let configuration = folder.join("nginx.conf");
    fs::write(&configuration, nginx::configuration(folder, &format!("include {};", hall.display()))).unwrap();
    let mut nginx = Command::new(find("nginx"));
    nginx.arg("-p").arg(folder).arg("-c").arg(&configuration);
    let judged = run(Command::new(find("nginx")).args(["-t", "-p"]).arg(folder).arg("-c").arg(&configuration));
    assert!(judged.status.success(), "{}", both(&judged));
    nginx
}

/// master1 reports with the secret of its payload.
fn report(folder: &Path, url: &str) {
    let plan = Payload::read(&folder.join("out/nodes/master1/ignition.json")).plan();
    let token = plan["reportUrl"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    let report = serde_json::json!({
        "version": 1, "node": "master1", "cluster": "ha3", "phase": "up", "steps": [],
    });
    let body = report.to_string();
    assert_eq!(ask(&format!("{url}?token={token}"), &["--data-binary", &body]).0, 200);
    assert_eq!(ask(url, &["--data-binary", &body]).0, 403);
}

#[test]
fn a_registry_that_is_gone_is_missed_by_nobody() {
    let page = Page::new("registries");
    FakeBundle::fake(&page.folder.join("bundle"));
    let configuration = page.file("registries.cfg");
    succeed(Command::new(find("haproxy")).args(["-c", "-f"]).arg(&configuration));
    let first = page.serve("--listen 127.0.0.10:");
    let second = first.authority().replace("127.0.0.10:", "127.0.0.11:");
    let arguments = ["serve", "--bundle", "bundle", "--listen", &second];
    let _second = Served::start(Command::new(env!("CARGO_BIN_EXE_kfimg")).args(arguments).current_dir(&page.folder));
    let address = listens(&fs::read_to_string(&configuration).unwrap(), "bind ").to_owned();
    let mut haproxy = Command::new(find("haproxy"));
    let _haproxy = listening(haproxy.arg("-db").arg("-f").arg(&configuration), &address);
    let manifest = format!("http://{address}/v2/registry.k8s.io/pause/manifests/3.10.2");
    let whole = ask(&manifest, &["--retry", "20", "--retry-all-errors", "--retry-delay", "1"]);
    assert_eq!(whole.0, 200);
    drop(first);
    for _ in 0..4 {
        assert_eq!(ask(&manifest, &["--retry", "20", "--retry-all-errors", "--retry-delay", "1"]), whole);
    }
}

/// The rows of the table behind a line that begins so.
fn rows<'a>(text: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    let lines =
        text.lines().skip_while(|line| !line.starts_with(head)).skip(2).take_while(|line| line.starts_with('|'));
    lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

#[test]
fn the_times_of_the_page_are_those_of_the_cables() {
    let text = read("scale.md");
    let rows = rows(&text, "| nodes | 1 Gbit/s |");
    assert_eq!(rows.len(), 4);
    let number = |cell: &str| cell.trim_end_matches(" s").replace(',', "").parse::<f64>().unwrap();
    for row in rows {
        for (cell, gigabits) in row[1..].iter().zip([1.0, 10.0, 25.0]) {
            let seconds: f64 = number(row[0]) * 100e6 * 8.0 / (gigabits * 0.9e9);
            assert_eq!(number(cell), seconds.round().max(1.0), "{row:?}");
        }
    }
}

#[test]
fn the_limits_of_the_page_are_those_of_the_program() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = read("scale.md");
    let limits: BTreeMap<&str, &str> = rows(&page, "| limit of one").into_iter().map(|row| (row[0], row[1])).collect();
    for (limit, said, file, source) in [
        (
            "connections for machines that boot",
            "2,048",
            "cli/src/commands/serve/limits.rs",
            "const BOOT: usize = 2048;",
        ),
        ("connections for machines that boot", "a quarter", "cli/src/commands/serve/limits.rs", "least(BOOT, 4)"),
        ("connections to the registry", "1,024", "images/src/serve/options.rs", "let connections = 1024;"),
        (
            "connections of one client",
            "half of them",
            "images/src/serve/connection.rs",
            "Places::new(all, all.div_ceil(2))",
        ),
        ("connections of one client", "as many again", "images/src/serve/places.rs", "most_of_one: of_one * 2"),
        ("silence of a connection", "15 s", "cli/src/commands/serve/limits.rs", "Duration::from_secs(15)"),
        ("the body of a report", "5 s", "images/src/serve/options.rs", "body: seconds(5)"),
        (
            "the body of a report",
            "16 at once, 2 of one node",
            "images/src/serve/answer.rs",
            "BODIES: usize = 16;\nconst ON_ONE_BEHALF: usize = 2;",
        ),
        ("silence of a connection", "60 s", "images/src/serve/options.rs", "idle: seconds(60)"),
        ("TFTP transfers", "64, and 4", "delivery/src/tftp/mod.rs", "TRANSFERS: usize = 64;\nconst OF_ONE: usize = 4;"),
        ("those who watch the board", "32", "delivery/src/board/watch.rs", "WATCHERS: usize = 32;"),
        ("reports of a node", "256 KiB", "delivery/src/board/report.rs", "LIMIT: usize = 256 << 10;"),
        (
            "reports of a node",
            "one a second",
            "delivery/src/board/mod.rs",
            "REPORT_PAUSE: Duration = Duration::from_secs(1);",
        ),
    ] {
        assert!(limits[limit].contains(said), "{limit}: {}", limits[limit]);
        assert!(fs::read_to_string(sources.join(file)).unwrap().contains(source), "{file}: {source}");
    }
}

/// The table that the bench writes, without its head.
fn ceilings(text: &str) -> Vec<Vec<&str>> {
    let (_, rest) = text.split_once("<!-- ceilings -->\n").unwrap();
    rows(rest.split_once("<!-- /ceilings -->").unwrap().0, "| what | kfimg serve | nginx | ratio | goal |")
}

/// What is wrong with that table, once something was measured: each row is there, its numbers have their units, and each ratio is
/// the one of its numbers.
fn wrong_with_ceilings(text: &str) -> Vec<String> {
    let number = |cell: &str, unit: &str| cell.strip_suffix(unit)?.trim_end().parse::<f64>().ok();
    let forms: [(&str, &str, &str, bool); 6] = [
        ("a boot file of ", "MB/s", "MB/s", true),
        ("the same beside 1000 idle connections", "MB/s", "", true),
        ("a file of 64 KiB, ", "a second", "a second", true),
        ("boot scripts, each with its own ticket", "a second", "", false),
        ("reports of 5000 nodes", "a second", "a second needed", true),
        ("memory at most", "MiB", "", false),
    ];
    let rows = ceilings(text);
    let mut wrong = Vec::new();
    if rows.len() != forms.len() {
        wrong.push(format!("{} rows, and {} are measured", rows.len(), forms.len()));
    }
    for (row, (what, unit, peers, is_judged)) in rows.iter().zip(forms) {
        let [name, ours, theirs, ratio, goal] = row[..] else {
            wrong.push(format!("{row:?} has {} cells", row.len()));
            continue;
        };
        let (ours, theirs) = (number(ours, unit), number(theirs, peers).filter(|_| !peers.is_empty()));
        let said = ratio.parse::<f64>().ok();
        if !name.starts_with(what) || ours.is_none() || (theirs.is_none() && !peers.is_empty()) {
            wrong.push(format!("{row:?} is not `{what}…` in {unit}"));
        }
        if is_judged != said.is_some() || is_judged != goal.starts_with(">= ") {
            wrong.push(format!("{row:?} has no ratio, or no goal, or one too many"));
        }
        // Numbers are rounded to one, and ratios to a hundredth.
        if let (Some(ours), Some(theirs), Some(said)) = (ours, theirs, said) {
            let [least, most] = [(ours - 0.5) / (theirs + 0.5), (ours + 0.5) / (theirs - 0.5)];
            if !(least - 0.006..=most + 0.006).contains(&said) {
                wrong.push(format!("{row:?}: the ratio is not that of its numbers"));
            }
        }
    }
    let how = text.split("\n").find(|line| line.starts_with("Measured with "));
    if !how.is_some_and(|line| {
        line.starts_with("Measured with a release build on ") && line.contains(" cores, with a load of ")
    }) {
        wrong.push(format!("it was not measured with a release build: {how:?}"));
    }
    wrong
}

#[test]
fn what_was_measured_stands_there_as_it_was_measured() {
    let text = read("scale.md");
    // Until then the page says so, and nothing else.
    if ceilings(&text) == [["not measured yet", "", "", "", ""]] {
        assert!(!text.contains("Measured with"));
    } else {
        assert_eq!(wrong_with_ceilings(&text), [""; 0]);
    }
    let head = "<!-- ceilings -->\n| what | kfimg serve | nginx | ratio | goal |\n|---|---|---|---|---|\n";
    let good = format!(
        "{head}| a boot file of 64 MiB, 2 machines | 2000 MB/s | 2100 MB/s | 0.95 | >= 0.9 |\n\
         | the same beside 1000 idle connections | 1900 MB/s | without them | 0.90 | >= 0.9 |\n\
         | a file of 64 KiB, 64 machines | 9000 a second | 12000 a second | 0.75 | >= 0.5 |\n\
         | boot scripts, each with its own ticket | 8000 a second | - | - | - |\n\
         | reports of 5000 nodes | 900 a second | 32 a second needed | 28.13 | >= 1 |\n\
         | memory at most | 70 MiB | - | - | - |\n\n\
         Measured with a release build on 2 cores, with a load of 0.1.\n<!-- /ceilings -->"
    );
    assert_eq!(wrong_with_ceilings(&good), [""; 0]);
    for (part, other, complaint) in [
        ("| 0.95 |", "| 1.50 |", "not that of its numbers"),
        ("| 28.13 |", "| - |", "no ratio"),
        ("2000 MB/s", "fast", "is not `a boot file of"),
        ("12000 a second", "-", "is not `a file of 64 KiB"),
        ("| memory at most | 70 MiB | - | - | - |\n", "", "5 rows"),
        ("a release build", "a debug build", "not measured with a release build"),
    ] {
        let wrong = wrong_with_ceilings(&good.replacen(part, other, 1));
        assert!(wrong.iter().any(|said| said.contains(complaint)), "{part}: {wrong:?}");
    }
}

#[test]
fn no_command_and_no_configuration_is_left_out() {
    let text = read("scale.md");
    // Every configuration and every command of the page is one that a test here starts.
    let languages: Vec<&str> = fenced::all(&text).iter().map(|block| block.language).collect();
    assert_eq!(languages, ["sh", "haproxy", "sh", "nginx", "sh", "yaml"]);
    assert_eq!(Page::new("commands").commands().count(), 3);
}
