//! `make bench`: how fast disks take the forms of hypervisors, as ratios against qemu-img in the same run.
//!
//! What is compressed are programs and libraries of this machine. qemu-img does not sync what it writes, kfimg does.
//! `KFIMG_BENCH_MIB` sets how much there is of them (256), `KFIMG_BENCH_ROUNDS` the rounds (5).

use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::extents::Extents;
use kfimg_builder::output::Watch;
use kfimg_builder::ova::{self, Machine};
use kfimg_builder::parts::Parts;
use kfimg_builder::{qcow2, vmdk};
use kfimg_images::Architecture;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use measure::{Contender, at_most, high_water, milliseconds, number, race};

#[path = "../../cli/benches/measure/mod.rs"]
mod measure;

/// The limit of memory of a build, in bytes.
const PEAK: u64 = 256 << 20;
/// Places of programs and libraries.
const SOURCES: [&str; 3] = ["/usr/bin", "/usr/lib", "/usr/share"];

struct Bench {
    folder: PathBuf,
    rounds: usize,
    parts: Parts,
    content: Extents,
}

fn main() {
    let scratch = tempfile::tempdir().expect("a folder for the measurements");
    let bench = Bench::new(scratch.path());
    bench.vmdk();
    bench.qcow2();
    let peak = high_water("self");
    println!("memory");
    let took = format!("{} MiB", peak >> 20);
    at_most(
        "build",
        &format!("memory of kfimg's writers against {} MiB", PEAK >> 20),
        &took,
        peak as f64 / PEAK as f64,
        1.0,
    );
    measure::publish("bench outputs");
}

impl Bench {
    fn new(folder: &Path) -> Self {
        let place = |name: &str| folder.join(name);
        let bytes = (number("KFIMG_BENCH_MIB", 256) as u64) << 20;
        collect(&place("root.img"), bytes);
        let mut level = bytes / 4096;
        let mut tree = 1;
        while level > 1 {
            level = level.div_ceil(128);
            tree += level;
        }
        fs::write(place("root.verity"), vec![1; usize::try_from(tree * 4096).expect("small")]).expect("written");
        fs::write(place("kernel.efi"), vec![1; 1 << 20]).expect("written");
        let parts = Parts {
            architecture: Architecture::Amd64,
            image_id: "bench".into(),
            image_version: "1".into(),
            kernel: place("none"),
            initrd: place("none"),
            root: place("root.img"),
            verity: place("root.verity"),
            root_hash: "0123456789abcdef".repeat(4),
            command_line: String::new(),
            os_release: Vec::new(),
            stub: None,
            source_date_epoch: 0,
        };
        let content = disk::content(&parts, &place("kernel.efi"), DiskSizes::default()).expect("the parts fit");
        disk::write_raw(&content, &place("disk.raw"), &Watch::default()).expect("written");
        Self { folder: folder.to_owned(), rounds: measure::rounds(), parts, content }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn vmdk(&self) {
        let convert = || self.convert(&["-O", "vmdk", "-o", "subformat=streamOptimized"], "peer.vmdk");
        let own = || {
            vmdk::write(&self.content, &self.parts.root_hash, &self.path("own.vmdk"), &Watch::default())
                .expect("written")
        };
        let appliance = || {
            let (kernel, path) = (self.path("kernel.efi"), self.path("own.ova"));
            ova::write(&self.parts, &kernel, DiskSizes::default(), Machine::default(), &path, &Watch::default())
                .expect("written");
        };
        let mut contenders = [
            Contender::whole("qemu-img", convert),
            Contender::whole("kfimg", own),
            Contender::whole("kfimg, a whole appliance", appliance),
        ];
        let times = race("streamOptimized VMDK", self.rounds, &mut contenders);
        let ratio = |number: usize| times[number] / times[0];
        at_most("P18", "streamOptimized VMDK, against qemu-img", &milliseconds(times[1]), ratio(1), 0.35);
        at_most("P18", "a whole appliance, against qemu-img's disk", &milliseconds(times[2]), ratio(2), 0.35);
        at_most("P18", "its size, against qemu-img's", "", self.sizes("own.vmdk", "peer.vmdk"), 1.03);
    }

    fn qcow2(&self) {
        let convert = || self.convert(&["-c", "-O", "qcow2", "-o", "compression_type=zstd"], "peer.qcow2");
        let own = || qcow2::write(&self.content, &self.path("own.qcow2"), &Watch::default()).expect("written");
        let mut contenders = [Contender::whole("qemu-img", convert), Contender::whole("kfimg", own)];
        let times = race("qcow2 with zstd", self.rounds, &mut contenders);
        at_most("P17", "qcow2 with zstd, against qemu-img", &milliseconds(times[1]), times[1] / times[0], 0.6);
        at_most("P17", "its size, against qemu-img's", "", self.sizes("own.qcow2", "peer.qcow2"), 1.03);
    }

    fn convert(&self, words: &[&str], name: &str) {
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", "raw"]).args(words).arg(self.path("disk.raw")).arg(self.path(name));
        let status = command.stdout(Stdio::null()).status().expect("qemu-img is installed: package qemu-utils");
        assert!(status.success(), "{command:?}");
    }

    fn sizes(&self, own: &str, peer: &str) -> f64 {
        let [own, peer] = [own, peer].map(|name| fs::metadata(self.path(name)).expect("it was written").len());
        own as f64 / peer as f64
    }
}

/// Files of this machine one after the other, up to so many bytes.
fn collect(target: &Path, bytes: u64) {
    let mut out = io::BufWriter::new(File::create(target).expect("the scratch folder can be written to"));
    let mut rest = bytes;
    let mut folders: Vec<PathBuf> = SOURCES.iter().rev().map(PathBuf::from).collect();
    while let Some(folder) = folders.pop().filter(|_| rest > 0) {
        let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    let Ok(file) = File::open(entry.path()) else { continue };
                    rest -= io::copy(&mut file.take(rest), &mut out).expect("the scratch folder can be written to");
                }
                _ => {}
            }
        }
    }
    assert!(rest == 0, "this machine has too few files for {bytes} bytes: set KFIMG_BENCH_MIB");
    out.flush().expect("the scratch folder can be written to");
}
