//! What `kfimg serve` tells: doubts, what is served, and how nodes reach it.

use super::boot::Boot;
use super::declared::Declared;
use super::tls::Tls;
use super::{ServeArgs, port};
use crate::commands::description::plural;
use crate::console::Console;
use crate::failure::Failure;
use kfimg_images::content::Content;
use kfimg_images::serve::Server;
use kfimg_pki::San;
use kfimg_profiles::cluster::Registry;
use serde_json::json;

/// Faults of a bundle that are named one by one.
const NAMED_FAULTS: usize = 20;

/// What works and is hardly meant.
pub(super) fn warn(args: &ServeArgs, tls: &Tls, registry: Option<&Registry>, declared: &Declared, console: &Console) {
    let plain = tls.is_plain();
    if matches!(tls, Tls::Issued(..)) && declared.secure().is_some() {
        let remedy = "give --tls-cert one with an RSA key, and machines an iPXE that was built to trust its issuer";
        console.warn(&format!(
            "boot scripts lead to HTTPS, and most builds of iPXE take no ECDSA certificate, as this one is; {remedy}"
        ));
    }
    if plain && args.user.is_some() {
        console.warn("the password crosses the network in the clear; give --tls-state or --tls-cert and --tls-key");
    }
    if !plain && args.user.is_some() && args.boot.is_wanted() {
        let remedy = "look at the board by HTTPS, at the address of --listen";
        console.warn(&format!("at the port for boot files the password crosses the network in the clear; {remedy}"));
    }
    let Some(registry) = registry else { return };
    if registry.plain_http != plain {
        let (nodes, this) = if plain { ("with TLS", "plain HTTP") } else { ("by plain HTTP", "TLS") };
        console.warn(&format!("the description's nodes ask {} {nodes}, and this serves {this}", registry.authority()));
    }
    if let Some(listen) = args.listen.filter(|listen| ![0, port(registry)].contains(&listen.port())) {
        console.warn(&format!("the description's nodes ask port {}, and this listens on {listen}", port(registry)));
    }
    if let Some(prefix) = &registry.prefix {
        console.warn(&format!(
            "the description's nodes ask below {prefix}, which this does not have; leave `registry.prefix` out where kfimg serves"
        ));
    }
    if registry.credentials.is_none() && args.user.is_some() {
        console.warn("the description gives nodes no `username` and `passwordFile` for its registry");
    }
}

/// What has begun to listen.
pub(super) struct Ready<'a> {
    pub(super) content: Option<&'a Content>,
    pub(super) server: Option<&'a Server>,
    pub(super) boot: Option<&'a Boot>,
}

impl Ready<'_> {
    /// Says what is served and how nodes reach it.
    pub(super) fn tell(&self, tls: &Tls, registry: Option<&Registry>, console: &Console) -> Result<(), Failure> {
        let scheme = if tls.is_plain() { "http" } else { "https" };
        let address = self.server.map(|server| format!("{scheme}://{}", server.address()));
        let held = self.content.map(Held::of).unwrap_or_default();
        let faults = self.server.map_or(&[][..], Server::faults);
        self.boot.into_iter().for_each(|boot| boot.warn(console));
        if console.is_json() {
            let names: Vec<String> = tls.names().iter().map(San::to_string).collect();
            return console.json(&json!({
                "address": address,
                "boot": self.boot.map(|boot| format!("http://{}", boot.address())),
                "images": held.images,
                "artifacts": held.artifacts,
                "blobs": held.blobs,
                "bytes": held.bytes,
                "names": names,
                "faults": faults,
            }));
        }
        faults.iter().take(NAMED_FAULTS).for_each(|fault| console.warn(&format!("not served: {fault}")));
        if faults.len() > NAMED_FAULTS {
            console.warn(&format!("{} more faults; `kfimg bundle verify` names all", faults.len() - NAMED_FAULTS));
        }
        if let (Some(_), Some(server), Some(address)) = (self.content, self.server, &address) {
            if held.images == 0 {
                console.warn("the bundle names no image");
            }
            let (images, artifacts) = (plural(held.images, "image"), plural(held.artifacts, "artifact"));
            let (blobs, size) = (plural(held.blobs, "blob"), megabytes(held.bytes));
            console.say(&format!("Serving {images} and {artifacts} ({blobs}, {size}) at *{address}*."));
            tls.lines(registry, server.address()).iter().for_each(|line| console.say(line));
        } else if let Some(address) = &address {
            console.say(&format!("Serving boot files at *{address}*, too."));
        }
        self.boot.into_iter().for_each(|boot| boot.ready(console));
        Ok(())
    }
}

/// What a bundle holds.
#[derive(Default)]
struct Held {
    images: usize,
    artifacts: usize,
    blobs: usize,
    bytes: u64,
}

impl Held {
    fn of(content: &Content) -> Self {
        let named = content.index().manifests.iter().filter(|entry| entry.reference().is_some());
        let (artifacts, images) = named.partition::<Vec<_>, _>(|entry| entry.artifact_type.is_some());
        let (blobs, bytes) = content.blobs().fold((0, 0), |(count, sum), (_, extent)| (count + 1, sum + extent.size()));
        Self { images: images.len(), artifacts: artifacts.len(), blobs, bytes }
    }
}

fn megabytes(bytes: u64) -> String {
    let megabytes = bytes.div_ceil(1_000_000);
    if megabytes < 10_000 { format!("{megabytes} MB") } else { format!("{} GB", megabytes / 1000) }
}
