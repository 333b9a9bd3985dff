//! Memory does not depend on sizes: what the programs do with one blob, each in a process of its own whose peak the kernel keeps.
//!
//! Every test starts this binary again, to run `child` alone.

#![allow(clippy::unwrap_used)]

mod support;

use kfimg_images::archive::{ChunkOptions, Writing, write_chunks, write_tar};
use kfimg_images::component::Architecture;
use kfimg_images::content::Content;
use kfimg_images::create::{Output, Request, Watch, create};
use kfimg_images::hasher::Hasher;
use kfimg_images::registry::Mirror;
use kfimg_images::serve::{ServeOptions, Server};
use kfimg_images::stop::Stop;
use kfimg_images::{pull, push, verify};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use support::vast::Vast;
use support::{client, registries};

/// The limit, in bytes.
const PEAK: u64 = 64 << 20;
/// What the system's own decisions may change from run to run.
const SLACK: u64 = 8 << 20;
/// What a child is to do: a word, and what it needs, one a line.
const TASK: &str = "KFIMG_TEST_TASK";

/// Starts this binary again for one task.
fn start(task: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env(TASK, task.join("\n"));
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What a child prints after a word. What it prints later is for whoever keeps the reader: without one, it could not print.
fn said(output: &mut impl BufRead, word: &str) -> String {
    let mut lines = output.lines().map_while(Result::ok);
    let line = lines.find_map(|line| Some(line.split_once(word)?.1.to_owned()));
    line.unwrap_or_else(|| panic!("the child says no {word}"))
}

/// Lets a child do something to its end; the peak of its memory in bytes.
fn peak(task: &[&str]) -> u64 {
    let mut child = start(task);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let peak = said(&mut output, "peak=").parse().unwrap();
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success(), "{task:?}");
    peak
}

fn high_water(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// What [`start`] starts; nothing, when somebody else runs it.
#[test]
#[ignore = "is what the other tests run"]
fn child() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Vec<&str> = task.lines().collect();
    match task[..] {
        ["create", host, folder] => {
            let request = Request {
                references: vec!["quay.io/app:1".parse().unwrap()],
                pull: pull::Options { architectures: vec![Architecture::Amd64], ..pull::Options::default() },
                ..Request::default()
            };
            let watch = &Watch::default();
            let mirror = Mirror { registry: host.to_owned(), by_host: false };
            let registries = registries(&[host, "quay.io"], |own| own.mirrors = vec![mirror.clone()]);
            create(&request, Path::new(folder), &Output::Folder, &registries, watch).unwrap();
        }
        ["verify", bundle] => assert!(verify::verify(&Content::open(Path::new(bundle)).unwrap(), &|_| {}).is_sound()),
        ["pack", bundle, tar] => {
            write_tar(&Content::open(Path::new(bundle)).unwrap(), Path::new(tar), &Writing::default()).unwrap();
        }
        ["cut", bundle, manifest, size] => {
            let options = ChunkOptions { chunk_size: size.parse().unwrap(), parity: 1 };
            write_chunks(&Content::open(Path::new(bundle)).unwrap(), Path::new(manifest), options, &Writing::default())
                .unwrap();
        }
        ["push", bundle, host] => {
            let content = Content::open(Path::new(bundle)).unwrap();
            push::push(&content, &client(host), &push::Options::default(), &|_| {}).unwrap();
        }
        ["serve", bundle] => {
            let content = Arc::new(Content::open(Path::new(bundle)).unwrap());
            let server = Server::bind(&content, ServeOptions::default()).unwrap();
            println!("address={}", server.address());
            std::io::stdout().flush().unwrap();
            server.run(&Stop::new()).unwrap();
        }
        _ => panic!("no task is {task:?}"),
    }
    println!("peak={}", high_water("self"));
}

/// Serves a bundle and pulls its layer: once while it is hashed, once when it is known, both at the same time with a third.
fn peak_of_serving(bundle: &str, layer: &kfimg_images::digest::Digest) -> u64 {
    let mut server = start(&["serve", bundle]);
    let mut output = BufReader::new(server.stdout.take().unwrap());
    let host = said(&mut output, "address=");
    let fetch = || {
        let mut hasher = Hasher::sha256();
        hasher.read(client(&host).blob("quay.io/app", layer, 0).unwrap()).unwrap();
        assert_eq!(hasher.finish(), *layer);
    };
    fetch();
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(fetch))));
    let peak = high_water(&server.id().to_string());
    server.kill().unwrap();
    server.wait().unwrap();
    peak
}

/// Takes an image with one layer of so many bytes all the way; the peak of memory of each step.
fn all_the_way(size: u64) -> Vec<(&'static str, u64)> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (upstream, target) = (Vast::start(), Vast::start());
    let layer = upstream.offer(size);
    let (bundle, tar, chunks) = (path("bundle"), path("bundle.tar"), path("bundle.chunks.json"));
    let mut peaks = vec![
        ("create", peak(&["create", &upstream.host(), &bundle])),
        ("verify", peak(&["verify", &bundle])),
        ("pack", peak(&["pack", &bundle, &tar])),
    ];
    // Everything lies on the disk once at a time, but while it is copied.
    std::fs::remove_dir_all(&bundle).unwrap();
    peaks.push(("push", peak(&["push", &tar, &target.host()])));
    assert_eq!(target.has(&layer), Some(size));
    peaks.push(("serve", peak_of_serving(&tar, &layer)));
    let cut = (size / 4).to_string();
    peaks.push(("cut", peak(&["cut", &tar, &chunks, &cut])));
    std::fs::remove_file(&tar).unwrap();
    peaks.push(("verify chunks", peak(&["verify", &chunks])));
    peaks.push(("serve chunks", peak_of_serving(&chunks, &layer)));
    peaks
}

fn assert_bounded(peaks: &[(&str, u64)]) {
    for (step, peak) in peaks {
        println!("{step}: {} KiB", peak >> 10);
        assert!(*peak <= PEAK, "{step} took {peak} bytes");
    }
}

#[test]
fn memory_does_not_grow_with_a_blob() {
    let (small, large) = (all_the_way(8 << 20), all_the_way(256 << 20));
    assert_bounded(&small);
    assert_bounded(&large);
    for ((step, small), (_, large)) in small.iter().zip(&large) {
        assert!(*large <= small + SLACK, "{step} took {large} bytes for 256 MiB, but {small} for 8 MiB");
    }
}

#[test]
#[ignore = "`make interop` runs it: three gigabytes of disk"]
fn an_image_over_a_gibibyte_goes_all_the_way() {
    assert_bounded(&all_the_way((1 << 30) + (100 << 20)));
}
