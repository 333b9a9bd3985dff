//! Uploads: gone on with after a break, and not led astray.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::digest::Digest;
use kfimg_images::hasher::sha256;
use kfimg_images::registry::{Client, Limits, Mounted, RegistryError, Settings, Upload};
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex};
use support::sample::noise;
use support::server::{Fault, Reply, Request, Server};
use support::{client, limits};

/// What a registry has of one upload.
type Received = Arc<Mutex<Vec<u8>>>;

/// A registry that takes one blob, by all the ways that there are.
fn taking(received: &Received) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let received = Arc::clone(received);
    move |request| {
        let mut has = received.lock().unwrap();
        let session = |status, has: usize| {
            let reply = Reply::new(status, "").header("location", "/v2/app/blobs/uploads/1?_state=x");
            reply.header("range", format!("0-{}", has.saturating_sub(1)))
        };
        match request.method.as_str() {
            "POST" => session(202, 0),
            "GET" => session(204, has.len()),
            "HEAD" => Reply::new(404, ""),
            "PATCH" => {
                let start = request.header("content-range").unwrap().split_once('-').unwrap().0;
                if start.parse::<usize>().unwrap() != has.len() {
                    return Reply::new(416, "");
                }
                has.extend_from_slice(&request.body);
                session(202, has.len())
            }
            _ => {
                has.extend_from_slice(&request.body);
                let wanted = request.target.split_once("digest=").unwrap().1.replace("%3A", ":");
                Reply::new(if sha256(&has).as_str() == wanted { 201 } else { 400 }, "")
            }
        }
    }
}

fn upload(client: &Client, bytes: &[u8], digest: &Digest) -> Result<(), RegistryError> {
    let bytes = bytes.to_vec();
    let mut open = |from: u64| -> std::io::Result<Box<dyn Read>> {
        Ok(Box::new(Cursor::new(bytes[usize::try_from(from).unwrap()..].to_vec())))
    };
    client.upload("app", Upload { digest, size: bytes.len() as u64, open: &mut open }, None)
}

#[test]
fn a_blob_goes_in_one_request_or_in_chunks() {
    for (length, requests) in [(0, 2), (100_000, 2), (1 << 20, 2), (3_000_000, 5)] {
        let (received, bytes) = (Received::default(), noise(1, length));
        let server = Server::start(taking(&received));
        upload(&client(&server.host()), &bytes, &sha256(&bytes)).unwrap();
        assert!(*received.lock().unwrap() == bytes, "{length}");
        assert_eq!(server.seen().len(), requests, "{length}");
    }
}

#[test]
fn after_a_break_the_rest_is_sent() {
    let (received, bytes) = (Received::default(), noise(1, 3_000_000));
    let honest = taking(&received);
    let breaks = Mutex::new(3);
    let server = Server::start(move |request| {
        let reply = honest(request);
        let mut left = breaks.lock().unwrap();
        // The bytes arrived; only the answer is lost.
        if request.method == "PATCH" && *left > 0 {
            *left -= 1;
            return reply.fault(Fault::Raw(Vec::new()));
        }
        reply
    });
    upload(&client(&server.host()), &bytes, &sha256(&bytes)).unwrap();
    assert!(*received.lock().unwrap() == bytes);
    let sent: usize = server.seen().iter().map(|request| request.body.len()).sum();
    assert_eq!(sent, bytes.len(), "no byte was sent twice");
}

