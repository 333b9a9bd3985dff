//! A disk in the forms of hypervisors, against qemu-img.

use crate::Bench;
use crate::data;
use crate::measure::{number, race, run, sizes};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::extents::Extents;
use kfimg_builder::ova::{self, Machine};
use kfimg_builder::parts::Parts;
use kfimg_builder::{qcow2, vmdk};
use kfimg_images::Architecture;
use std::fs;
use std::process::Command;

/// A disk with content, and the same as a plain file.
struct Disk<'a> {
    bench: &'a Bench,
    parts: Parts,
    content: Extents,
}

/// Measures all forms.
pub(crate) fn run_all(bench: &Bench) {
    let disk = Disk::new(bench);
    disk.vmdk();
    disk.qcow2();
}

impl<'a> Disk<'a> {
    fn new(bench: &'a Bench) -> Self {
        let place = |name: &str| bench.path(name);
        let bytes = number("KFIMG_BENCH_MIB", 256) << 20;
        data::one_file(&place("root.img"), bytes);
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
        disk::write_raw(&content, &place("disk.raw")).expect("written");
        Self { bench, parts, content }
    }

    fn vmdk(&self) {
        let path = |name: &str| self.bench.path(name);
        let convert = || self.convert(&["-O", "vmdk", "-o", "subformat=streamOptimized"], "peer.vmdk");
        let own = || vmdk::write(&self.content, &self.parts.root_hash, &path("own.vmdk")).expect("written");
        let appliance = || {
            let kernel = path("kernel.efi");
            ova::write(&self.parts, &kernel, DiskSizes::default(), Machine::default(), &path("own.ova"))
                .expect("written");
        };
        println!("P18: streamOptimized VMDK");
        let contenders: [(&str, &dyn Fn()); 3] =
            [("qemu-img", &convert), ("kfimg", &own), ("kfimg, a whole appliance", &appliance)];
        let times = race(self.bench.rounds, &contenders);
        let judge = &self.bench.judge;
        judge.at_most("kfimg against qemu-img, time", times[1] / times[0], 0.35);
        judge.at_most("a whole appliance against qemu-img's disk, time", times[2] / times[0], 0.35);
        judge.at_most("kfimg against qemu-img, size", sizes(&path("own.vmdk"), &path("peer.vmdk")), 1.03);
    }

    fn qcow2(&self) {
        let path = |name: &str| self.bench.path(name);
        let convert = || self.convert(&["-c", "-O", "qcow2", "-o", "compression_type=zstd"], "peer.qcow2");
        let own = || qcow2::write(&self.content, &path("own.qcow2")).expect("written");
        println!("P17: qcow2 with zstd");
        let times = race(self.bench.rounds, &[("qemu-img", &convert), ("kfimg", &own)]);
        let judge = &self.bench.judge;
        judge.at_most("kfimg against qemu-img, time", times[1] / times[0], 0.6);
        judge.at_most("kfimg against qemu-img, size", sizes(&path("own.qcow2"), &path("peer.qcow2")), 1.03);
    }

    fn convert(&self, words: &[&str], name: &str) {
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", "raw"]).args(words);
        run(command.arg(self.bench.path("disk.raw")).arg(self.bench.path(name)));
    }
}
