//! Registries that lie, stall, flood and lure. In each case: a clear error, soon, nothing wrong stored, and no secret told.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::hasher::sha256;
use kfimg_images::layout::media_type::{OCI_INDEX, OCI_MANIFEST};
use kfimg_images::layout::{Descriptor, Index};
use kfimg_images::pull::PullError;
use kfimg_images::receipt;
use kfimg_images::registry::{Client, Proxies, RegistryError, Settings};
use kfimg_images::store::Store;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use support::sample::{GZIP_LAYER, Sample, assert_nothing_wrong, noise};
use support::server::{Fault, Reply, Request, Server};
use support::{bounded_pull, client, impatient, pull_from, said};

/// What a registry answers instead of the honest answer; `None`: the honest one.
type Lie = Box<dyn Fn(&Request, &Sample) -> Option<Reply> + Send + Sync>;

fn on(part: &'static str, lie: impl Fn(Reply, &Request) -> Reply + Send + Sync + 'static) -> Lie {
    Box::new(move |request, sample| request.path().contains(part).then(|| lie(sample.answer(request), request)))
}

/// Pulls from a registry that lies; returns the error, and how often it was asked.
fn lied_to(lie: Lie) -> (String, usize) {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 300_000));
    sample.image("amd64", vec![layer]);
    let server = Server::start(move |request| lie(request, &sample).unwrap_or_else(|| sample.answer(request)));
    let folder = tempfile::tempdir().unwrap();
    let error = bounded_pull(impatient(), &server.host(), folder.path()).unwrap_err();
    assert!(matches!(error, PullError::Incomplete(_)), "{error}");
    assert_nothing_wrong(folder.path());
    assert!(Store::open(folder.path()).unwrap().index().unwrap().is_empty(), "an incomplete image is not listed");
    (said(&error), server.seen().len())
}

/// Each lie, by its name, ends soon and in an error that contains the wanted words.
fn each_is_told(table: Vec<(&str, Lie, &str)>) {
    for (name, lie, wanted) in table {
        let (error, asked) = lied_to(lie);
        assert!(error.contains(wanted), "{name}: {error}");
        assert!(asked < 20, "{name}: asked {asked} times");
    }
}

#[test]
fn lies_about_blobs() {
    let table: Vec<(&str, Lie, &str)> = vec![
        (
            "wrong bytes",
            on("/blobs/", |reply, _| Reply { body: vec![0; reply.body.len()], ..reply }),
            "has the digest sha256:",
        ),
        ("endless", on("/blobs/", |reply, _| reply.fault(Fault::Endless)), "more than its"),
        (
            "too long",
            on("/blobs/", |reply, _| Reply { body: vec![0; 400_000], ..reply }),
            "the answer promises 400000 bytes",
        ),
        (
            "too short",
            on("/blobs/", |reply, _| Reply { body: reply.body[1..].to_vec(), ..reply }),
            "are missing of this blob",
        ),
        ("cut at once", on("/blobs/", |reply, _| reply.fault(Fault::Cut(0))), "broke off"),
        (
            "absurd length",
            on("/blobs/", |reply, _| reply.header("content-length", "18446744073709551615")),
            "18446744073709551615",
        ),
        (
            "no length at all",
            on("/blobs/", |_, _| Reply::default().fault(Fault::Raw(b"HTTP/1.1 200 OK\r\n\r\nabc".to_vec()))),
            "ended after 3 of",
        ),
        ("drip", on("/blobs/", |reply, _| reply.fault(Fault::Drip(1, Duration::from_millis(15)))), "is stuck"),
        ("silence", on("/blobs/", |reply, _| reply.fault(Fault::Silent)), "in time"),
        ("no HTTP", on("/blobs/", |reply, _| reply.fault(Fault::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()))), "/blobs/"),
        ("huge header", on("/blobs/", |reply, _| reply.header("x-much", "x".repeat(200_000))), "/blobs/"),
        ("not found", on("/blobs/", |_, _| Reply::new(404, "<html>no</html>")), "not found"),
        (
            "many ranges",
            on("/blobs/", |reply, _| Reply {
                status: 206,
                ..reply.header("content-type", "multipart/byteranges; boundary=x")
            }),
            "Content-Range",
        ),
    ];
    each_is_told(table);
}

