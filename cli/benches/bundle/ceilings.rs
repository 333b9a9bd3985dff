//! What one machine can do that boots others: the table of `docs/scale.md`.
//!
//! Over loopback, so that no cable is the limit. `KFIMG_UPDATE_CEILINGS=1` writes the table into the document.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::Bench;
use crate::data;
use crate::measure::goals::goal;
use crate::measure::{self, judge};
use crate::peers::{self, Server};
use crate::program::Board;
use crate::serving::Duel;

/// Nodes that report, and connections that say nothing.
const NODES: usize = 5000;
const IDLE: usize = 1000;
/// Connections for large files, and for small ones.
const FEW: u32 = 2;
const MANY: u32 = 64;
/// Bytes of a small file.
const SMALL: usize = 64 << 10;
/// Reports a second that so many nodes post, each every three minutes less a random part of a quarter.
const NEEDED: f64 = NODES as f64 / (180.0 * 0.875);

/// Measures, and prints the table.
pub(crate) fn run(bench: &Bench, board: &Board, duel: &Duel<'_>, nginx: &Path) {
    let place = Place::new(bench);
    let kfimg = place.kfimg(bench);
    let peer = peers::nginx(nginx, &bench.fresh("nginx"), &place.images, None);
    let mut table = Table::default();

    let urls =
        |file: &str| [format!("http://{}/images/{file}", kfimg.host()), format!("http://{}/{file}", peer.host())];
    let what = format!("a boot file of {} MiB, {FEW} machines", bench.layer >> 20);
    let [ours, theirs] = duel.run(&what, &urls("initrd"), FEW);
    table.row(
        &what,
        &megabytes(ours.transfer),
        &megabytes(theirs.transfer),
        Some(("scale/large", ours.transfer / theirs.transfer)),
    );

    let idle: Vec<TcpStream> =
        (0..IDLE).map(|_| TcpStream::connect(kfimg.host()).expect("the server listens")).collect();
    let what = format!("the same beside {IDLE} idle connections");
    let [ours, _] = duel.run(&what, &urls("initrd"), FEW);
    table.row(&what, &megabytes(ours.transfer), "without them", Some(("scale/idle", ours.transfer / theirs.transfer)));
    drop(idle);

    let what = format!("a file of {} KiB, {MANY} machines", SMALL >> 10);
    let [ours, theirs] = duel.run(&what, &urls("small"), MANY);
    table.row(
        &what,
        &rate(ours.requests),
        &rate(theirs.requests),
        Some(("scale/small", ours.requests / theirs.requests)),
    );

    let script = format!("http://{}/pxe/mac-02-00-00-00-00-00.ipxe", kfimg.host());
    let asked = duel.alone(&script, MANY);
    table.row("boot scripts, each with its own ticket", &rate(asked.requests), "-", None);

    let posted = reports(kfimg.host(), &place.tokens);
    table.row(
        &format!("reports of {NODES} nodes"),
        &rate(posted),
        &format!("{} needed", rate(NEEDED)),
        Some(("scale/reports", posted / NEEDED)),
    );
    table.row("memory at most", &format!("{} MiB", kfimg.peak() >> 20), "-", None);
    board.peak("kfimg serve (boot files)", kfimg.peak());
    table.publish();
}

fn megabytes(bytes: f64) -> String {
    format!("{:.0} MB/s", bytes / 1e6)
}

fn rate(requests: f64) -> String {
    format!("{requests:.0} a second")
}

/// What is served.
struct Place {
    images: PathBuf,
    output: PathBuf,
    tokens: Vec<String>,
}

