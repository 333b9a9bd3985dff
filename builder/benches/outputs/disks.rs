//! A disk in the forms of hypervisors, against qemu-img.

use crate::measure::{Contender, judge, milliseconds, race, run};
use crate::{Bench, bytes, data, sync};
use kfimg_builder::disk::{self, DiskSizes};
use kfimg_builder::extents::Extents;
use kfimg_builder::output::Watch;
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
        let bytes = bytes();
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
        disk::write_raw(&content, &place("disk.raw"), &Watch::default()).expect("written");
        Self { bench, parts, content }
    }

    fn vmdk(&self) {
        let path = |name: &str| self.bench.path(name);
        let convert = || self.convert(&["-O", "vmdk", "-o", "subformat=streamOptimized"], "peer.vmdk");
        let own = || {
            vmdk::write(&self.content, &self.parts.root_hash, &path("own.vmdk"), &Watch::default()).expect("written");
        };
        let appliance = || {
            let kernel = path("kernel.efi");
            ova::write(
                &self.parts,
                &kernel,
                DiskSizes::default(),
                Machine::default(),
                &path("own.ova"),
                &Watch::default(),
            )
            .expect("written");
        };
        let mut contenders = [
            Contender::whole("qemu-img", convert),
            Contender::whole("kfimg", own),
            Contender::whole("kfimg, a whole appliance", appliance),
        ];
        let times = race("P18: streamOptimized VMDK", self.bench.rounds, &mut contenders);
        let against = |number: usize| times[number] / times[0];
        judge("P18/time", "streamOptimized VMDK, against qemu-img", &milliseconds(times[1]), against(1));
        judge("P18/appliance", "a whole appliance, against qemu-img's disk", &milliseconds(times[2]), against(2));
        judge("P18/size", "its size, against qemu-img's", "", data::sizes(&path("own.vmdk"), &path("peer.vmdk")));
    }

    fn qcow2(&self) {
        let path = |name: &str| self.bench.path(name);
        let convert = || self.convert(&["-c", "-O", "qcow2", "-o", "compression_type=zstd"], "peer.qcow2");
        let own = || qcow2::write(&self.content, &path("own.qcow2"), &Watch::default()).expect("written");
        let mut contenders = [Contender::whole("qemu-img", convert), Contender::whole("kfimg", own)];
        let times = race("P17: qcow2 with zstd", self.bench.rounds, &mut contenders);
        judge("P17/time", "qcow2 with zstd, against qemu-img", &milliseconds(times[1]), times[1] / times[0]);
        judge("P17/size", "its size, against qemu-img's", "", data::sizes(&path("own.qcow2"), &path("peer.qcow2")));
    }

    fn convert(&self, words: &[&str], name: &str) {
        let mut command = Command::new("qemu-img");
        command.args(["convert", "-f", "raw"]).args(words);
        let target = self.bench.path(name);
        run(command.arg(self.bench.path("disk.raw")).arg(&target));
        sync(&target);
    }
}