#[test]
fn uploads_are_not_led_elsewhere() {
    let thief = Server::start(|_| Reply::new(201, ""));
    let bytes = noise(1, 1000);
    let places = [
        format!("http://{}/v2/app/blobs/uploads/1", thief.host()),
        "http://169.254.169.254/".to_owned(),
        "https://storage.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "//evil.example/x".to_owned(),
        "http://a b/".to_owned(),
    ];
    for place in places {
        let location = place.clone();
        let server = Server::start(move |_| Reply::new(202, "").header("location", location.clone()));
        let client = client(&server.host());
        let error = upload(&client, &bytes, &sha256(&bytes)).unwrap_err();
        assert!(matches!(error, RegistryError::Refused { .. } | RegistryError::Answer { .. }), "{place}: {error}");
        assert!(client.mount("app", &sha256(&bytes), "other").is_err(), "{place}");
        assert!(thief.seen().is_empty(), "{place}");
    }
    let redirecting = format!("http://{}/", thief.host());
    let server = Server::start(move |_| Reply::new(307, "").header("location", redirecting.clone()));
    let error = upload(&client(&server.host()), &bytes, &sha256(&bytes)).unwrap_err().to_string();
    assert!(error.contains("is not followed") && thief.seen().is_empty(), "{error}");
    let server = Server::start(|_| Reply::new(202, ""));
    assert!(upload(&client(&server.host()), &bytes, &sha256(&bytes)).is_err(), "no Location");
}

#[test]
fn a_registry_that_claims_odd_progress_is_not_believed() {
    let bytes = noise(1, 3_000_000);
    for range in ["0-9999999", "5-10", "x", "0-18446744073709551615"] {
        let server = Server::start(move |request| match request.method.as_str() {
            "HEAD" => Reply::new(404, ""),
            "PUT" => Reply::new(400, r#"{"errors":[{"code":"DIGEST_INVALID"}]}"#),
            _ => Reply::new(202, "").header("location", "/v2/app/blobs/uploads/1").header("range", range),
        });
        let error = upload(&client(&server.host()), &bytes, &sha256(&bytes)).unwrap_err().to_string();
        assert!(error.contains("says that it has") || error.contains("DIGEST_INVALID"), "{range}: {error}");
        assert!(server.seen().len() < 10);
    }
}

#[test]
fn a_registry_that_takes_a_byte_of_each_chunk_is_given_up() {
    let taken = Mutex::new(0);
    let server = Server::start(move |request| {
        let mut taken = taken.lock().unwrap();
        *taken += usize::from(request.method == "PATCH");
        let session = Reply::new(202, "").header("location", "/v2/app/blobs/uploads/1");
        if request.method == "HEAD" { Reply::new(404, "") } else { session.header("range", format!("0-{taken}")) }
    });
    let bytes = noise(1, 20_000);
    let limits = Limits { chunk: 10_000, ..limits() };
    let settings = Settings { plain_http: true, limits, ..Settings::default() };
    let client = Client::new(&server.host(), settings).unwrap();
    let error = upload(&client, &bytes, &sha256(&bytes)).unwrap_err().to_string();
    assert!(error.contains("the registry took"), "{error}");
    assert!(server.seen().len() < 500, "{}", server.seen().len());
}

#[test]
fn a_source_that_fails_is_named() {
    let server = Server::start(taking(&Received::default()));
    let digest = sha256(b"x");
    let mut open = |_: u64| -> std::io::Result<Box<dyn Read>> { Ok(Box::new(&b"too short"[..])) };
    let upload = Upload { digest: &digest, size: 1000, open: &mut open };
    let error = client(&server.host()).upload("app", upload, None).unwrap_err();
    assert!(matches!(error, RegistryError::Source { .. }), "{error}");
}

#[test]
fn mounts_are_taken_or_not() {
    let digest = sha256(b"x");
    for (status, wanted) in [(201, "Done"), (202, "Upload"), (404, "No"), (405, "No")] {
        let server = Server::start(move |_| Reply::new(status, "").header("location", "/v2/app/blobs/uploads/1"));
        let mounted = client(&server.host()).mount("app", &digest, "other/app").unwrap();
        assert!(format!("{mounted:?}").starts_with(wanted), "{mounted:?}");
        assert!(
            server.seen()[0].target.ends_with(&format!("?mount=sha256%3A{}&from=other%2Fapp", digest.hexadecimal()))
        );
        let _ = matches!(mounted, Mounted::No);
    }
    let settings = Settings { plain_http: true, limits: limits(), ..Settings::default() };
    assert!(Client::new("127.0.0.1:1", settings).unwrap().mount("app", &digest, "../x").is_err());
}
