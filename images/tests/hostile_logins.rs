//! Registries and token services that want to be told who asks: logins and tokens go where they belong, and nowhere else.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::hasher::sha256;
use kfimg_images::registry::{Client, Credential, RegistryError, Secret, Settings};
use support::sample::{GZIP_LAYER, Sample, noise};
use support::server::{Fault, Reply, Server};
use support::{client, limits};

const PASSWORD: &str = "correct-horse-battery";

/// A registry that wants a bearer token from `realm`, or basic authentication when that is empty.
fn wanting(realm: String) -> Server {
    let mut sample = Sample::default();
    let layer = sample.blob(GZIP_LAYER, noise(1, 3000));
    sample.image("amd64", vec![layer]);
    Server::start(move |request| {
        let wanted = if realm.is_empty() { "Basic ".to_owned() } else { "Bearer a-token".to_owned() };
        if request.header("authorization").is_some_and(|value| value.starts_with(&wanted)) {
            return sample.answer(request);
        }
        let challenge = match realm.as_str() {
            "" => "Basic realm=\"x\"".to_owned(),
            realm => format!("Bearer realm=\"{realm}\",service=\"registry\",scope=\"repository:app:pull,push,delete\""),
        };
        Reply::new(401, "").header("www-authenticate", challenge)
    })
}

fn logged_in(host: &str, trusted: &[String]) -> Client {
    let password = Secret::new(PASSWORD.to_owned());
    let settings = Settings {
        plain_http: true,
        limits: limits(),
        trusted_hosts: trusted.to_vec(),
        credential: Some(Credential::Password { user: "ada".to_owned(), password }),
        ..Settings::default()
    };
    Client::new(host, settings).unwrap()
}

fn tokens() -> Server {
    Server::start(|_| Reply::new(200, r#"{"token":"a-token","expires_in":300}"#))
}

#[test]
fn a_login_goes_to_the_token_service_that_is_trusted_and_to_no_other() {
    let (token_service, thief) = (tokens(), tokens());
    let registry = wanting(format!("http://{}/token", thief.host()));
    let error = logged_in(&registry.host(), &[]).manifest("app", "1").unwrap_err();
    assert!(matches!(&error, RegistryError::Refused { what: "token realm", .. }), "{error}");
    assert!(thief.seen().is_empty());
    assert!(
        registry.seen().iter().all(|request| request.header("authorization").is_none()),
        "no password before it is asked for"
    );

    let registry = wanting(format!("http://{}/token?account=x", token_service.host()));
    let client = logged_in(&registry.host(), &[token_service.host()]);
    client.manifest("app", "1").unwrap();
    client.manifest("app", "1").unwrap();
    assert_eq!(registry.seen().len(), 3, "the token is kept");
    let asked = token_service.seen();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].target, "/token?account=x&service=registry&scope=repository%3Aapp%3Apull",
        "no more than is needed"
    );
    assert!(asked[0].header("authorization").unwrap().starts_with("Basic "));
    assert!(
        registry.seen().iter().all(|request| !request.header("authorization").unwrap_or_default().starts_with("Basic"))
    );
    assert!(!format!("{client:?}").contains(PASSWORD) && !format!("{client:?}").contains("a-token"));
}

#[test]
fn token_services_that_misbehave_are_named() {
    let thief = tokens();
    let elsewhere = format!("http://{}/", thief.host());
    let answers: Vec<(Reply, &str)> = vec![
        (Reply::new(307, "").header("location", elsewhere), "gives no token"),
        (Reply::new(200, "{}"), "has no token"),
        (Reply::new(200, r#"{"token":"a\r\nX-Injected: 1"}"#), "characters that no token has"),
        (Reply::new(200, "<html>"), "no JSON"),
        (Reply::new(200, "").fault(Fault::Endless), "more than 1048576 bytes"),
        (Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong password"}]}"#), "wrong password"),
        (Reply::new(503, ""), "status 503"),
    ];
    for (answer, wanted) in answers {
        let service = Server::start(move |_| answer.clone());
        let registry = wanting(format!("http://{}/token", service.host()));
        let error = logged_in(&registry.host(), &[service.host()]).manifest("app", "1").unwrap_err().to_string();
        assert!(error.contains(wanted) && !error.contains(PASSWORD), "{wanted}: {error}");
        assert!(thief.seen().is_empty());
    }
}

#[test]
fn a_registry_that_wants_a_login_for_ever_is_left_alone() {
    let registry = Server::start(|_| Reply::new(401, "").header("www-authenticate", "Basic realm=x"));
    let error = logged_in(&registry.host(), &[]).manifest("app", "1").unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert_eq!(registry.seen().len(), 2);
    let error = client(&registry.host()).manifest("app", "1").unwrap_err().to_string();
    assert!(error.contains("log in with docker or podman"), "{error}");
    for challenge in ["", "Negotiate", "Bearer realm=\"\"", "Bearer realm=\"file:///etc/passwd\""] {
        let registry = Server::start(move |_| Reply::new(401, "").header("www-authenticate", challenge));
        assert!(logged_in(&registry.host(), &[]).manifest("app", "1").is_err(), "{challenge}");
        assert!(registry.seen().iter().all(|request| request.header("authorization").is_none()), "{challenge}");
    }
}

#[test]
fn a_redirect_takes_no_login_along() {
    let blob = noise(1, 1000);
    let digest = sha256(&blob);
    let storage = Server::start(move |_| Reply::new(200, blob.clone()));
    let location = format!("http://{}/blob?signature=s3cret", storage.host());
    let registry = Server::start(move |request| match request.header("authorization") {
        Some(_) => Reply::new(307, "").header("location", location.clone()),
        None => Reply::new(401, "").header("www-authenticate", "Basic realm=x"),
    });
    let client = logged_in(&registry.host(), &[storage.host()]);
    let mut body = client.blob("app", &digest, 0).unwrap();
    assert!(!body.source().contains("s3cret"));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut body, &mut bytes).unwrap();
    assert_eq!(sha256(&bytes), digest);
    assert_eq!(storage.seen().len(), 1);
    assert!(storage.seen()[0].header("authorization").is_none());
}

#[test]
fn a_storage_that_wants_a_login_gets_none() {
    let storage = Server::start(|_| Reply::new(401, "").header("www-authenticate", "Basic realm=x"));
    let location = format!("http://{}/blob", storage.host());
    let registry = Server::start(move |_| Reply::new(307, "").header("location", location.clone()));
    let error = logged_in(&registry.host(), &[storage.host()]).blob("app", &sha256(b"x"), 0).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { .. }), "{error}");
    assert!(storage.seen().iter().all(|request| request.header("authorization").is_none()));
}
