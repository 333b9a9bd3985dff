//! Authorities that people bring, made by openssl: each kind that works, and each that must be refused by name.

#![allow(clippy::unwrap_used, reason = "tests")]

mod openssl;

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use kfimg_pki::{BroughtCa, Ca, Error, Request, Secret, State, check};
use openssl::{CA, LONG, P256, P384, RSA, Recipe, make};

fn recipe<'a>(name: &'a str, issuer: &'a str, key: &'a str) -> Recipe<'a> {
    Recipe { name, issuer, key, extensions: CA, window: LONG, subject: "/O=Example/CN=Example CA" }
}

fn root(name: &str) -> Recipe<'_> {
    Recipe { subject: "/DC=com/DC=example/CN=Example Root", ..recipe(name, name, P256) }
}

fn read(folder: &Path, files: &[&str]) -> Vec<u8> {
    files.iter().flat_map(|file| fs::read(folder.join(file)).unwrap()).collect()
}

fn bring(folder: &Path, chain: &[&str], key: &str) -> Request {
    let mut request = Request::fake(1, 1);
    let brought = BroughtCa {
        source: format!("{} and {key}", chain.join(" + ")),
        chain_pem: read(folder, chain),
        key_pem: Secret::new(fs::read_to_string(folder.join(key)).unwrap()),
    };
    request.brought.insert(Ca::Kubernetes, brought);
    request
}

/// Issues everything into `state`, then asks openssl about a server and a client.
fn issue_and_verify(folder: &Path, request: &Request) {
    let now = Timestamp::now();
    let problems = check(request, now);
    assert!(problems.is_empty(), "{problems:?}");
    let path = folder.join("state");
    let (mut state, _) = State::open(&path, "fake", now).unwrap().ensure(request, now).unwrap();
    state.commit().unwrap();
    drop(state);
    let (mut state, _) = State::open(&path, "fake", now).unwrap().ensure(request, now).unwrap();
    assert!(!state.commit().unwrap(), "a brought authority is taken once");
    let parts = openssl::take_apart(&path);
    for (leaf, purpose) in [("apiserver", "sslserver"), ("controller-manager", "sslclient")] {
        let file = format!("nodes/master-1/{leaf}.crt");
        let verify =
            ["verify", "-x509_strict", "-purpose", purpose, "-CAfile", "pki/ca.crt", "-untrusted", &file, &file];
        openssl::run(parts.path(), &verify).unwrap();
    }
}

#[test]
fn roots_and_intermediates_with_any_usual_key_sign_what_openssl_accepts() {
    for (index, key) in [P256, P384, RSA].into_iter().enumerate() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path();
        make(folder, root("root"));
        make(folder, recipe("middle", "root", key));
        make(folder, recipe("issuing", "middle", key));
        // What `openssl ecparam -genkey` and older `genrsa` write.
        let own = ["issuing.key", "old.key", "old.key"][index];
        if index > 0 {
            openssl::must(folder, "pkey -traditional -in issuing.key -out old.key");
        }
        issue_and_verify(folder, &bring(folder, &["issuing.crt", "middle.crt", "root.crt"], own));
        let parts = openssl::take_apart(&folder.join("state"));
        let served = fs::read_to_string(parts.path().join("nodes/worker-1/kubelet-serving.crt")).unwrap();
        assert_eq!(served.matches("BEGIN").count(), 3, "leaf and both intermediates, not the root");
    }
    for key in [P256, RSA] {
        let temporary = tempfile::tempdir().unwrap();
        make(temporary.path(), Recipe { key, ..root("root") });
        issue_and_verify(temporary.path(), &bring(temporary.path(), &["root.crt"], "root.key"));
    }
}

#[test]
fn a_client_needs_only_the_issuing_certificate_and_a_server_offers_the_rest() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    make(folder, root("root"));
    make(folder, recipe("issuing", "root", P256));
    let request = bring(folder, &["issuing.crt", "root.crt"], "issuing.key");
    let now = Timestamp::now();
    let (state, _) = State::open(&folder.join("state"), "fake", now).unwrap().ensure(&request, now).unwrap();
    let ca = state.credentials().ca(Ca::Kubernetes).unwrap();
    assert_eq!(ca.issuing_pem.as_bytes(), read(folder, &["issuing.crt"]));
    assert_eq!(ca.bundle_pem.as_bytes(), read(folder, &["issuing.crt", "root.crt"]));
}

