use super::{Credential, Credentials};
use std::os::unix::fs::PermissionsExt;

fn from_text(text: &str) -> Result<Credentials, super::RegistryError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    Credentials::from_file(&path)
}

fn password(credential: Option<Credential>) -> String {
    match credential {
        Some(Credential::Password { user, password }) => format!("{user}/{}", password.expose()),
        Some(Credential::IdentityToken(token)) => format!("identity {}", token.expose()),
        Some(Credential::RegistryToken(token)) => format!("registry {}", token.expose()),
        None => "none".to_owned(),
    }
}

#[test]
fn every_form_of_an_entry_is_read() {
    let credentials = from_text(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "YWRhOmxvdmVsYWNlOmJ5cm9u"},
            "reg.local:5000": {"username": "grace", "password": "hopper"},
            "https://token.local/v2/": {"auth": "", "identitytoken": "refresh"},
            "bearer.local": {"registrytoken": "bearer"},
            "empty.local": {}
        }, "HttpHeaders": {"User-Agent": "x"}, "detachKeys": "ctrl-a"}"#,
    )
    .unwrap();
    let table = [
        ("docker.io", "ada/lovelace:byron"),
        ("registry-1.docker.io", "ada/lovelace:byron"),
        ("reg.local:5000", "grace/hopper"),
        ("token.local", "identity refresh"),
        ("bearer.local", "registry bearer"),
        ("empty.local", "none"),
        ("reg.local", "none"),
    ];
    for (host, wanted) in table {
        assert_eq!(password(credentials.find(host).unwrap()), wanted, "{host}");
    }
    let shown = format!("{credentials:?}");
    assert!(!shown.contains("hopper") && !shown.contains("YWRh") && !shown.contains("refresh"), "{shown}");
}

#[test]
fn a_broken_file_is_named_and_not_quoted() {
    let error = from_text(r#"{"auths": {"a": {"password": ["hunter2"]}}}"#).unwrap_err().to_string();
    assert!(error.contains("config.json") && !error.contains("hunter2"), "{error}");
    let error =
        from_text(r#"{"auths": {"a.local": {"auth": "hunter2!"}}}"#).unwrap().find("a.local").unwrap_err().to_string();
    assert!(error.contains("a.local") && !error.contains("hunter2"), "{error}");
}

#[test]
fn helpers_are_asked_by_name_only() {
    let table = [
        (r#"{"credHelpers": {"a.local": "kfimg-is-missing"}}"#, "docker-credential-kfimg-is-missing"),
        (r#"{"credHelpers": {"a.local": "../../bin/sh"}}"#, "no name of a credential helper"),
        (r#"{"credsStore": "kfimg-is-missing", "auths": {"a.local": {}}}"#, "docker-credential-kfimg-is-missing"),
    ];
    for (text, wanted) in table {
        let error = from_text(text).unwrap().find("a.local").unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}");
    }
    let never_logged_in = from_text(r#"{"credsStore": "kfimg-is-missing"}"#).unwrap();
    assert_eq!(password(never_logged_in.find("a.local").unwrap()), "none");
}

#[test]
fn a_helper_tells_a_login() {
    let folder = tempfile::tempdir().unwrap();
    let table = [
        (r#"read host; [ "$host" = a.local ]; echo '{"Username":"ada","Secret":"s3cret"}'"#, Ok("ada/s3cret")),
        (r#"echo '{"Username":"<token>","Secret":"refresh"}'"#, Ok("identity refresh")),
        ("echo 'credentials not found in native keychain'; exit 1", Ok("none")),
        ("echo 'the keychain is locked' >&2; exit 1", Err("the keychain is locked")),
        ("echo s3cret", Err("no JSON")),
        ("head -c 200000 /dev/zero", Err("no JSON")),
    ];
    for (number, (script, wanted)) in table.into_iter().enumerate() {
        let path = folder.path().join(format!("helper-{number}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        match (super::helper::run(&path, "a.local"), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(password(found), wanted, "{script}"),
            (Err(error), Err(wanted)) => {
                let error = error.to_string();
                assert!(error.contains(wanted) && !error.contains("s3cret"), "{script}: {error}");
            }
            (found, _) => panic!("{script}: {found:?}"),
        }
    }
}

#[test]
fn a_helper_that_leaves_an_agent_behind_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (path, ended) = (folder.path().join("helper"), folder.path().join("ended"));
    let answer = r#"{"Username":"ada","Secret":"s3cret"}"#;
    let script = format!("#!/bin/sh\n(sleep 20; touch {}) &\necho '{answer}'\n", ended.display());
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(password(super::helper::run(&path, "a.local").unwrap()), "ada/s3cret");
    assert!(!ended.exists(), "the agent still runs");
}
