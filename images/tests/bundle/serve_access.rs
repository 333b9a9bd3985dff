//! Who may ask the registry, how it is asked over TLS, what it writes down, and how long it lets anybody keep it.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kfimg_images::hasher::sha256;
use kfimg_images::serve::{AccessLog, Credentials, ServeLimits, ServeOptions, Server, TlsFiles};
use ureq::http::Method;

use crate::running::{Reply, Running};
use crate::serve::{NGINX, PAUSE, raw};
use crate::support::{Place, run};

/// A log that a test reads.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn only_who_knows_the_password_pulls_and_the_log_does_not_tell_it() {
    let place = Place::new();
    let lines = Lines::default();
    let options = ServeOptions {
        credentials: Some(Credentials::new("site", "s3cret")),
        log: AccessLog::to(lines.clone()),
        ..ServeOptions::default()
    };
    let mut running = Running::start(place.content(), options);
    let path = format!("{PAUSE}/manifests/3.10.2?ns=registry.k8s.io&token=s3cret");
    let basic = |text: &str| format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()));
    let refused = running.get(&path);
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").starts_with("Basic realm="));
    assert_eq!(running.ask(Method::GET, &path, &[("authorization", &basic("site:wrong"))]).status, 401);
    assert_eq!(running.ask(Method::GET, &path, &[("authorization", &basic("site:s3cret"))]).status, 200);
    assert_eq!(running.get("/metrics").status, 401);
    assert_eq!(running.get("/healthz").text(), "ok\n");
    let metrics = running.ask(Method::GET, "/metrics", &[("authorization", &basic("site:s3cret"))]);
    assert!(
        metrics.text().contains("kfimg_registry_requests_total{route=\"manifest\",code=\"401\"} 2\n"),
        "{}",
        metrics.text()
    );
    running.end();
    drop(running);
    let log = wait_for_lines(&lines, 6);
    assert!(!log.contains("s3cret") && !log.contains(&basic("site:s3cret")[6..]), "{log}");
    let line: serde_json::Value = serde_json::from_str(log.lines().nth(2).unwrap()).unwrap();
    assert_eq!(
        (&line["status"], &line["ns"], &line["method"]),
        (&200.into(), &"registry.k8s.io".into(), &"GET".into())
    );
    assert_eq!(line["path"], format!("{PAUSE}/manifests/3.10.2"));
    assert!(line["bytes"].as_u64().unwrap() > 100);
}

/// The log is written by a thread of its own.
fn wait_for_lines(lines: &Lines, count: usize) -> String {
    for _ in 0..600 {
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        if text.lines().count() >= count {
            return text;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the log never had {count} lines");
}

#[test]
fn tls_serves_with_the_sites_own_certificate() {
    let place = Place::new();
    let (key, certificate) = (place.path("key.pem"), place.path("cert.pem"));
    run(Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=registry".split(' '))
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate));
    let files = TlsFiles { certificates: fs::read(&certificate).unwrap(), key: fs::read(&key).unwrap() };
    assert_eq!(format!("{files:?}"), "TlsFiles");
    let bad = ServeOptions { tls: Some(TlsFiles { key: Vec::new(), ..files.clone() }), ..ServeOptions::default() };
    assert!(Server::bind(&Arc::new(place.content()), bad).unwrap_err().to_string().contains("no private key"));
    let options = ServeOptions { tls: Some(files), ..ServeOptions::default() };
    let running = Running::start(place.content(), options);
    let url = format!("https://{}{NGINX}/blobs/{}", running.address, sha256(&[7; 70_000]));
    let roots = ureq::tls::Certificate::from_pem(&fs::read(&certificate).unwrap()).unwrap();
    let tls = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::new_with_certs(&[roots]))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let reply = Reply::of(agent.get(&url).call().unwrap());
    assert_eq!((reply.status, reply.body), (200, vec![7; 70_000]));
}

#[test]
fn what_takes_too_long_or_is_too_long_ends() {
    let place = Place::new();
    let short = Duration::from_millis(300);
    let limits = ServeLimits { connections: 2, header: short, idle: short, stop: short, ..ServeLimits::default() };
    let mut running = Running::start(place.content(), ServeOptions { limits, ..ServeOptions::default() });
    // Each of these would hold one of two places for ever.
    for beginning in ["", "GET ", "GET /v2/ HTTP/1.1\r\nHost: x\r\n", "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let _ = raw(running.address, beginning);
    }
    let long = format!("GET /v2/{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let (status, _) = raw(running.address, &long);
    assert!(matches!(status, 0 | 414 | 431), "{status}");
    assert_eq!(running.get("/v2/").status, 200);
    // An open connection does not keep it from stopping.
    let open = TcpStream::connect(running.address).unwrap();
    running.end();
    drop(open);
    assert!(TcpStream::connect(running.address).is_err());
}
