//! What is made, carried and checked: pull, pack, load, verify, push, repair. Deltas are in [`crate::delta`].

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use kfimg_images::digest::Digest;

use crate::Bench;
use crate::data::{self, LARGE, SMALL_IMAGES, small_reference};
use crate::limits;
use crate::measure::{self, Contender, judge, milliseconds, race};
use crate::peers::{self, Copier};
use crate::program::{self, Board};
use crate::proxy::Relay;

/// Images that a peer pushes again; its time is scaled up.
const PEER_IMAGES: usize = 20;

/// Measures all of it.
pub(crate) fn run(bench: &Bench, board: &Board) {
    if !PARTS.iter().any(|(part, _)| bench.wants(part)) {
        return;
    }
    let Some(program) = program::installed("docker-registry").or_else(|| peers::built("registry")) else { return };
    let bundle = bench.path("large");
    let blob = data::large(&bundle, bench.layer);
    limits::settle(&bundle);
    println!("an image of {} MiB in 19 layers; {} rounds, medians", data::size(&bundle) >> 20, bench.rounds);
    let work = Work { bench, board, program, copiers: peers::copiers(), bundle };
    for (_, measure) in PARTS.iter().filter(|(part, _)| bench.wants(part)) {
        measure(&work, &blob);
    }
}

/// A part, and what measures it.
type Part = (&'static str, fn(&Work<'_>, &Digest));

/// In this order.
const PARTS: [Part; 7] = [
    ("pull", |work, blob| work.pull(blob)),
    ("pack", |work, _| work.pack()),
    ("verify", |work, _| work.verify()),
    ("push", |work, _| work.push()),
    ("load", |work, _| work.load()),
    ("again", |work, _| work.push_again()),
    ("delta", |work, _| crate::delta::run(work)),
];

/// What the measurements share.
pub(crate) struct Work<'a> {
    pub(crate) bench: &'a Bench,
    board: &'a Board,
    /// The registry.
    pub(crate) program: PathBuf,
    copiers: Vec<Copier>,
    /// The bundle with the large image.
    bundle: PathBuf,
}

