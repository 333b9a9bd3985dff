//! This test binary again, for one task in a process of its own, whose peak of memory the kernel keeps.
//!
//! A binary that uses it has the ignored test `child`, which calls [`work`].

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use super::{client, registries};
use kfimg_images::archive::{ChunkOptions, Writing, write_chunks, write_tar};
use kfimg_images::component::Architecture;
use kfimg_images::content::Content;
use kfimg_images::create::{Output, Request, Watch, create};
use kfimg_images::parity::rebuild;
use kfimg_images::registry::Mirror;
use kfimg_images::serve::{ServeOptions, Server};
use kfimg_images::stop::Stop;
use kfimg_images::{pull, push, verify};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;

/// The limit for everything that moves or serves images, in bytes.
pub const PEAK: u64 = 64 << 20;
/// What a child is to do: a word, and what it needs, one a line.
const TASK: &str = "KFIMG_TEST_TASK";
/// The registry that a mirror stands for in [`work`]'s `create`.
const UPSTREAM: &str = "quay.io";

/// Starts this binary again for one task.
pub fn start(task: &[&str]) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]).env(TASK, task.join("\n"));
    command.stdout(Stdio::piped()).spawn().unwrap()
}

/// What a child prints after a word. What it prints later is for whoever keeps the reader: without one, it could not print.
pub fn said(output: &mut impl BufRead, word: &str) -> String {
    let mut lines = output.lines().map_while(Result::ok);
    let line = lines.find_map(|line| Some(line.split_once(word)?.1.to_owned()));
    line.unwrap_or_else(|| panic!("the child says no {word}"))
}

/// Lets a child do something to its end; the peak of its memory in bytes.
pub fn peak(task: &[&str]) -> u64 {
    let mut child = start(task);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let peak = said(&mut output, "peak=").parse().unwrap();
    std::io::copy(&mut output, &mut std::io::sink()).unwrap();
    assert!(child.wait().unwrap().success(), "{task:?}");
    peak
}

/// The most memory that a process had, in bytes.
fn high_water(process: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// A bundle that another process serves, until this is dropped.
pub struct Serving {
    child: Child,
    pub host: String,
    _output: BufReader<ChildStdout>,
}

impl Serving {
    pub fn start(bundle: &str) -> Self {
        let mut child = start(&["serve", bundle]);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let host = said(&mut output, "address=");
        Self { child, host, _output: output }
    }

    /// The most memory that it had so far, in bytes.
    pub fn peak(&self) -> u64 {
        high_water(&self.child.id().to_string())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What [`start`] starts; nothing, when somebody else runs it.
pub fn work() {
    let Ok(task) = std::env::var(TASK) else { return };
    let task: Vec<&str> = task.lines().collect();
    let open = |bundle: &str| Content::open(Path::new(bundle)).unwrap();
    match task[..] {
        ["create", host, reference, folder] => create_from(host, reference, Path::new(folder)),
        ["verify", bundle] => assert!(verify::verify(&open(bundle), &|_| {}).is_sound()),
        ["pack", bundle, tar] => {
            write_tar(&open(bundle), Path::new(tar), &Writing::default()).unwrap();
        }
        ["cut", bundle, manifest, size, parity] => {
            let options = ChunkOptions { chunk_size: size.parse().unwrap(), parity: parity.parse().unwrap() };
            write_chunks(&open(bundle), Path::new(manifest), options, &Writing::default()).unwrap();
        }
        ["rebuild", manifest] => drop(rebuild(Path::new(manifest), &Writing::default()).unwrap()),
        ["push", bundle, host] => {
            push::push(&open(bundle), &client(host), &push::Options::default(), &|_| {}).unwrap();
        }
        ["serve", bundle] => serve(open(bundle)),
        ["open", tar] => {
            let refused = Content::open(Path::new(tar)).map(|_| ()).unwrap_err();
            println!("refused={refused}");
        }
        _ => panic!("no task is {task:?}"),
    }
    println!("peak={}", high_water("self"));
}

/// Makes a bundle of one image of [`UPSTREAM`], for which this registry stands.
fn create_from(host: &str, reference: &str, folder: &Path) {
    let request = Request {
        references: vec![reference.parse().unwrap()],
        pull: pull::Options { architectures: vec![Architecture::Amd64], ..pull::Options::default() },
        ..Request::default()
    };
    let mirror = Mirror { registry: host.to_owned(), by_host: false };
    let registries = registries(&[host, UPSTREAM], |own| own.mirrors = vec![mirror.clone()]);
    create(&request, folder, &Output::Folder, &registries, &Watch::default()).unwrap();
}

fn serve(content: Content) {
    let server = Server::bind(&Arc::new(content), ServeOptions::default()).unwrap();
    println!("address={}", server.address());
    std::io::stdout().flush().unwrap();
    server.run(&Stop::new()).unwrap();
}