/// Makes what the refused cases need.
fn make_all(folder: &Path) {
    let extension = |base: &str, from: &str, to: &str| base.replace(from, to);
    let short = extension(CA, "CA:TRUE", "CA:TRUE,pathlen:0");
    let leaf = extension(CA, "CA:TRUE", "CA:FALSE");
    let no_sign = extension(CA, "keyCertSign,cRLSign", "digitalSignature");
    let server_only = format!("{CA}\nextendedKeyUsage=serverAuth");
    let constrained = format!("{CA}\nnameConstraints=critical,permitted;DNS:example.com");
    make(folder, root("root"));
    make(folder, Recipe { extensions: &short, ..root("short-root") });
    make(folder, Recipe { window: ("20200101000000Z", "20210101000000Z"), ..root("old-root") });
    make(folder, Recipe { window: ("20500101000000Z", "20600101000000Z"), ..root("young-root") });
    make(folder, recipe("issuing", "root", P256));
    make(folder, recipe("below-short", "short-root", P256));
    make(folder, recipe("stranger", "short-root", P256));
    for (name, extensions) in
        [("leaf", &leaf), ("no-sign", &no_sign), ("server-only", &server_only), ("constrained", &constrained)]
    {
        make(folder, Recipe { extensions, ..recipe(name, "root", P256) });
    }
    openssl::must(folder, "pkey -in root.key -aes256 -passout pass:secret -out encrypted.key");
    fs::write(folder.join("text.crt"), "hello\n").unwrap();
    let torn = fs::read_to_string(folder.join("root.crt")).unwrap();
    fs::write(folder.join("torn.crt"), &torn[..torn.len() / 2]).unwrap();
}

#[test]
fn each_unusable_authority_is_refused_with_its_reason() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    make_all(folder);
    let table: [(&[&str], &str, &str); 16] = [
        (&["root.crt", "issuing.crt"], "root.key", "put the issuing certificate first"),
        (&["issuing.crt"], "issuing.key", "append the certificate of its issuer"),
        (&["issuing.crt", "short-root.crt"], "issuing.key", "allows fewer than 1 CAs below it (pathlen)"),
        (&["stranger.crt", "root.crt"], "stranger.key", "its signature was not made with the key of"),
        (&["below-short.crt", "short-root.crt"], "below-short.key", "pathlen"),
        (&["leaf.crt", "root.crt"], "leaf.key", "is not a CA"),
        (&["no-sign.crt", "root.crt"], "no-sign.key", "lacks keyCertSign"),
        (&["server-only.crt", "root.crt"], "server-only.key", "limited by extendedKeyUsage"),
        (&["constrained.crt", "root.crt"], "constrained.key", "name constraints"),
        (&["root.crt"], "issuing.key", "not the key of the certificate"),
        (&["root.crt"], "encrypted.key", "openssl pkey -in"),
        (&["root.crt"], "root.crt", "no readable private key"),
        (&["text.crt"], "root.key", "holds no certificate"),
        (&["torn.crt"], "root.key", "not readable PEM"),
        (&["old-root.crt"], "old-root.key", "expired: kubernetes CA (2021-01-01T00:00:00Z)"),
        (&["young-root.crt"], "young-root.key", "not valid before 2050-01-01T00:00:00Z"),
    ];
    let now = Timestamp::now();
    for (chain, key, reason) in table {
        let request = bring(folder, chain, key);
        let problems = check(&request, now);
        assert_eq!(problems.len(), 1, "{chain:?}: {problems:?}");
        assert!(problems[0].to_string().contains(reason), "{chain:?}: {}", problems[0]);
        let state = folder.join("refused");
        let error = State::open(&state, "fake", now).unwrap().ensure(&request, now).unwrap_err();
        assert!(error.to_string().contains(reason), "{chain:?}: {error}");
        assert!(!state.join("state.json").exists(), "nothing is written");
    }
}

#[test]
fn a_window_beyond_the_authority_is_refused_by_name() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let now = Timestamp::now();
    let year = now.to_string()[..4].parse::<i32>().unwrap() + 1;
    let end = format!("{year}0601000000Z");
    make(folder, Recipe { window: (LONG.0, &end), ..root("root") });
    let request = bring(folder, &["root.crt"], "root.key");
    let problems = check(&request, now);
    assert!(matches!(problems[..], [Error::BeyondCa { ca: "kubernetes", .. }]), "{problems:?}");
    let error = State::open(&folder.join("state"), "fake", now).unwrap().ensure(&request, now).unwrap_err();
    assert!(error.to_string().contains(&format!("but the CA ends {year}-06-01T00:00:00Z")), "{error}");
}

#[test]
fn the_same_authority_twice_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    make(folder, root("root"));
    let mut request = bring(folder, &["root.crt"], "root.key");
    request.brought.insert(Ca::Etcd, request.brought[&Ca::Kubernetes].clone());
    let problems = check(&request, Timestamp::now());
    assert!(problems[0].to_string().contains("the same key as the kubernetes CA"), "{problems:?}");
}

#[test]
fn another_authority_than_the_states_is_refused_and_leaving_it_out_is_fine() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    make(folder, root("root"));
    make(folder, root("other"));
    issue_and_verify(folder, &bring(folder, &["root.crt"], "root.key"));
    let now = Timestamp::now();
    let reopen = || State::open(&folder.join("state"), "fake", now).unwrap();
    let error = reopen().ensure(&bring(folder, &["other.crt"], "other.key"), now).unwrap_err();
    assert!(matches!(error, Error::CaChanged { ca: "kubernetes", .. }), "{error}");
    let (mut state, _) = reopen().ensure(&Request::fake(1, 1), now).unwrap();
    assert!(!state.commit().unwrap());
}
