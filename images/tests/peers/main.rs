//! Others judge what kfimg writes, serves and pushes, and kfimg reads what they wrote: skopeo, crane, regctl, oras, podman, and the
//! reference registry in Debian's version and in the newest. What Debian brings runs always; `make interop` builds the rest, then runs all.
//!
//! The content is [`rich`]'s. Speed is not looked at here, nor what hostile servers do.

#![allow(clippy::unwrap_used, reason = "tests")]

mod large;
mod peer;
mod podman;
mod rich;
mod rounds;
#[path = "../support/mod.rs"]
mod support;

use peer::{Kind, Peer};
use support::child;
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
#[ignore = "needs regctl and oras, which `make interop` builds"]
fn regctl_and_oras_read_layouts() {
    for kind in [Kind::Regctl, Kind::Oras] {
        rounds::layouts_are_read(&Peer::new(kind));
    }
}

#[test]
#[ignore = "needs oras, which `make interop` builds"]
fn oras_takes_files_out_of_a_bundle() {
    rounds::files_are_taken_out(&Peer::new(Kind::Oras));
}

#[test]
#[ignore = "needs crane, regctl and oras, which `make interop` builds"]
fn crane_regctl_and_oras_pull_from_serve() {
    for kind in [Kind::Crane, Kind::Regctl, Kind::Oras] {
        rounds::serve_is_read(&Peer::new(kind));
    }
}

#[test]
#[ignore = "needs crane, regctl and oras, which `make interop` builds"]
fn crane_regctl_oras_and_debians_registry() {
    for kind in [Kind::Crane, Kind::Regctl, Kind::Oras] {
        let folder = tempfile::tempdir().unwrap();
        rounds::registry_is_shared(&Peer::new(kind), &Distribution::debian(folder.path()));
    }
}

#[test]
#[ignore = "needs crane, regctl, oras and the registry, which `make interop` builds"]
fn crane_regctl_oras_and_the_newest_registry() {
    for kind in [Kind::Crane, Kind::Regctl, Kind::Oras] {
        let folder = tempfile::tempdir().unwrap();
        rounds::registry_is_shared(&Peer::new(kind), &Distribution::start(folder.path(), &Manner::default()));
    }
}

#[test]
#[ignore = "needs podman, which `make interop` installs, and root"]
fn podman_takes_images_from_folder_tar_and_serve() {
    podman::images_are_unpacked();
}

#[test]
#[ignore = "needs crane, regctl and oras, which `make interop` builds, and three gigabytes of disk"]
fn an_image_over_a_gibibyte_goes_through_registry_and_peers() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [Kind::Skopeo, Kind::Crane, Kind::Regctl, Kind::Oras];
    large::an_image_goes_through(&kinds, &Distribution::debian(folder.path()));
}

#[test]
#[ignore = "is what the test of the large image runs"]
fn child() {
    child::work();
}
