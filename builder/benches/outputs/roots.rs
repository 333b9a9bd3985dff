//! A tree of files as a read-only root, against the formats' own programs, which kfimg runs too: what is measured is what it adds. And
//! the whole way from a tree to a disk for a hypervisor, against the short one without verification.

use crate::measure::{Contender, judge, milliseconds, race, run};
use crate::{Bench, bytes, data, memory, sync};
use kfimg_builder::fake::{self, FakeBase, ReadBase};
use kfimg_builder::lint::LINTS;
use kfimg_builder::{OutputKind, Request, RootFormat, build};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const ARCHITECTURE: Architecture =
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::Amd64 };

/// A base as a folder: what lints want, and files of this machine.
struct Tree<'a> {
    bench: &'a Bench,
    folder: PathBuf,
    /// The same as a tar.
    packed: PathBuf,
    bytes: u64,
}

/// A format, the goals of its writing, and the files that are written.
struct Format {
    keys: [&'static str; 4],
    peer: &'static str,
    own: &'static str,
    other: &'static str,
}

/// Measures both formats, and the way to a disk.
pub(crate) fn run_all(bench: &Bench) {
    let tree = Tree::new(bench);
    let base = ReadBase::of(&tree.folder, &bench.folder);
    tree.erofs(&base);
    tree.squashfs(&base);
    drop(base);
    tree.to_qcow2();
}

impl<'a> Tree<'a> {
    fn new(bench: &'a Bench) -> Self {
        let (folder, packed) = (bench.path("base"), bench.path("base.tar"));
        FakeBase::new(ARCHITECTURE).stub(ARCHITECTURE).write(&packed);
        fs::create_dir(&folder).expect("the scratch folder can be written to");
        run(Command::new("tar").arg("-C").arg(&folder).arg("-xf").arg(&packed));
        let bytes = bytes();
        data::tree(&folder.join("usr/share/bench"), bytes);
        run(Command::new("tar").arg("-C").arg(&folder).args(["--sort=name", "-cf"]).arg(&packed).arg("."));
        Self { bench, folder, packed, bytes }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    fn erofs(&self, base: &ReadBase) {
        if let Err(error) = base.write_root(RootFormat::Erofs, &self.path("own.erofs")) {
            println!("P15 is left out: {error}");
            return;
        }
        let options = ["--quiet", "-zlz4hc", "-T", "0"];
        let format = Format {
            keys: ["P15/time", "P15/tar", "P15/most", "P15/least"],
            peer: "mkfs.erofs, LZ4 high compression",
            own: "own.erofs",
            other: "peer.erofs",
        };
        let of_folder = |target: &Path| run(Command::new("mkfs.erofs").args(options).args([target, &self.folder])).peak;
        let of_tar = |target: &Path| {
            run(Command::new("mkfs.erofs").args(options).arg("--tar=f").args([target, &self.packed])).peak
        };
        let own = |target: &Path| base.write_root(RootFormat::Erofs, target).expect("it was written before");
        self.compare(&format, &of_folder, &of_tar, &own);
    }

    fn squashfs(&self, base: &ReadBase) {
        let options =
            ["-noappend", "-quiet", "-no-progress", "-comp", "zstd", "-Xcompression-level", "5", "-mem", "96M"];
        let format = Format {
            keys: ["P16/time", "P16/tar", "P16/most", "P16/least"],
            peer: "mksquashfs, zstd",
            own: "own.squashfs",
            other: "peer.squashfs",
        };
        let of_folder = |target: &Path| run(Command::new("mksquashfs").args([&self.folder, target]).args(options)).peak;
        // It reads a tar from its standard input alone.
        let script = "tar=$1 target=$2; shift 2; exec mksquashfs - \"$target\" -tar \"$@\" <\"$tar\"";
        let of_tar = |target: &Path| {
            run(Command::new("sh").args(["-c", script, "sh"]).args([&self.packed, target]).args(options)).peak
        };
        let own = |target: &Path| base.write_root(RootFormat::Squashfs, target).expect("mksquashfs is there");
        self.compare(&format, &of_folder, &of_tar, &own);
    }

    /// What the program takes of memory alone it takes for kfimg.
    fn compare(
        &self,
        format: &Format,
        of_folder: &dyn Fn(&Path) -> u64,
        of_tar: &dyn Fn(&Path) -> u64,
        own: &dyn Fn(&Path),
    ) {
        let peak = Cell::new(0);
        let (mine, other) = (self.path(format.own), self.path(format.other));
        let alone = |program: &dyn Fn(&Path) -> u64| {
            // EROFS' program leaves what lies behind its own end.
            let _ = fs::remove_file(&other);
            peak.set(program(&other).max(peak.get()));
            sync(&other);
        };
        let mut contenders = [
            Contender::whole("the program alone, of a tar", || alone(of_tar)),
            Contender::whole("the program alone, of the folder", || alone(of_folder)),
            Contender::whole("kfimg, with listing and digests", || own(&mine)),
        ];
        let times = race(&format!("a root: {}", format.peer), self.bench.rounds, &mut contenders);
        let (peer, took) = (format.peer, milliseconds(times[2]));
        let [time, tar, most, least] = format.keys;
        judge(time, &format!("a root, against {peer}, of a folder"), &took, times[2] / times[1]);
        judge(tar, &format!("a root, against {peer}, of a tar"), &took, times[2] / times[0]);
        let size = data::sizes(&mine, &other);
        judge(most, "its size, against theirs", "", size);
        judge(least, "its size, against theirs", "", size);
        memory(peer, peak.get());
    }

    fn to_qcow2(&self) {
        fake::bundle(&self.path("bundle"), ARCHITECTURE);
        let bundle = Content::open(&self.path("bundle")).expect("it was made just now");
        let own = || self.build(&bundle);
        let peer = || self.peer();
        let mut contenders = [
            Contender::whole("mke2fs -d, then qemu-img", peer),
            Contender::whole("kfimg build, verified, with a boot path", own),
        ];
        let times = race("P19: from a tree to a qcow2 with zstd", self.bench.rounds, &mut contenders);
        let took = milliseconds(times[1]);
        judge("P19/time", "a tree to a qcow2, against mke2fs and qemu-img", &took, times[1] / times[0]);
        let ratio = data::sizes(&self.path("out/disk.qcow2"), &self.path("peer.ext4.qcow2"));
        judge("P19/size", "its size, against theirs", "", ratio);
    }

    fn peer(&self) {
        let (disk, packed) = (self.path("peer.ext4"), self.path("peer.ext4.qcow2"));
        let _ = fs::remove_file(&disk);
        let mebibytes = ((self.bytes + self.bytes / 4) >> 20) + 64;
        let mut mke2fs = Command::new("mke2fs");
        mke2fs.env("PATH", path()).args(["-q", "-t", "ext4", "-d"]).args([&self.folder, &disk]);
        run(mke2fs.arg(format!("{mebibytes}M")));
        let mut convert = Command::new("qemu-img");
        convert.args(["convert", "-f", "raw", "-c", "-O", "qcow2", "-o", "compression_type=zstd"]);
        run(convert.args([&disk, &packed]));
        sync(&packed);
    }

    fn build(&self, bundle: &Content) {
        let folder = self.path("out");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("the scratch folder can be written to");
        // This machine's files are no system, and may be what no image should have.
        let allowed: Vec<String> = LINTS.iter().map(|lint| lint.id.to_owned()).collect();
        let (base, outputs) = (self.folder.display().to_string(), BTreeSet::from([OutputKind::Qcow2]));
        let plain = fake::request(&base, bundle, &outputs, &folder);
        let request = Request { architecture: ARCHITECTURE, image_id: "bench", allowed: &allowed, ..plain };
        build(&request, &Stop::new(), &|_| {}).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// mke2fs lies where an ordinary user does not look.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}
