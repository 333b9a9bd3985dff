//! Others judge what kfimg writes, serves and pushes, and kfimg reads what they wrote: skopeo, crane, regctl, and the reference
//! registry in Debian's version and in the newest. What Debian brings runs always; `make interop` builds the rest, then runs all.
//!
//! The content is [`rich`]'s. Speed is not looked at here, nor what hostile servers do.

#![allow(clippy::unwrap_used, reason = "tests")]

mod peer;
mod rich;
mod rounds;
mod served;
#[path = "../support/mod.rs"]
mod support;

use peer::{Kind, Peer};
use support::distribution::{Distribution, Manner};

#[test]
fn skopeo_reads_layouts_and_archives() {
    rounds::layouts_are_read(&Peer::new(Kind::Skopeo));
}

#[test]
fn skopeo_pulls_from_serve() {
    rounds::serve_is_read(&Peer::new(Kind::Skopeo));
}

#[test]
fn skopeo_and_debians_registry() {
    let folder = tempfile::tempdir().unwrap();
    rounds::registry_is_shared(&Peer::new(Kind::Skopeo), &Distribution::debian(folder.path()));
}

#[test]
#[ignore = "needs the registry that `make interop` builds"]
fn skopeo_and_the_newest_registry() {
    let folder = tempfile::tempdir().unwrap();
    rounds::registry_is_shared(&Peer::new(Kind::Skopeo), &Distribution::start(folder.path(), &Manner::default()));
}

#[test]
#[ignore = "needs regctl, which `make interop` builds"]
fn regctl_reads_layouts() {
    rounds::layouts_are_read(&Peer::new(Kind::Regctl));
}

#[test]
#[ignore = "needs crane and regctl, which `make interop` builds"]
fn crane_and_regctl_pull_from_serve() {
    for kind in [Kind::Crane, Kind::Regctl] {
        rounds::serve_is_read(&Peer::new(kind));
    }
}

#[test]
#[ignore = "needs crane and regctl, which `make interop` builds"]
fn crane_regctl_and_debians_registry() {
    for kind in [Kind::Crane, Kind::Regctl] {
        let folder = tempfile::tempdir().unwrap();
        rounds::registry_is_shared(&Peer::new(kind), &Distribution::debian(folder.path()));
    }
}

#[test]
#[ignore = "needs crane, regctl and the registry, which `make interop` builds"]
fn crane_regctl_and_the_newest_registry() {
    for kind in [Kind::Crane, Kind::Regctl] {
        let folder = tempfile::tempdir().unwrap();
        rounds::registry_is_shared(&Peer::new(kind), &Distribution::start(folder.path(), &Manner::default()));
    }
}