#[test]
fn lies_about_documents() {
    let schema_1 = r#"{"schemaVersion":1,"name":"app","tag":"1","fsLayers":[{"blobSum":"sha256:00"}],"history":[]}"#;
    let manifest =
        |body: &'static str| on("/manifests/", move |_, _| Reply::new(200, body).header("content-type", OCI_MANIFEST));
    let blob = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let both = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{blob}","size":0}},"layers":[],"manifests":[]}}"#
    );
    let traversal = r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../../../etc/cron.d/evil","size":0},"layers":[]}"#;
    let sizes = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{blob}","size":0}},"layers":[{{"mediaType":"x","digest":"{blob}","size":9}}]}}"#
    );
    let typed = |body: String, media_type: &'static str| {
        on("/manifests/", move |_, _| Reply::new(200, body.clone()).header("content-type", media_type))
    };
    let table: Vec<(&str, Lie, &str)> = vec![
        (
            "another digest than the header",
            on("/manifests/", |reply, _| Reply { body: b"{}".to_vec(), ..reply }),
            "has the digest sha256:",
        ),
        (
            "a digest that is none",
            on("/manifests/", |reply, _| reply.header("docker-content-digest", "sha256:../x")),
            "Docker-Content-Digest",
        ),
        (
            "a huge length",
            on("/manifests/", |reply, _| reply.header("content-length", "99999999999")),
            "more than 4194304 bytes",
        ),
        ("an endless one", on("/manifests/", |reply, _| reply.fault(Fault::Endless)), "more than 4194304 bytes"),
        ("a page", typed("<html>".to_owned(), "text/html"), "neither an index nor a manifest"),
        ("no type", on("/manifests/", |_, _| Reply::new(200, "{}")), "neither an index nor a manifest"),
        ("another type", on("/manifests/", |reply, _| reply.header("content-type", OCI_INDEX)), "calls itself"),
        ("two kinds at once", typed(both, OCI_MANIFEST), "which that type does not have"),
        (
            "schema 1 by type",
            typed(schema_1.to_owned(), "application/vnd.docker.distribution.manifest.v1+prettyjws"),
            "schema 1",
        ),
        ("schema 1 by content", manifest(schema_1), "schema 1"),
        ("no JSON", manifest("{"), "malformed"),
        ("a digest that is a path", manifest(traversal), "malformed"),
        ("two sizes of one blob", typed(sizes, OCI_MANIFEST), "bytes by one document"),
        (
            "deep JSON",
            on("/manifests/", |_, _| Reply::new(200, "[".repeat(100_000)).header("content-type", OCI_MANIFEST)),
            "malformed",
        ),
        ("silence", on("/manifests/", |reply, _| reply.fault(Fault::Silent)), "in time"),
        ("a drip", on("/manifests/", |reply, _| reply.fault(Fault::Drip(1, Duration::from_millis(15)))), "is stuck"),
        ("a cut", on("/manifests/", |reply, _| reply.fault(Fault::Cut(10))), "broke off"),
    ];
    each_is_told(table);
}

#[test]
fn a_pinned_manifest_is_hashed_whatever_the_header_says() {
    let server = Server::start(|_| Reply::new(200, r#"{"schemaVersion":2}"#).header("content-type", OCI_MANIFEST));
    let digest = sha256(b"something else");
    let error = client(&server.host()).manifest("app", digest.as_str()).unwrap_err();
    assert!(matches!(error, RegistryError::Digest { wanted, .. } if wanted == digest));
}

#[test]
fn indexes_that_nest_for_ever_have_an_end() {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 100));
    let mut inner = sample.image("amd64", vec![layer]);
    for _ in 0..30 {
        inner = sample.index(vec![inner]);
    }
    let server = Server::start(move |request| sample.answer(request));
    let folder = tempfile::tempdir().unwrap();
    let error = pull_from(&server.host(), folder.path()).unwrap_err();
    assert!(said(&error).contains("deeper than 8"), "{}", said(&error));
    assert!(server.seen().len() < 15);
}

