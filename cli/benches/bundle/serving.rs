//! The embedded registry against the reference registry and nginx. Boot files are in [`crate::ceilings`].

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use kfimg_images::content::Content;
use kfimg_images::digest::Digest;

use crate::Bench;
use crate::ceilings;
use crate::data::{self, LARGE};
use crate::load::{Rate, load};
use crate::measure::{self, Contender, judge, median, milliseconds, race};
use crate::peers::{self, Server};
use crate::program::{self, Board};
use crate::storm::{self, storm};

/// Connections for manifests and for blobs.
const MANY: u32 = 16;
const FEW: u32 = 2;

/// Measures manifests, blobs by HTTP and by HTTPS, and boots.
pub(crate) fn run(bench: &Bench, board: &Board) {
    if !["manifests", "blobs", "storm", "ceilings"].iter().any(|part| bench.wants(part)) {
        return;
    }
    let Some(wrk) = program::installed("wrk") else { return };
    let bundle = bench.fresh("large");
    let blob = data::large(&bundle, bench.layer);
    let duel = Duel { wrk: &wrk, rounds: bench.rounds };
    let mut work = Serving { bench, board, duel, bundle, blob };
    if bench.wants("manifests") {
        work.manifests();
    }
    let Some(nginx) = program::installed("nginx") else { return };
    if bench.wants("blobs") {
        work.blobs(&nginx, "http", "P10/http");
        work.blobs(&nginx, "https", "P10/https");
    }
    if bench.wants("storm") {
        work.bundle = bench.fresh("one");
        work.blob = data::one(&work.bundle, storm::FILE);
        work.storm(&nginx);
    }
    if bench.wants("ceilings") {
        ceilings::run(bench, board, &work.duel, &nginx);
    }
}

/// Two servers that are loaded in turn.
pub(crate) struct Duel<'a> {
    wrk: &'a Path,
    rounds: usize,
}

impl Duel<'_> {
    /// kfimg and nginx, by their URLs; the medians of what each managed.
    pub(crate) fn run(&self, what: &str, urls: &[String; 2], connections: u32) -> [Rate; 2] {
        self.against("nginx", what, urls, connections)
    }

    fn against(&self, peer: &str, what: &str, urls: &[String; 2], connections: u32) -> [Rate; 2] {
        // The first time, blobs are hashed and files come into memory.
        for url in urls {
            let _ = load(self.wrk, url, 1);
        }
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..self.rounds {
            urls.iter().zip(&mut rates).for_each(|(url, rates)| rates.push(load(self.wrk, url, connections)));
        }
        println!("{what}");
        let mut names = ["kfimg serve", peer].into_iter();
        rates.map(|rates| {
            let (rate, name) = (middle(rates), names.next().unwrap_or_default());
            println!("  {name:<54} {:>9.0} requests/s, {:.0} MB/s", rate.requests, rate.transfer / 1e6);
            rate
        })
    }

    /// One server without a peer.
    pub(crate) fn alone(&self, url: &str, connections: u32) -> Rate {
        middle((0..self.rounds).map(|_| load(self.wrk, url, connections)).collect())
    }
}

struct Serving<'a> {
    bench: &'a Bench,
    board: &'a Board,
    duel: Duel<'a>,
    bundle: PathBuf,
    blob: Digest,
}

