//! The registry over real sockets, asked as clients ask.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use kfimg_images::archive::{ChunkOptions, Writing, write_chunks, write_tar};
use kfimg_images::content::Content;
use kfimg_images::hasher::sha256;
use kfimg_images::layout::{Index, media_type};
use kfimg_images::serve::ServeOptions;
use ureq::http::Method;

use crate::running::{Reply, Running};
use crate::support::Place;

fn served() -> (Place, Running) {
    let place = Place::new();
    let running = Running::start(place.content(), ServeOptions::default());
    assert!(running.faults.is_empty(), "{:?}", running.faults);
    (place, running)
}

pub(crate) const PAUSE: &str = "/v2/registry.k8s.io/pause";
pub(crate) const NGINX: &str = "/v2/docker.io/library/nginx";

#[test]
fn every_form_of_a_bundle_is_served_alike() {
    let place = Place::new();
    let (tar, chunks) = (place.path("b.tar"), place.path("b.chunks.json"));
    write_tar(&place.content(), &tar, &Writing::default()).unwrap();
    write_chunks(&place.content(), &chunks, ChunkOptions { chunk_size: 8192, parity: 0 }, &Writing::default()).unwrap();
    for path in [place.bundle.folder(), &tar, &chunks] {
        let content = Content::open(path).unwrap();
        let blobs: Vec<_> = content.blobs().map(|(digest, _)| digest.clone()).collect();
        let running = Running::start(content, ServeOptions::default());
        for digest in blobs {
            for _ in 0..2 {
                let reply = running.get(&format!("{PAUSE}/blobs/{digest}"));
                assert_eq!((reply.status, sha256(&reply.body)), (200, digest.clone()));
            }
        }
    }
}

#[test]
fn a_manifest_is_found_by_tag_digest_mirror_path_and_namespace() {
    let (_place, running) = served();
    let first = running.get(&format!("{PAUSE}/manifests/3.10.2"));
    assert_eq!((first.status, first.header("content-type")), (200, media_type::OCI_INDEX));
    let digest = sha256(&first.body).to_string();
    assert_eq!(first.header("docker-content-digest"), digest);
    assert_eq!(first.header("etag"), format!("\"{digest}\""));
    assert_eq!(first.header("docker-distribution-api-version"), "registry/2.0");
    let same = [
        format!("{PAUSE}/manifests/{digest}"),
        format!("{PAUSE}/manifests/{}", digest.replace(':', "%3A")),
        format!("{PAUSE}/manifests/3.10.2?ns=registry.k8s.io"),
        "/v2/pause/manifests/3.10.2?ns=registry.k8s.io".to_owned(),
        "/v2/_default/pause/manifests/3.10.2?ns=registry.k8s.io".to_owned(),
        format!("/v2/pause/manifests/{digest}?ns=registry.k8s.io"),
    ];
    for path in same {
        let reply = running.get(&path);
        assert_eq!((reply.status, &reply.body), (200, &first.body), "{path}");
        let head = running.ask(Method::HEAD, &path, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), first.body.len().to_string(), "{path}");
    }
    assert_eq!(running.get("/v2/library/nginx/manifests/1.29?ns=docker.io").status, 200);
    let index: Index = serde_json::from_slice(&first.body).unwrap();
    for child in index.manifests {
        assert_eq!(running.get(&format!("{PAUSE}/manifests/{}", child.digest)).status, 200);
    }
}

