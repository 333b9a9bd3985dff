//! What the tests of this binary ask for, and the server that has it.

use crate::support::sample::{Sample, noise, range};
use crate::support::server::{Reply, Request as Asked, Server};
use kfimg_images::catalog::Artifact;
use kfimg_images::component::Architecture::{self, Amd64, Arm64};
use kfimg_images::component::HostPart;
use kfimg_images::create::{CreateError, Created, Output, Request, Watch, create};
use kfimg_images::download::Binary;
use kfimg_images::hasher::sha256;
use kfimg_images::pull::Options;
use kfimg_images::registry::Registries;
use std::path::Path;

/// A host program's file.
pub(crate) fn program(architecture: Architecture) -> Vec<u8> {
    noise(if architecture == Amd64 { 71 } else { 72 }, 400_000)
}

/// Registry and file server in one.
pub(crate) fn answer(sample: &Sample, request: &Asked) -> Reply {
    let files = [("/runc.amd64", program(Amd64)), ("/runc.arm64", program(Arm64))];
    if request.path() == "/sums" {
        let lines = files.iter().map(|(name, bytes)| format!("{}  .{name}\n", sha256(bytes).hexadecimal()));
        return Reply::new(200, lines.collect::<String>());
    }
    match files.iter().find(|(name, _)| request.path() == *name) {
        Some((_, bytes)) => range(bytes, request.header("range")),
        None => sample.answer(request),
    }
}

pub(crate) fn serve(sample: &Sample) -> Server {
    let sample = sample.clone();
    Server::start(move |request| answer(&sample, request))
}

pub(crate) fn binary(host: &str, architecture: Architecture) -> Binary {
    let url = format!("http://{host}/runc.{architecture}");
    let (version, checksum_url) = ("1.5.2".to_owned(), format!("http://{host}/sums"));
    Binary {
        artifact: Artifact { part: HostPart::Runc, version, url, checksum_url, checksum_algorithm: "sha256" },
        architecture,
    }
}

pub(crate) fn request(host: &str, architectures: &[Architecture]) -> Request {
    Request {
        kubernetes_version: Some("v1.36.3".to_owned()),
        references: vec![format!("{host}/app:1").parse().unwrap()],
        binaries: architectures.iter().map(|one| binary(host, *one)).collect(),
        pull: Options { architectures: architectures.to_vec(), workers: 2, ..Options::default() },
        ..Request::default()
    }
}

pub(crate) fn make(
    request: &Request,
    folder: &Path,
    output: &Output,
    registries: &Registries,
) -> Result<Created, CreateError> {
    create(request, folder, output, registries, &Watch::default())
}

pub(crate) fn all_said(error: &CreateError) -> String {
    match error {
        CreateError::Incomplete { images, binaries } => {
            let images = images.iter().map(ToString::to_string);
            images.chain(binaries.iter().map(ToString::to_string)).collect::<Vec<_>>().join("\n")
        }
        other => other.to_string(),
    }
}
