//! Host programs that are cut, wrong, or from a server without TLS.

use crate::asked::{all_said, make, program, request, serve};
use crate::support::registries;
use crate::support::sample::{Sample, assert_nothing_wrong, range};
use crate::support::server::{Fault, Reply, Server};
use kfimg_images::component::Architecture::Amd64;
use kfimg_images::create::Output;
use kfimg_images::hasher::sha256;
use std::sync::Mutex;

#[test]
fn a_host_program_that_is_cut_is_gone_on_with() {
    let file = program(Amd64);
    let cut = 150_000;
    let served = file.clone();
    let tries = Mutex::new(0);
    let server = Server::start(move |request| match (request.method.as_str(), request.path()) {
        (_, "/sums") => Reply::new(200, sha256(&served).hexadecimal().to_owned()),
        ("HEAD", _) => Reply::new(405, ""),
        _ => {
            let mut tries = tries.lock().unwrap();
            *tries += 1;
            let reply = range(&served, request.header("range"));
            // The first answer only tells the size, because HEAD is refused.
            if *tries == 2 { reply.fault(Fault::Cut(cut)) } else { reply }
        }
    });
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let mut request = request(&host, &[Amd64]);
    request.references.clear();
    let created = make(&request, places.path(), &Output::Folder, &registries(&[&host], |_| {})).unwrap();
    assert_eq!(created.received, file.len() as u64, "no byte came twice");
    let ranges: Vec<String> =
        server.seen().iter().filter_map(|request| request.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [format!("bytes={cut}-")]);
    assert_nothing_wrong(places.path());
}

#[test]
fn a_host_program_that_is_wrong_is_not_kept() {
    let file = program(Amd64);
    let digits = sha256(&file).hexadecimal().to_owned();
    let mut flipped = file.clone();
    flipped[1234] ^= 1;
    let sums = Reply::new(200, digits);
    let table = [
        ("another file", sums.clone(), Reply::new(200, flipped), "has the digest"),
        ("a shorter file", sums.clone(), Reply::new(200, &file[..9000]), "has the digest"),
        ("an endless file", sums.clone(), Reply::new(200, "").fault(Fault::Endless), "Content-Length"),
        ("a giant", sums.clone(), Reply::new(200, "").header("content-length", "9999999999999"), "at most"),
        ("no file", sums.clone(), Reply::new(404, ""), "not found"),
        ("this machine", sums.clone(), Reply::new(302, "").header("location", "http://127.0.0.1:1/x"), "leads to"),
        ("no checksums", Reply::new(404, ""), Reply::new(200, file.clone()), "not found"),
        ("a page", Reply::new(200, "<html>"), Reply::new(200, file.clone()), "only 0-9 and a-f"),
        ("endless checksums", Reply::new(200, "").fault(Fault::Endless), Reply::new(200, file.clone()), "more than"),
        ("half of the checksums", sums.clone().fault(Fault::Cut(10)), Reply::new(200, file.clone()), "broke off"),
    ];
    for (name, sums, reply, wanted) in table {
        let server = Server::start(move |request| if request.path() == "/sums" { sums.clone() } else { reply.clone() });
        let (host, places) = (server.host(), tempfile::tempdir().unwrap());
        let mut request = request(&host, &[Amd64]);
        request.references.clear();
        let error = make(&request, places.path(), &Output::Folder, &registries(&[&host], |_| {})).unwrap_err();
        let said = all_said(&error);
        assert!(said.contains(wanted), "{name}: {said}");
        assert_nothing_wrong(places.path());
        assert!(!places.path().join("bundle.json").exists(), "{name}: a bundle that is not finished has none");
        assert!(server.seen().iter().all(|request| request.header("authorization").is_none()));
    }
}

#[test]
fn plain_http_only_when_said() {
    let sample = Sample::default();
    let server = serve(&sample);
    let (host, places) = (server.host(), tempfile::tempdir().unwrap());
    let mut request = request(&host, &[Amd64]);
    request.references.clear();
    let error = make(&request, places.path(), &Output::Folder, &registries(&[], |_| {})).unwrap_err();
    assert!(all_said(&error).contains("has no TLS"), "{}", all_said(&error));
    assert!(server.seen().is_empty());
}