impl Serving<'_> {
    fn kfimg(&self, tls: Option<(&Path, &Path)>) -> Server {
        let port = peers::free_port();
        let mut command = Command::new(&self.bench.kfimg);
        command.arg("serve").arg("--bundle").arg(&self.bundle).args(["--listen", &format!("127.0.0.1:{port}")]);
        if let Some((certificate, key)) = tls {
            command.arg("--tls-cert").arg(certificate).arg("--tls-key").arg(key);
        }
        Server::start(&mut command, port, &self.bench.path("serve.log"))
    }

    fn manifests(&self) {
        let Some(program) = program::installed("docker-registry").or_else(|| peers::built("registry")) else { return };
        let registry = peers::registry(&program, &self.bench.fresh("target"));
        let mut push = Command::new(&self.bench.kfimg);
        push.args(["--quiet", "bundle", "push", "--registry", registry.host(), "--plain-http", registry.host()]);
        measure::run(push.arg("--bundle").arg(&self.bundle));
        let kfimg = self.kfimg(None);
        let (name, tag) = LARGE.split_once(':').expect("the reference has a tag");
        let url = |server: &Server| format!("http://{}/v2/{name}/manifests/{tag}", server.host());
        let urls = [url(&kfimg), url(&registry)];
        let [ours, theirs] = self.duel.against("docker-registry", "manifests by tag", &urls, MANY);
        let took = |rate: &Rate| format!("{:.0} a second", rate.requests);
        let ratio = ours.requests / theirs.requests;
        judge("P9/registry", "manifests by tag, against docker-registry", &took(&ours), ratio);
        drop(registry);
        self.manifests_as_files(&kfimg);
        self.board.peak("kfimg serve", kfimg.peak());
        data::remove(&self.bench.path("target"));
    }

    /// The same manifest as nginx gives a file.
    fn manifests_as_files(&self, kfimg: &Server) {
        let Some(program) = program::installed("nginx") else { return };
        let nginx = peers::nginx(&program, &self.bench.fresh("nginx"), &self.bundle, None);
        let content = Content::open(&self.bundle).expect("a bundle of the bench can be opened");
        let manifest = &content.index().manifests[0].digest;
        let (name, tag) = LARGE.split_once(':').expect("the reference has a tag");
        let urls = [
            format!("http://{}/v2/{name}/manifests/{tag}", kfimg.host()),
            format!("http://{}/blobs/{}/{}", nginx.host(), manifest.algorithm(), manifest.hexadecimal()),
        ];
        let [ours, theirs] = self.duel.run("manifests by tag, and as a file", &urls, MANY);
        let took = format!("{:.0} a second", ours.requests);
        judge("P9/nginx", "manifests by tag, against a file of nginx", &took, ours.requests / theirs.requests);
    }

    fn blobs(&self, program: &Path, scheme: &str, key: &str) {
        let files = (scheme == "https").then(|| self.certificate());
        let tls = files.as_ref().map(|(certificate, key)| (&**certificate, &**key));
        let kfimg = self.kfimg(tls);
        let nginx = peers::nginx(program, &self.bench.fresh("nginx"), &self.bundle, tls);
        let (name, _) = LARGE.split_once(':').expect("the reference has a tag");
        let (algorithm, digits) = (self.blob.algorithm(), self.blob.hexadecimal());
        let urls = [
            format!("{scheme}://{}/v2/{name}/blobs/{}", kfimg.host(), self.blob),
            format!("{scheme}://{}/blobs/{algorithm}/{digits}", nginx.host()),
        ];
        let what = format!("a blob of {} MiB by {scheme}", self.bench.layer >> 20);
        let [ours, theirs] = self.duel.run(&what, &urls, FEW);
        let took = format!("{:.0} MB/s", ours.transfer / 1e6);
        judge(key, &format!("{what}, against nginx"), &took, ours.transfer / theirs.transfer);
        self.board.peak(&format!("kfimg serve ({scheme}, blobs)"), kfimg.peak());
    }

    fn storm(&self, program: &Path) {
        let (kfimg, nginx) = (self.kfimg(None), peers::nginx(program, &self.bench.fresh("nginx"), &self.bundle, None));
        let (name, _) = LARGE.split_once(':').expect("the reference has a tag");
        let (algorithm, digits) = (self.blob.algorithm(), self.blob.hexadecimal());
        let paths = [format!("/v2/{name}/blobs/{}", self.blob), format!("/blobs/{algorithm}/{digits}")];
        let p99s: [RefCell<Vec<f64>>; 2] = Default::default();
        let contender = |number: usize, name, server: &Server| {
            let (host, path, p99s) = (server.host().to_owned(), &paths[number], &p99s[number]);
            Contender::new(name, move || {
                let went = storm(&host, path);
                p99s.borrow_mut().push(went.p99.as_secs_f64());
                went.all
            })
        };
        let mut contenders = [contender(0, "kfimg serve", &kfimg), contender(1, "nginx", &nginx)];
        let medians = race("256 machines fetch 160 MiB at once, by http", self.bench.rounds, &mut contenders);
        drop(contenders);
        let [ours, theirs] = p99s.map(|times| median(&mut times.into_inner()));
        judge("P11/all", "256 machines at once, against nginx", &milliseconds(medians[0]), medians[1] / medians[0]);
        let what = "256 machines at once, time of 99 of 100 against nginx";
        judge("P11/p99", what, &milliseconds(ours), ours / theirs);
        self.board.peak("kfimg serve (256 machines)", kfimg.peak());
    }

    /// A certificate that signs itself, and its key.
    fn certificate(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = (self.bench.path("server.crt"), self.bench.path("server.key"));
        let mut openssl = Command::new("openssl");
        openssl.args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -batch".split(' '));
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]);
        let output = openssl.arg("-out").arg(&certificate).arg("-keyout").arg(&key).output();
        assert!(output.is_ok_and(|output| output.status.success()), "{openssl:?} makes a certificate");
        (certificate, key)
    }
}

/// The median by what was transferred.
fn middle(mut rates: Vec<Rate>) -> Rate {
    rates.sort_by(|a, b| a.transfer.total_cmp(&b.transfer));
    rates.swap_remove(rates.len() / 2)
}
