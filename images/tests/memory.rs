//! Memory does not depend on sizes: what the programs do with one blob, or with more files than a bundle may have, each in a process of
//! its own whose peak the kernel keeps.
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
        ["open", tar] => {
            let refused = Content::open(Path::new(tar)).map(|_| ()).unwrap_err();
            println!("refused={refused}");
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

/// A tar of so many files, each of which has the name of a blob and is empty; what it ends with is never read.
fn crowd(path: &Path, count: usize) {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let layout = br#"{"imageLayoutVersion":"1.0.0"}"#;
    let index = br#"{"schemaVersion":2,"manifests":[]}"#;
    let mut header = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        file.write_all(header.as_bytes()).unwrap();
        file.write_all(bytes).unwrap();
        file.write_all(&vec![0; bytes.len().next_multiple_of(512) - bytes.len()]).unwrap();
    };
    header("oci-layout", layout);
    header("index.json", index);
    (0..count).for_each(|number| header(&format!("blobs/sha256/{number:064x}"), b""));
    file.into_inner().unwrap().set_len(1 << 30).unwrap();
}

#[test]
fn a_tar_of_more_files_than_any_bundle_has_is_refused_within_the_same_memory() {
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("crowd.tar");
    // As many as are read of one of a million.
    crowd(&tar, 100_001);
    let mut child = start(&["open", tar.to_str().unwrap()]);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let refused = said(&mut output, "refused=");
    assert!(refused.contains("more than 100000 files"), "{refused}");
    let peak: u64 = said(&mut output, "peak=").parse().unwrap();
    assert!(peak <= PEAK, "{peak} bytes");
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
#[ignore = "`make interop` runs it: three gigabytes of disk"]
fn an_image_over_a_gibibyte_goes_all_the_way() {
    assert_bounded(&all_the_way((1 << 30) + (100 << 20)));
}
