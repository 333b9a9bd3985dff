//! A tree of files as a read-only root, against the formats' own programs, which kfimg runs too: what is measured is what it adds. And
//! the whole way from a tree to a disk for a hypervisor, against the short one without verification.

use crate::Bench;
use crate::data;
use crate::measure::{number, race, run, sizes};
use kfimg_builder::fake::{self, FakeBase, ReadBase};
use kfimg_builder::lint::LINTS;
use kfimg_builder::{DiskSizes, OutputKind, Request, RootFormat, build, uki};
use kfimg_images::Architecture;
use kfimg_images::content::Content;
use kfimg_images::stop::Stop;
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
    bytes: u64,
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
        let stub = uki::stub_place(ARCHITECTURE);
        let mut base = FakeBase::new(ARCHITECTURE);
        base.file(stub, 0o644, fs::read(Path::new("/").join(stub)).expect("`make bench` installs systemd-boot-efi"));
        base.write(&packed);
        fs::create_dir(&folder).expect("the scratch folder can be written to");
        run(Command::new("tar").arg("-C").arg(&folder).arg("-xf").arg(&packed));
        let bytes = number("KFIMG_BENCH_MIB", 256) << 20;
        data::tree(&folder.join("usr/share/bench"), bytes);
        Self { bench, folder, bytes }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.bench.path(name)
    }

    fn erofs(&self, base: &ReadBase) {
        println!("P15: EROFS, LZ4 high compression");
        if let Err(error) = base.write_root(RootFormat::Erofs, &self.path("own.erofs")) {
            println!("  left out: {error}");
            return;
        }
        let own = || base.write_root(RootFormat::Erofs, &self.path("own.erofs")).expect("it was written before");
        let peer = || {
            let mut mkfs = Command::new("mkfs.erofs");
            run(mkfs.args(["--quiet", "-zlz4hc", "-T", "0"]).args([&self.path("peer.erofs"), &self.folder]));
        };
        self.judge("mkfs.erofs", &peer, &own, ["own.erofs", "peer.erofs"]);
    }

    fn squashfs(&self, base: &ReadBase) {
        println!("P16: squashfs, zstd");
        let own = || base.write_root(RootFormat::Squashfs, &self.path("own.squashfs")).expect("mksquashfs is there");
        let peer = || {
            let mut mksquashfs = Command::new("mksquashfs");
            mksquashfs.args([&self.folder, &self.path("peer.squashfs")]).args(["-noappend", "-quiet", "-no-progress"]);
            run(mksquashfs.args(["-comp", "zstd", "-Xcompression-level", "9", "-mem", "96M"]));
        };
        self.judge("mksquashfs", &peer, &own, ["own.squashfs", "peer.squashfs"]);
    }

    fn judge(&self, peer: &str, theirs: &dyn Fn(), ours: &dyn Fn(), [own, other]: [&str; 2]) {
        let times = race(
            self.bench.rounds,
            &[(&format!("{peer} of the folder"), theirs), ("kfimg, with listing, digests and sync", ours)],
        );
        let judge = &self.bench.judge;
        judge.at_most(&format!("kfimg against {peer}, time"), times[1] / times[0], 1.05);
        judge.within(&format!("kfimg against {peer}, size"), sizes(&self.path(own), &self.path(other)), 0.02);
    }

    fn to_qcow2(&self) {
        println!("P19: from a tree to a qcow2 with zstd");
        fake::bundle(&self.path("bundle"), ARCHITECTURE);
        let bundle = Content::open(&self.path("bundle")).expect("it was made just now");
        let own = || self.build(&bundle);
        let peer = || self.peer();
        let times = race(
            self.bench.rounds,
            &[("mke2fs -d, then qemu-img", &peer), ("kfimg build, verified, with a boot path", &own)],
        );
        let judge = &self.bench.judge;
        judge.at_most("kfimg against mke2fs and qemu-img, time", times[1] / times[0], 0.6);
        let ratio = sizes(&self.path("out/disk.qcow2"), &self.path("peer.ext4.qcow2"));
        judge.at_most("kfimg against mke2fs and qemu-img, size", ratio, 1.03);
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
        run(convert.args([disk, packed]));
    }

    fn build(&self, bundle: &Content) {
        let folder = self.path("out");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir(&folder).expect("the scratch folder can be written to");
        // This machine's files are no system, and may be what no image should have.
        let allowed: Vec<String> = LINTS.iter().map(|lint| lint.id.to_owned()).collect();
        let request = Request {
            base: &self.folder.display().to_string(),
            bundle,
            agent: None,
            architecture: ARCHITECTURE,
            outputs: &BTreeSet::from([OutputKind::Qcow2]),
            root: RootFormat::Squashfs,
            image_id: "bench",
            image_version: None,
            source_date_epoch: None,
            preload: None,
            allowed: &allowed,
            command_line: "",
            root_url: None,
            disk: DiskSizes::default(),
            signer: None,
            folder: &folder,
        };
        build(&request, &Stop::new(), &|_| {}).unwrap_or_else(|error| panic!("{error}"));
    }
}

/// mke2fs lies where an ordinary user does not look.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}
