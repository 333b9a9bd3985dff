//! The certificate of the site's own registry, judged by openssl.

#![allow(clippy::unwrap_used, reason = "tests")]

mod openssl;

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use jiff::Timestamp;
use kfimg_pki::{Error, Request, San, State};

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

fn names(list: &[&str]) -> BTreeSet<San> {
    list.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
fn the_clusters_authority_vouches_for_a_server_and_for_nothing_else() {
    let temporary = tempfile::tempdir().unwrap();
    let (folder, now) = (temporary.path(), Timestamp::now());
    let path = folder.join("state");
    State::open(&path, "fake", now).unwrap().ensure(&Request::fake(1, 0), now).unwrap().0.commit().unwrap();
    let mut state = State::open_existing(&path).unwrap();
    let issue =
        |state: &State| state.issue_server("registry", &names(&["reg.local", "192.0.2.5", "fd00::5"]), YEAR, now);
    let (one, other) = (issue(&state).unwrap(), issue(&state).unwrap());
    assert_ne!(one.key_pem().expose(), other.key_pem().expose(), "each run has a key of its own");
    assert!(!state.commit().unwrap(), "nothing of it is kept");
    fs::write(folder.join("server.crt"), one.certificate_pem()).unwrap();
    let verify = |more: &[&str]| {
        let common = ["verify", "-x509_strict", "-CAfile", "state/pki/ca.crt"];
        openssl::run(folder, &[&common[..], more, &["server.crt"]].concat())
    };
    verify(&["-purpose", "sslserver", "-verify_hostname", "reg.local"]).unwrap();
    verify(&["-purpose", "sslserver", "-verify_ip", "192.0.2.5"]).unwrap();
    verify(&["-purpose", "sslserver", "-verify_ip", "fd00::5"]).unwrap();
    assert!(verify(&["-purpose", "sslserver", "-verify_hostname", "kubernetes"]).is_err());
    assert!(verify(&["-purpose", "sslclient"]).is_err());
    // It ends with its authority.
    let century = state.issue_server("registry", &names(&["reg.local"]), YEAR * 100, now).unwrap().window().1;
    let authority = state.summary(now).into_iter().find(|row| row.name == "ca").unwrap();
    assert_eq!(century, authority.not_after);
    let late = authority.not_after;
    assert!(matches!(state.issue_server("registry", &names(&["a"]), YEAR, late), Err(Error::AuthorityEnded { .. })));
}

#[test]
fn names_are_hosts_or_addresses() {
    for good in ["reg.local", "REG", "*.site.example", "::1", "10.0.0.1"] {
        good.parse::<San>().unwrap();
    }
    for bad in ["", "reg.local:5000", "https://reg.local", "a..b", "-a", "*", "a b", "ä", "[::1]"] {
        bad.parse::<San>().unwrap_err();
    }
}
