//! The same certificates as Go sees them, which is what Kubernetes and etcd are written in.
//!
//! Needs the `go` command, of any version from 1.19 on; `make test` installs it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod openssl;

use std::fs;
use std::path::Path;
use std::process::Command;

use jiff::Timestamp;
use kfimg_pki::{BroughtCa, Ca, Request, Secret, State};
use openssl::{CA, LONG, P256, RSA, Recipe, make};

struct Go<'a> {
    verifier: &'a Path,
    roots: &'a Path,
}

impl Go<'_> {
    fn accepts(&self, file: &Path, usage: &str, name: Option<&str>) -> bool {
        let command = Command::new(self.verifier).arg(self.roots).arg(file).arg(usage).args(name).output();
        command.unwrap().status.success()
    }
}

fn request(folder: &Path, key: Option<&str>) -> Request {
    let mut request = Request::fake(1, 1);
    let Some(key) = key else { return request };
    let recipe = |name, issuer, subject| Recipe { name, issuer, key, extensions: CA, window: LONG, subject };
    make(folder, recipe("root", "root", "/DC=com/DC=example/CN=Root"));
    make(folder, recipe("issuing", "root", "/DC=com/DC=example/CN=Issuing"));
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
    let brought = BroughtCa {
        source: "issuing.crt and issuing.key".to_owned(),
        chain_pem: (text("issuing.crt") + &text("root.crt")).into_bytes(),
        key_pem: Secret::new(text("issuing.key")),
    };
    request.brought.insert(Ca::Kubernetes, brought);
    request
}

#[test]

fn go_accepts_every_chain_with_the_bundle_and_with_the_issuing_certificate_alone() {
    let temporary = tempfile::tempdir().unwrap();
    let verifier = temporary.path().join("verify");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go/verify.go");
    assert!(Command::new("go").args(["build", "-o"]).arg(&verifier).arg(source).status().unwrap().success());
    for key in [None, Some(P256), Some(RSA)] {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, now) = (temporary.path(), Timestamp::now());
        let request = request(folder, key);
        let (mut state, _) = State::open(&folder.join("state"), "fake", now).unwrap().ensure(&request, now).unwrap();
        state.commit().unwrap();
        let ca = state.credentials().ca(Ca::Kubernetes).unwrap();
        let parts = openssl::take_apart(&folder.join("state"));
        for (name, pem) in [("bundle", &ca.bundle_pem), ("issuing", &ca.issuing_pem)] {
            let roots = folder.join(name);
            fs::write(&roots, pem).unwrap();
            let go = Go { verifier: &verifier, roots: &roots };
            let node = |stem: &str| parts.path().join(format!("nodes/master-1/{stem}.crt"));
            assert!(go.accepts(&node("apiserver"), "server", Some("kubernetes.default.svc")), "{key:?} {name}");
            assert!(go.accepts(&node("apiserver"), "server", Some("10.1.0.1")), "{key:?} {name}");
            assert!(go.accepts(&node("kubelet-client"), "client", None), "{key:?} {name}");
            assert!(!go.accepts(&node("kubelet-client"), "server", None), "{key:?} {name}");
            assert!(!go.accepts(&node("apiserver"), "server", Some("elsewhere")), "{key:?} {name}");
            assert!(!go.accepts(&node("etcd-peer"), "client", None), "{key:?} {name}: another authority");
        }
    }
}
