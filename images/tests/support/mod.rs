//! What several tests need.

#![allow(dead_code, unreachable_pub)]

pub mod child;
pub mod distribution;
pub mod listen;
pub mod running;
pub mod sample;
pub mod server;
pub mod target;
pub mod vast;

use kfimg_images::pull::{Options, PullError, Pulled, Wanted, pull};
use kfimg_images::registry::{Client, Configuration, HostConfiguration, Limits, Registries, Settings};
use kfimg_images::stop::Stop;
use kfimg_images::store::Store;
use std::path::Path;
use std::time::Duration;

/// Bounds for honest registries on a machine that is busy with other things.
pub fn limits() -> Limits {
    Limits {
        attempts: 3,
        backoff: Duration::from_millis(2),
        longest_pause: Duration::from_secs(2),
        redirects: 3,
        pages: 20,
        entries: 100,
        chunk: 1 << 20,
        ..Limits::default()
    }
}

/// Bounds that let a pull from a registry that stalls end soon.
pub fn impatient() -> Limits {
    let second = Duration::from_secs(1);
    Limits { answer: second, silence: second, window: Duration::from_millis(300), least: 10_000, ..limits() }
}

/// Registries of plain HTTP at these hosts.
pub fn registries(hosts: &[&str], change: impl Fn(&mut HostConfiguration)) -> Registries {
    bounded_registries(limits(), hosts, change)
}

fn bounded_registries(limits: Limits, hosts: &[&str], change: impl Fn(&mut HostConfiguration)) -> Registries {
    let mut configuration = Configuration { limits, ..Configuration::default() };
    for host in hosts {
        let mut own = HostConfiguration { plain_http: true, ..HostConfiguration::default() };
        change(&mut own);
        configuration.hosts.insert((*host).to_owned(), own);
    }
    Registries::new(configuration, Stop::new())
}

pub fn client(host: &str) -> Client {
    Client::new(host, Settings { plain_http: true, limits: limits(), ..Settings::default() }).unwrap()
}

pub fn wanted(reference: &str) -> Wanted {
    Wanted { reference: reference.parse().unwrap(), digest: None }
}

/// Pulls `<host>/app:1` with one worker.
pub fn pull_from(host: &str, folder: &Path) -> Result<Pulled, PullError> {
    bounded_pull(limits(), host, folder)
}

/// As [`pull_from`], within other bounds.
pub fn bounded_pull(limits: Limits, host: &str, folder: &Path) -> Result<Pulled, PullError> {
    let store = Store::open(folder).unwrap();
    let options = Options { workers: 1, ..Options::default() };
    pull(&store, &bounded_registries(limits, &[host], |_| {}), &[wanted(&format!("{host}/app:1"))], &options, &|_| {})
}

/// All that a failed pull says.
pub fn said(error: &PullError) -> String {
    match error {
        PullError::Incomplete(failures) => failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
        other => other.to_string(),
    }
}