#[test]
fn what_is_not_there_or_not_allowed_is_said_in_the_words_of_the_specification() {
    let (_place, running) = served();
    let absent = sha256(b"absent");
    let table = [
        (Method::GET, format!("{PAUSE}/manifests/4"), 404, "MANIFEST_UNKNOWN"),
        (Method::GET, format!("{PAUSE}/manifests/{absent}"), 404, "MANIFEST_UNKNOWN"),
        (Method::GET, format!("{PAUSE}/manifests/..%2f..%2fetc"), 404, "UNSUPPORTED"),
        (Method::GET, format!("{PAUSE}/manifests/sha256:zz"), 400, "DIGEST_INVALID"),
        (Method::GET, format!("{PAUSE}/blobs/{absent}"), 404, "BLOB_UNKNOWN"),
        (Method::GET, format!("{PAUSE}/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd"), 404, "UNSUPPORTED"),
        (Method::GET, format!("{PAUSE}/blobs/latest"), 400, "DIGEST_INVALID"),
        (Method::GET, "/v2/quay.io/none/manifests/1".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/pause/manifests/3.10.2".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/pause/manifests/3.10.2?ns=..%2f..".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/_default/registry.k8s.io/pause/manifests/3.10.2".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/_default/registry.k8s.io/pause/manifests/3.10.2?ns=quay.io".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, format!("/v2/quay.io/none/blobs/{absent}"), 404, "NAME_UNKNOWN"),
        (Method::GET, "/v2/quay.io/none/tags/list".to_owned(), 404, "NAME_UNKNOWN"),
        (Method::GET, format!("/v2/quay.io/none/referrers/{absent}"), 404, "NAME_UNKNOWN"),
        (Method::GET, format!("{PAUSE}/referrers/latest"), 400, "DIGEST_INVALID"),
        (Method::GET, format!("{PAUSE}/tags/list?n=-1"), 400, "PAGINATION_NUMBER_INVALID"),
        (Method::GET, "/v2/UPPER/manifests/1".to_owned(), 400, "NAME_INVALID"),
        (Method::GET, "/".to_owned(), 404, "UNSUPPORTED"),
        (Method::POST, format!("{PAUSE}/blobs/uploads/"), 405, "UNSUPPORTED"),
        (Method::PUT, format!("{PAUSE}/manifests/1"), 405, "UNSUPPORTED"),
        (Method::DELETE, format!("{PAUSE}/manifests/3.10.2"), 405, "UNSUPPORTED"),
        (Method::PATCH, format!("{PAUSE}/blobs/uploads/1"), 405, "UNSUPPORTED"),
    ];
    for (method, path, status, code) in table {
        let reply = if matches!(method, Method::GET | Method::DELETE) {
            running.ask(method, &path, &[])
        } else {
            let (status, body) =
                raw(running.address, &format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
            Reply { status, headers: BTreeMap::new(), body }
        };
        assert_eq!(reply.status, status, "{path}: {}", reply.text());
        let error: serde_json::Value =
            serde_json::from_slice(&reply.body).unwrap_or_else(|_| panic!("{path}: {}", reply.text()));
        assert_eq!(error["errors"][0]["code"], code, "{path}");
    }
    assert_eq!((running.get("/v2/").status, running.get("/v2").status), (200, 200));
}

/// Sends bytes as they are; status and body of what comes back.
pub(crate) fn raw(address: SocketAddr, request: &str) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    // A connection that is cut may end in an error; what came before it counts.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(bytes.len(), |at| at + 4);
    let status = str::from_utf8(bytes.get(9..12).unwrap_or(b"0")).unwrap_or("0").parse().unwrap_or(0);
    (status, bytes.split_off(end))
}