impl Place {
    /// Images, and an output of [`NODES`] nodes whose payloads nobody asks for.
    fn new(bench: &Bench) -> Self {
        let (images, output) = (bench.fresh("images"), bench.fresh("out"));
        let tokens: Vec<String> = (0..NODES).map(|number| format!("the-secret-of-the-node-{number}")).collect();
        let script = "#!ipxe\nkernel ${boot-server}/images/initrd\nboot\n";
        let digest = |text: &str| data_encoding::HEXLOWER.encode(&Sha256::digest(text));
        let node = |(number, token): (usize, &String)| {
            let record = serde_json::json!({ "role": "worker", "generation": 1, "reportTokenSha256": digest(token) });
            (format!("worker{number}"), record)
        };
        let nodes: serde_json::Map<String, serde_json::Value> = tokens.iter().enumerate().map(node).collect();
        let record = serde_json::json!({ "sha256": digest(script), "size": script.len() });
        let files = serde_json::json!({ "pxe/node-worker0.ipxe": record, "pxe/mac-02-00-00-00-00-00.ipxe": record });
        let manifest =
            serde_json::json!({ "format": "kfimg/output/v1", "cluster": "bench", "nodes": nodes, "files": files });
        let write = || -> std::io::Result<()> {
            fs::create_dir_all(output.join("pxe"))?;
            fs::create_dir(&images)?;
            fs::write(images.join("initrd"), vec![7; bench.layer])?;
            fs::write(images.join("small"), data::noise(5, SMALL))?;
            for name in ["node-worker0", "mac-02-00-00-00-00-00"] {
                fs::write(output.join(format!("pxe/{name}.ipxe")), script)?;
            }
            fs::write(output.join("manifest.json"), manifest.to_string())
        };
        write().expect("the scratch folder can be written to");
        Self { images, output, tokens }
    }

    fn kfimg(&self, bench: &Bench) -> Server {
        let port = peers::free_port();
        let mut command = Command::new(&bench.kfimg);
        command.args(["--quiet", "serve", "--boot-listen", &format!("127.0.0.1:{port}"), "--images"]).arg(&self.images);
        Server::start(command.arg("--out").arg(&self.output), port, &bench.path("serve.log"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        data::remove(&self.images);
        data::remove(&self.output);
    }
}

/// Lets every node post one report, over a connection of its own as nodes do; how many were taken in a second.
fn reports(host: &str, tokens: &[String]) -> f64 {
    let post = |(number, token): (usize, &String)| {
        let steps =
            serde_json::json!([{ "name": "preflight", "state": "done", "message": "fit", "since": 1, "warnings": [] }]);
        let report = serde_json::json!({
            "version": 1, "node": format!("worker{number}"), "cluster": "bench", "phase": "up", "upAfterSeconds": 41, "steps": steps,
        })
        .to_string();
        let mut stream = TcpStream::connect(host).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a socket can have a bound");
        let head = format!("POST /report?token={token} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
        write!(stream, "{head}Content-Length: {}\r\n\r\n{report}", report.len()).expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server answers");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let begun = Instant::now();
    tokens.iter().enumerate().for_each(post);
    tokens.len() as f64 / begun.elapsed().as_secs_f64()
}

/// The table, as the document has it.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, what: &str, ours: &str, theirs: &str, ratio: Option<(&str, f64)>) {
        let cells = ratio.map_or_else(
            || ["-".to_owned(), "-".to_owned()],
            |(key, value)| [format!("{value:.2}"), goal(key).bound.to_string()],
        );
        // Writing into a String cannot fail.
        let _ = writeln!(self.0, "| {what} | {ours} | {theirs} | {} |", cells.join(" | "));
        if let Some((key, value)) = ratio {
            judge(key, what, ours, value);
        }
    }

    /// Prints it, and writes it into the document where that is wished.
    fn publish(&self) {
        let head = "| what | kfimg serve | nginx | ratio | goal |\n|---|---|---|---|---|\n";
        let build = if cfg!(debug_assertions) { "a debug build" } else { "a release build" };
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let text = format!(
            "{head}{}\nMeasured with {build} on {cores} cores, with a load of {}.\n",
            self.0,
            measure::load_average()
        );
        println!("\n{text}");
        if std::env::var_os("KFIMG_UPDATE_CEILINGS").is_some() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scale.md");
            measure::between(&path, "ceilings", &text);
        }
    }
}
