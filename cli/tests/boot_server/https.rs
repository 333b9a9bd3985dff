//! Boot files by HTTPS: what is asked for so leads back to HTTPS, and where scripts lead elsewhere the server says so.

use crate::rendered;
use crate::support::boot::{Boot, SITE, render};
use crate::support::program::{both, run};
use crate::support::registry::Served;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A line that is to come.
const PATIENCE: Duration = Duration::from_secs(20);
const DECLARED: &str = "http://192.168.49.2:8080";
const SCRIPT: &str = "/pxe/mac-52-54-00-00-00-11.ipxe";

/// An output whose description names this boot server, or none.
fn rendered_for(name: &str, server: Option<&str>) -> PathBuf {
    let folder = rendered(name);
    let site = match server {
        Some(server) => SITE.replace(DECLARED, server),
        None => SITE.replace(&format!(", bootServer: '{DECLARED}'"), ""),
    };
    fs::write(folder.join("site.yaml"), site).unwrap();
    render(&folder, "ha3");
    folder
}

/// What a client that trusts the cluster's authority gets.
fn ask(folder: &Path, url: &str) -> Vec<u8> {
    let mut curl = Command::new("curl");
    let said =
        run(curl.args(["-sSf", "--max-time", "60", "--cacert", "ha3.state/pki/ca.crt", url]).current_dir(folder));
    assert!(said.status.success(), "{url}: {}", both(&said));
    said.stdout
}

#[test]
fn what_is_asked_for_by_https_leads_back_to_https_and_by_http_to_http() {
    let folder = rendered_for("https", None);
    let boot = Boot::start(&folder, &["--listen", "127.0.0.1:0", "--tls-state", "ha3.state", "--name", "localhost"]);
    let secure = format!("https://localhost:{}", boot.served.port());
    let text = |url: &str| String::from_utf8(ask(&folder, url)).unwrap();
    for server in [&secure, &boot.url] {
        for path in ["/pxe/boot.ipxe", SCRIPT] {
            let script = text(&format!("{server}{path}"));
            assert!(script.contains(&format!("|| set boot-server {server}\n")), "{server}{path}: {script}");
            assert_eq!(script.matches("://").count(), 1, "{script}");
        }
    }
    let script = text(&format!("{secure}{SCRIPT}"));
    let url = script.split_once("ignition.config.url=").unwrap().1.split(' ').next().unwrap();
    let payload = ask(&folder, &url.replace("${boot-server}", &secure));
    assert_eq!(payload, fs::read(folder.join("out/nodes/master1/ignition.json")).unwrap());
    // Whoever has to wait waits there.
    fs::rename(folder.join("out"), folder.join("away")).unwrap();
    let begin = Instant::now();
    let waits = |server: &str| format!("chain --autofree --replace {server}/pxe/boot.ipxe");
    while !text(&format!("{secure}/pxe/boot.ipxe")).contains(&waits(&secure)) {
        assert!(begin.elapsed() < PATIENCE, "{}", text(&format!("{secure}/pxe/boot.ipxe")));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(text(&format!("{}/pxe/boot.ipxe", boot.url)).contains(&waits(&boot.url)));
}

/// A `kfimg serve` of that folder, and the file of what it says to people.
fn serve(folder: &Path, line: &str) -> (Served, PathBuf) {
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let said = folder.join("said");
    kfimg.args("serve --out out --images images".split(' ')).args(line.split(' ')).current_dir(folder);
    let served = Served::start(kfimg.stderr(fs::File::create(&said).unwrap()));
    (served, said)
}

#[test]
fn a_description_that_names_https_is_served_there_by_a_certificate_with_that_name() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let server = format!("https://localhost:{port}");
    let folder = rendered_for("https-declared", Some(&server));
    let (served, said) = serve(&folder, "--boot-listen 127.0.0.1:0 --tls-state ha3.state");
    assert_eq!(served.said["names"], serde_json::json!(["DNS:localhost"]));
    assert_eq!(served.authority(), format!("0.0.0.0:{port}"));
    let script = String::from_utf8(ask(&folder, &format!("{server}{SCRIPT}"))).unwrap();
    assert!(script.contains(&format!("|| set boot-server {server}\n")), "{script}");
    // Scripts and reports lead here, which is all that the server knows; what iPXE makes of its certificate it says.
    let said = fs::read_to_string(said).unwrap();
    assert!(!said.contains("the boot scripts ask") && !said.contains("nodes report to"), "{said}");
    assert!(said.contains("most builds of iPXE take no ECDSA certificate"), "{said}");
}

#[test]
fn where_scripts_and_reports_lead_past_the_server_it_says_so_at_the_start() {
    let tls = "--boot-listen 127.0.0.1:0 --listen 127.0.0.1:0 --tls-state ha3.state --name localhost";
    for (number, (server, line, part)) in [
        (
            "https://192.168.49.2:5000",
            "--boot-listen 127.0.0.1:0",
            "the boot scripts ask https://192.168.49.2:5000, and this has no certificate; start with --tls-state",
        ),
        ("https://192.168.49.2:1", tls, "the boot scripts ask https://192.168.49.2:1, and this serves HTTPS at port"),
        (DECLARED, "--boot-listen 127.0.0.1:0", "the boot scripts ask http://192.168.49.2:8080, and this listens on"),
        (DECLARED, "--boot-listen 127.0.0.1:0", "nodes report to http://192.168.49.2:8080/report, and this listens on"),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = rendered_for(&format!("https-past-{number}"), Some(server));
        let (_served, file) = serve(&folder, line);
        let (begin, said) = (Instant::now(), || fs::read_to_string(&file).unwrap());
        while !said().contains(part) {
            assert!(begin.elapsed() < PATIENCE, "{part} in {}", said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn one_port_is_not_taken_twice() {
    let folder = rendered_for("https-twice", None);
    let mut kfimg = Command::new(env!("CARGO_BIN_EXE_kfimg"));
    let line =
        "serve --out out --tls-state ha3.state --name localhost --listen 127.0.0.1:8443 --boot-listen 127.0.0.1:8443";
    let said = run(kfimg.args(line.split(' ')).current_dir(&folder));
    assert_eq!(said.status.code(), Some(2), "{}", both(&said));
    assert!(
        both(&said).contains("are both to be served at port 8443; give one of them another port"),
        "{}",
        both(&said)
    );
}