#[test]
fn busy_registries_are_asked_again_within_bounds() {
    for status in [429, 500, 502, 503, 504] {
        let (error, asked) = lied_to(on("/manifests/", move |_, _| Reply::new(status, "busy\u{1b}[31m")));
        assert!(error.contains(&format!("status {status}: busy [31m")), "{error}");
        assert_eq!(asked, 3);
    }
    let (error, asked) = lied_to(on("/manifests/", |_, _| Reply::new(429, "").header("retry-after", "21600")));
    assert!(error.contains("no more requests for 21600 seconds"), "{error}");
    assert_eq!(asked, 1);
    let (error, asked) =
        lied_to(on("/manifests/", |_, _| Reply::new(403, r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#)));
    assert!(error.contains("DENIED: not yours") && asked == 1, "{error}");

    let mut sample = Sample::default();
    sample.two_architectures(1);
    let count = AtomicUsize::new(0);
    let server = Server::start(move |request| match count.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => Reply::new(503, "").header("retry-after", "0"),
        _ => sample.answer(request),
    });
    let folder = tempfile::tempdir().unwrap();
    pull_from(&server.host(), folder.path()).unwrap();
}

#[test]
fn redirects_lead_nowhere_inside() {
    let inside = Arc::new(Server::start(|_| Reply::new(200, "the secret of this machine")));
    let port = inside.host().rsplit_once(':').unwrap().1.to_owned();
    let special = "addresses of this machine, of the link and of clouds' metadata are not asked";
    let no_host = "is neither a host name nor an address";
    let places = [
        (format!("http://127.0.0.1:{port}/"), special),
        (format!("http://127.0.0.2:{port}/"), special),
        (format!("http://localhost:{port}/"), special),
        (format!("http://[::ffff:127.0.0.1]:{port}/"), special),
        (format!("http://0.0.0.0:{port}/"), special),
        ("http://169.254.169.254/latest/meta-data/".to_owned(), special),
        ("http://[fe80::1]/".to_owned(), special),
        ("http://[fd00:ec2::254]/latest/".to_owned(), special),
        (format!("http://2130706433:{port}/"), no_host),
        (format!("http://0x7f.1:{port}/"), no_host),
        ("file:///etc/passwd".to_owned(), "is no URL of http or https"),
        ("gopher://127.0.0.1/".to_owned(), "is no URL of http or https"),
        ("http://user:password@storage.local/".to_owned(), "is a URL with a user in it"),
        (String::new(), "more than 3 redirects"),
    ];
    for (place, wanted) in places {
        for part in ["/manifests/", "/blobs/"] {
            let location = place.clone();
            let (error, asked) = lied_to(on(part, move |_, request| {
                // An empty Location means the same URL again.
                let location = if location.is_empty() { request.target.clone() } else { location.clone() };
                Reply::new(307, "").header("location", location)
            }));
            assert!(error.contains(wanted), "{place} by {part}: {error}");
            assert!(!error.contains("password") && asked < 20, "{place}: {error}");
            assert!(inside.seen().is_empty(), "{place}");
        }
    }
    let (error, _) = lied_to(on("/blobs/", |_, _| Reply::new(307, "")));
    assert!(error.contains("without a readable Location"), "{error}");
}

#[test]
fn names_that_leave_their_place_are_not_asked_for() {
    let server = Server::start(|_| Reply::new(200, "{}"));
    let client = client(&server.host());
    for repository in
        ["../app", "app/..", "app/./x", "", "/app", "app/", "app?x", "app#x", "App", "a b", "a\r\nb", "app/%2e%2e"]
    {
        assert!(matches!(client.manifest(repository, "1"), Err(RegistryError::Name { .. })), "{repository}");
        assert!(matches!(client.tags(repository, 10), Err(RegistryError::Name { .. })), "{repository}");
    }
    for reference in ["..", "../x", "a/b", "a?b", "", "sha256:../../x", "sha256:00", "md5:00", "-a", "a b", "a\nb"] {
        assert!(matches!(client.manifest("app", reference), Err(RegistryError::Name { .. })), "{reference}");
        assert!(client.put_manifest("app", reference, OCI_MANIFEST, b"{}").is_err(), "{reference}");
    }
    for host in ["", "a/b", "user@host", "http://x", "x:0", "x:y", "[::1", "0x7f.1", "a\nb"] {
        let settings = Settings::default();
        assert!(matches!(Client::new(host, settings), Err(RegistryError::Name { .. })), "{host}");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn lists_have_an_end_and_stay_where_they_are() {
    let thief = Server::start(|_| Reply::new(200, "{}"));
    let elsewhere = format!("<http://{}/v2/app/tags/list?last=a>; rel=\"next\"", thief.host());
    let server = Server::start(move |_| Reply::new(200, r#"{"tags":["a"]}"#).header("link", elsewhere.clone()));
    let error = client(&server.host()).tags("app", 10).unwrap_err();
    assert!(matches!(&error, RegistryError::Refused { what: "next page", .. }), "{error}");
    assert!(thief.seen().is_empty());

    let page = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let number = page.fetch_add(1, Ordering::SeqCst);
        let link = format!("</v2/app/tags/list?last={number}>; rel=\"next\"");
        Reply::new(200, format!(r#"{{"tags":["t{number}"]}}"#)).header("link", link)
    });
    let error = client(&server.host()).tags("app", 1000).unwrap_err().to_string();
    assert!(error.contains("more than 20 pages"), "{error}");
    assert_eq!(client(&server.host()).tags("app", 5).unwrap().len(), 5);

    for (body, wanted) in [
        (r#"{"tags":["../../etc","ok","a b",""]}"#, Ok(vec!["ok".to_owned()])),
        (r#"{"tags":null}"#, Ok(vec![])),
        ("[]", Err("malformed")),
    ] {
        let server = Server::start(move |_| Reply::new(200, body).header("link", "</v2/app/tags/list?n=10>; rel=next"));
        match (client(&server.host()).tags("app", 10), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
            (Err(error), Err(wanted)) => assert!(error.to_string().contains(wanted), "{error}"),
            // The page that leads to itself brings nothing new.
            (Err(error), Ok(_)) => assert!(error.to_string().contains("this page"), "{error}"),
            (found, _) => panic!("{body}: {found:?}"),
        }
    }
    let endless = Server::start(|_| Reply::new(200, "").fault(Fault::Endless));
    let error = client(&endless.host()).tags("app", 10).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    let page = Server::start(|_| Reply::new(200, "{}").header("content-type", "text/html"));
    let error = client(&page.host()).referrers("app", &sha256(b"x"), None).unwrap_err();
    assert!(matches!(error, RegistryError::Document { .. }), "{error}");
}

#[test]
fn a_catalog_has_an_end_and_stays_where_it_is() {
    let thief = Server::start(|_| Reply::new(200, r#"{"repositories":["stolen"]}"#));
    let elsewhere = format!("<http://{}/v2/_catalog?last=a>; rel=\"next\"", thief.host());
    let server = Server::start(move |_| Reply::new(200, r#"{"repositories":["a"]}"#).header("link", elsewhere.clone()));
    let error = client(&server.host()).catalog(10).unwrap_err();
    assert!(matches!(&error, RegistryError::Refused { what: "next page", .. }), "{error}");
    assert!(thief.seen().is_empty());

    let page = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let number = page.fetch_add(1, Ordering::SeqCst);
        let link = format!("</v2/_catalog?last={number}>; rel=\"next\"");
        Reply::new(200, format!(r#"{{"repositories":["r{number}","../up","r{number}/x y"]}}"#)).header("link", link)
    });
    let error = client(&server.host()).catalog(1000).unwrap_err().to_string();
    assert!(error.contains("more than 20 pages"), "{error}");
    let found = client(&server.host()).catalog(3).unwrap();
    assert!(found.len() == 3 && found.iter().all(|name| name.starts_with('r') && !name.contains('/')), "{found:?}");

    let options = receipt::Options::default();
    for (reply, wanted) in [
        (Reply::new(200, "[]"), "the list of repositories is malformed"),
        (Reply::new(200, "").fault(Fault::Endless), "more than"),
        (Reply::new(404, ""), "not found"),
        (Reply::new(405, ""), "405"),
        (Reply::new(401, ""), "wants a login"),
    ] {
        let server = Server::start(move |_| reply.clone());
        let error = receipt::take_all(&client(&server.host()), &options, &|_| {}).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn referrers_with_endless_notes_are_refused() {
    let page = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let mut entry = Descriptor::new(OCI_MANIFEST, sha256(b"x"), 1);
        entry.annotations.insert("note".to_owned(), "x".repeat(2 << 20));
        let link = format!("</v2/app/referrers/x?last={}>; rel=\"next\"", page.fetch_add(1, Ordering::SeqCst));
        Reply::new(200, Index::of(vec![entry]).to_bytes()).header("link", link).header("content-type", OCI_INDEX)
    });
    let error = client(&server.host()).referrers("app", &sha256(b"x"), None).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { limit: 0x100_0000, .. }), "{error}");
}

#[test]
fn a_redirect_is_followed_through_a_proxy_on_this_machine() {
    let proxy = Server::start(|request| match request.method.as_str() {
        "CONNECT" => Reply::new(200, ""),
        _ => Reply::new(200, "the blob"),
    });
    let registry = Server::start(|_| Reply::new(307, "").header("location", "http://storage.invalid/blob"));
    let proxies = Proxies::new(None, Some(format!("http://{}", proxy.host())), "");
    let settings = Settings { plain_http: true, limits: support::limits(), proxies, ..Settings::default() };
    let mut body = Client::new(&registry.host(), settings).unwrap().blob("app", &sha256(b"the blob"), 0).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut body, &mut bytes).unwrap();
    assert_eq!(bytes, b"the blob");
    assert_eq!(proxy.seen()[0].target, "storage.invalid:80");
}