#[test]
fn a_blob_is_served_in_parts_and_under_conditions() {
    let (_place, running) = served();
    let blob = vec![7; 70_000];
    let digest = sha256(&blob);
    let (path, tag) = (format!("{NGINX}/blobs/{digest}"), format!("\"{digest}\""));
    let part = |range: &str| running.ask(Method::GET, &path, &[("range", range)]);
    let table: [(&str, u16, usize, &str); 6] = [
        ("bytes=0-99", 206, 100, "bytes 0-99/70000"),
        ("bytes=69990-", 206, 10, "bytes 69990-69999/70000"),
        ("bytes=-5", 206, 5, "bytes 69995-69999/70000"),
        ("bytes=60000-999999", 206, 10_000, "bytes 60000-69999/70000"),
        ("bytes=70000-", 416, 0, "bytes */70000"),
        ("bytes=0-1,5-6", 200, 70_000, ""),
    ];
    for (range, status, length, content_range) in table {
        let reply = part(range);
        assert_eq!((reply.status, reply.body.len()), (status, length), "{range}");
        assert_eq!(reply.header("content-range"), content_range, "{range}");
    }
    let whole = running.get(&path);
    assert_eq!((whole.status, whole.header("accept-ranges"), whole.header("etag")), (200, "bytes", tag.as_str()));
    for (headers, status) in [
        (vec![("if-none-match", tag.as_str())], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("range", "bytes=0-0"), ("if-range", tag.as_str())], 206),
        (vec![("range", "bytes=0-0"), ("if-range", "\"other\"")], 200),
    ] {
        let reply = running.ask(Method::GET, &path, &headers);
        assert_eq!(reply.status, status, "{headers:?}");
        assert_eq!(reply.body.is_empty(), status == 304);
    }
    let head = running.ask(Method::HEAD, &path, &[]);
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "70000", 0));
    let manifest = format!("{NGINX}/manifests/1.29");
    let etag = running.get(&manifest).header("etag").to_owned();
    assert_eq!(running.ask(Method::GET, &manifest, &[("if-none-match", &etag)]).status, 304);
}

#[test]
fn tags_and_repositories_come_in_pages() {
    let mut place = Place::new();
    for tag in ["a", "b", "c", "d", "e"] {
        let image = place.bundle.image("amd64", &[tag.as_bytes()]);
        place.bundle.name(&format!("quay.io/many/tags:{tag}"), image);
    }
    place.bundle.finish();
    let running = Running::start(place.content(), ServeOptions::default());
    for (start, key, wanted) in [
        ("/v2/quay.io/many/tags/tags/list?n=2", "tags", vec!["a", "b", "c", "d", "e"]),
        ("/v2/many/tags/tags/list?n=3&ns=quay.io", "tags", vec!["a", "b", "c", "d", "e"]),
        (
            "/v2/_catalog?n=1",
            "repositories",
            vec![
                "docker.io/library/nginx",
                "kfimg.invalid/binary/kubelet",
                "quay.io/many/tags",
                "registry.k8s.io/pause",
            ],
        ),
    ] {
        let (mut path, mut names) = (start.to_owned(), Vec::new());
        while !path.is_empty() {
            let reply = running.get(&path);
            assert_eq!(reply.status, 200, "{path}");
            let page: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
            names.extend(page[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()));
            let link = reply.header("link");
            assert!(link.is_empty() || link.ends_with(">; rel=\"next\""), "{link}");
            path = link.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        }
        assert_eq!(names, wanted, "{start}");
    }
}

#[test]
fn referrers_are_listed_and_filtered() {
    let (place, running) = served();
    let content = place.content();
    let nginx =
        content.index().manifests.iter().find(|m| m.reference() == Some("docker.io/library/nginx:1.29")).unwrap();
    let path = format!("{NGINX}/referrers/{}", nginx.digest);
    let list = |path: &str| -> (Reply, Index) {
        let reply = running.get(path);
        assert_eq!((reply.status, reply.header("content-type")), (200, media_type::OCI_INDEX));
        let index = serde_json::from_slice(&reply.body).unwrap();
        (reply, index)
    };
    let (_, all) = list(&path);
    assert_eq!(all.manifests.len(), 1);
    assert_eq!(all.manifests[0].artifact_type.as_deref(), Some("application/vnd.example.signature.v1"));
    assert_eq!(running.get(&format!("{NGINX}/manifests/{}", all.manifests[0].digest)).status, 200);
    let (reply, kept) = list(&format!("{path}?artifactType=application%2Fvnd.example.signature.v1"));
    assert_eq!((kept.manifests.len(), reply.header("oci-filters-applied")), (1, "artifactType"));
    assert!(list(&format!("{path}?artifactType=other")).1.manifests.is_empty());
    assert!(list(&format!("{NGINX}/referrers/{}", sha256(b"nobody"))).1.manifests.is_empty());
}