impl Work<'_> {
    /// Runs `kfimg bundle <command>` and keeps its peak of memory.
    pub(crate) fn kfimg(&self, command: &str, arguments: impl FnOnce(&mut Command)) -> Duration {
        let mut kfimg = Command::new(&self.bench.kfimg);
        kfimg.args(["--quiet", "bundle", command]).current_dir(&self.bench.folder);
        arguments(&mut kfimg);
        let took = measure::run(&mut kfimg);
        self.board.peak(&format!("kfimg bundle {command}"), took.peak);
        took.time
    }

    pub(crate) fn create(&self, host: &str, output: &Path, more: &[&str]) -> Duration {
        self.kfimg("create", |kfimg| {
            kfimg.args(["--images-only", "--arch", "amd64", "--image", LARGE, "--mirror", host, "--mirrors-only"]);
            kfimg.args(["--plain-http", host, "--update", "-o"]).arg(output).args(more);
        })
    }

    pub(crate) fn send(&self, bundle: &Path, host: &str) -> Duration {
        self.kfimg("push", |kfimg| {
            kfimg.arg("--bundle").arg(bundle).args(["--registry", host, "--plain-http", host]);
        })
    }

    /// Lets kfimg and each copier do the same, beside these limits; judges kfimg against the copiers, and returns the medians of kfimg
    /// and of the limits.
    fn race<'b>(
        &'b self,
        key: &str,
        what: &str,
        kfimg: impl FnMut() -> Duration + 'b,
        peer: impl Fn(&Copier) -> Duration + 'b,
        limits: Vec<Contender<'b>>,
    ) -> Vec<f64> {
        let peer = &peer;
        let mut contenders = vec![Contender::new("kfimg", kfimg)];
        contenders.extend(self.copiers.iter().map(|copier| Contender::new(copier.name, move || peer(copier))));
        contenders.extend(limits);
        let mut medians = race(what, self.bench.rounds, &mut contenders);
        for (copier, median) in self.copiers.iter().zip(&medians[1..]) {
            let against = format!("{what}, against {}", copier.name);
            judge(key, &against, &milliseconds(medians[0]), medians[0] / median);
        }
        medians.drain(1..=self.copiers.len());
        medians
    }

    fn pull(&self, blob: &Digest) {
        let server = peers::registry(&self.program, &self.bench.fresh("upstream"));
        self.send(&self.bundle, server.host());
        let kfimg = || self.create(server.host(), &self.bench.fresh("pulled"), &[]);
        let peer = |copier: &Copier| {
            let target = self.bench.fresh("copied");
            copier.copy(&format!("docker://{}/{LARGE}", server.host()), &format!("oci:{}:1", target.display()))
        };
        let (bytes, paths) = (data::size(&self.bundle), data::blob_paths(&self.bundle));
        let limits = vec![
            Contender::new("limit: SHA-256 on every core", || limits::hash(bytes)),
            Contender::new("limit: receiving", || limits::receive(server.host(), &paths)),
            Contender::new("limit: writing and syncing", || limits::write(bytes, &self.bench.path("limit"))),
        ];
        let what = "registry to a fresh store";
        let medians = self.race("P1/skopeo", what, kfimg, peer, limits);
        let limit = medians[1..].iter().copied().fold(0.0, f64::max);
        judge("P1/limit", &format!("{what}, against the slowest of these limits"), "", medians[0] / limit);
        data::remove(&self.bench.path("limit"));
        data::remove(&self.bench.path("copied"));
        self.repair(server.host(), blob);
        data::remove(&self.bench.path("pulled"));
        data::remove(&self.bench.path("upstream"));
    }

    /// One byte of one blob is wrong: the bytes that come are those of the blob, and the time is that of fetching it alone, and of
    /// reading all that is there.
    fn repair(&self, host: &str, blob: &Digest) {
        let pulled = self.bench.path("pulled");
        let path = pulled.join("blobs").join(blob.algorithm()).join(blob.hexadecimal());
        let size = fs::metadata(&path).expect("the bundle has its blobs").len();
        let damage = || {
            let file = OpenOptions::new().write(true).open(&path).expect("a blob can be written to");
            file.write_all_at(b"wrong", size / 2).expect("a blob can be written to");
        };
        damage();
        let relay = Relay::start(host);
        self.create(relay.host(), &pulled, &[]);
        let what = "repair of one of 20 blobs";
        let alone = peers::registry(&self.program, &self.bench.fresh("alone"));
        let one = self.bench.fresh("one");
        data::one(&one, usize::try_from(size).expect("it was in memory"));
        self.send(&one, alone.host());
        let kfimg = || {
            damage();
            self.create(host, &pulled, &[])
        };
        let fetching = || self.create(alone.host(), &self.bench.fresh("fetched"), &[]);
        let reading = || self.verified(&pulled);
        let mut contenders = [
            Contender::new("kfimg", kfimg),
            Contender::new("limit: fetching an image of such a blob", fetching),
            Contender::new("limit: kfimg bundle verify", reading),
        ];
        let medians = race(what, self.bench.rounds, &mut contenders);
        let received = relay.sent() as f64 / size as f64;
        judge("P7/bytes", &format!("{what}, bytes received against those of that blob"), "", received);
        let against = format!("{what}, time against fetching that blob and reading all");
        judge("P7/time", &against, &milliseconds(medians[0]), medians[0] / (medians[1] + medians[2]));
        ["alone", "one", "fetched"].iter().for_each(|name| data::remove(&self.bench.path(name)));
    }

    fn pack(&self) {
        let kfimg = || self.packed("packed.tar");
        let peer = |copier: &Copier| {
            let target = self.bench.fresh("copied.tar");
            copier.copy(&format!("oci:{}:{LARGE}", self.bundle.display()), &format!("oci-archive:{}", target.display()))
        };
        let limit = || limits::one_pass(&self.bundle, &self.bench.path("limit"));
        let what = "store to one file";
        let limits = vec![Contender::new("limit: the same bytes into one file, synced", limit)];
        let medians = self.race("P3/skopeo", what, kfimg, peer, limits);
        judge("P3/limit", &format!("{what}, against one pass over its bytes"), "", medians[0] / medians[1]);
        ["packed.tar", "copied.tar", "limit"].iter().for_each(|name| data::remove(&self.bench.path(name)));
    }

    fn packed(&self, name: &str) -> Duration {
        let target = self.bench.fresh(name);
        self.kfimg("pack", |kfimg| {
            kfimg.arg("--bundle").arg(&self.bundle).arg("-o").arg(target);
        })
    }

    fn verified(&self, bundle: &Path) -> Duration {
        self.kfimg("verify", |kfimg| {
            kfimg.arg("--bundle").arg(bundle);
        })
    }

    fn verify(&self) {
        let bytes = data::size(&self.bundle);
        let kfimg = || self.verified(&self.bundle);
        let mut contenders = [
            Contender::new("kfimg", kfimg),
            Contender::new("limit: SHA-256 on every core", || limits::hash(bytes)),
            Contender::new("limit: the files read and hashed on every core", || limits::read_and_hash(&self.bundle)),
            Contender::new("openssl, one file on each core", || peers::openssl(&self.bundle)),
        ];
        let medians = race("verify", self.bench.rounds, &mut contenders);
        let took = milliseconds(medians[0]);
        judge("P6/hash", "verify, against SHA-256 on every core", &took, medians[1] / medians[0]);
        judge("P6/read", "verify, against reading and hashing", &took, medians[2] / medians[0]);
        judge("P6/openssl", "verify, against openssl on every core", &took, medians[3] / medians[0]);
    }

    fn push(&self) {
        // Every round has a registry of its own, or there would be nothing to push.
        let kfimg = || {
            let server = self.target();
            self.send(&self.bundle, server.host())
        };
        let peer = |copier: &Copier| {
            let server = self.target();
            let target = format!("docker://{}/{LARGE}", server.host());
            copier.copy(&format!("oci:{}:{LARGE}", self.bundle.display()), &target)
        };
        self.race("P2/skopeo", "store to a fresh registry", kfimg, peer, Vec::new());
        data::remove(&self.bench.path("target"));
    }

    /// A registry that has nothing.
    fn target(&self) -> peers::Server {
        peers::registry(&self.program, &self.bench.fresh("target"))
    }

    /// One file into a fresh registry, as it comes on a medium; the fastest peer counts.
    fn load(&self) {
        self.packed("packed.tar");
        let tar = self.bench.path("packed.tar");
        let regctl = peers::built("regctl");
        let mut contenders = vec![Contender::new("kfimg", || {
            let server = self.target();
            self.send(&tar, server.host())
        })];
        for copier in &self.copiers {
            let tar = &tar;
            contenders.push(Contender::new(copier.name, move || {
                let server = self.target();
                let target = format!("docker://{}/{LARGE}", server.host());
                copier.copy(&format!("oci-archive:{}:{LARGE}", tar.display()), &target)
            }));
        }
        if let Some(regctl) = &regctl {
            let tar = &tar;
            contenders.push(Contender::new("regctl image import", move || {
                let server = self.target();
                let mut command = Command::new(regctl);
                command
                    .arg(format!("--host=reg={},tls=disabled", server.host()))
                    .args(["image", "import", "--name", LARGE]);
                measure::run(command.arg(format!("{}/{LARGE}", server.host())).arg(tar)).time
            }));
        }
        let what = "one file to a fresh registry";
        let medians = race(what, self.bench.rounds, &mut contenders);
        drop(contenders);
        if let Some(best) = medians[1..].iter().copied().reduce(f64::min) {
            let against = format!("{what}, against the fastest of the peers");
            judge("P4/peers", &against, &milliseconds(medians[0]), medians[0] / best);
        }
        data::remove(&tar);
        data::remove(&self.bench.path("target"));
    }

    fn push_again(&self) {
        let bundle = self.bench.path("small");
        data::small(&bundle);
        let server = self.target();
        self.send(&bundle, server.host());
        let peer = |copier: &Copier| {
            let one = |number: usize| {
                let name = small_reference(number);
                copier.copy(&format!("oci:{}:{name}", bundle.display()), &format!("docker://{}/{name}", server.host()))
            };
            let time: Duration = (0..PEER_IMAGES).map(one).sum();
            time.mul_f64(SMALL_IMAGES as f64 / PEER_IMAGES as f64)
        };
        let what = format!("{SMALL_IMAGES} images that are there already (peers: {PEER_IMAGES}, scaled)");
        let medians = self.race("P5/skopeo", &what, || self.send(&bundle, server.host()), peer, Vec::new());
        let a_minute = SMALL_IMAGES as f64 / medians[0] * 60.0;
        judge("P5/minute", "images that are there already, thousands a minute", "", a_minute / 1e3);
        data::remove(&bundle);
        data::remove(&self.bench.path("target"));
    }
}
