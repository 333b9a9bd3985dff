//! A whole machine boots from a payload: kernel, an initrd in which Ignition makes the data partition and lays the payload
//! on the root, systemd, the agent's steps, static pods, the API. No registry is there: images come from a volume that was made as
//! `docs/air-gap.md` says, and need it no longer afterwards. A power cut takes nothing that was acknowledged.
//!
//! Everything is emulated, so bounds are generous; how fast a boot is, is measured elsewhere.

#[allow(dead_code)]
#[path = "../../cli/tests/support/fenced.rs"]
mod fenced;
#[allow(dead_code, clippy::unwrap_used)]
#[path = "../../cli/tests/support/steps.rs"]
mod steps;

use kfimg_lab::programs::{COMPONENTS, Programs};
use kfimg_lab::qemu::{Hardware, Image, Machine, wait_for_api};
use kfimg_lab::scenario::tell;
use kfimg_lab::{Cluster, Entrance, Result, Topology, scenario};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const DOCUMENT: &str = include_str!("../../docs/air-gap.md");
/// How a volume is made of a bundle, and the file that comes of it.
const CHAPTER: &str = "On the machine itself";
const VOLUME: &str = "volume.img";
const NODE: &str = "master1";
const DISK: u64 = 20 << 30;

/// From power-on to a running static pod, and from there to an API that answers.
const BOOT: Duration = Duration::from_secs(2400);
const API: Duration = Duration::from_secs(1800);
/// One command on the console.
const COMMAND: Duration = Duration::from_secs(60);

#[test]
#[ignore = "emulates a whole machine for minutes: make qemu-test"]
fn a_machine_with_a_blank_disk_boots_to_static_pods_and_a_power_cut_loses_nothing_acknowledged() {
    let topology = Topology::of_profile("single", 1, 0, Entrance::Machine).emulated("/dev/vdb");
    scenario::run("qemu-boots-to-a-static-pod", topology, |cluster| {
        let image = Image::build(&Programs::build(&COMPONENTS)?)?;
        let mac = cluster.topology().hardware(NODE).mac;
        let hardware = Hardware { memory_mib: 3072, ..Hardware::new(&mac, DISK) };
        let folder = cluster.lab().folder().join("qemu");
        let mut machine = Machine::build(NODE, &folder, &image, hardware, &cluster.lab().lan())?;
        machine.play(|machine| scene(cluster, machine))
    });
}

fn scene(cluster: &Cluster, machine: &mut Machine) -> Result<()> {
    let volume = volume(cluster);
    cluster.lab().registry().stop()?;
    machine.plug_medium(Some(&volume));
    machine.power_on(&cluster.payload(NODE))?;
    tell("haproxy runs", machine.wait_for_container("haproxy", BOOT)?);
    images_came_from_the_volume(machine)?;
    tell("etcd runs", machine.wait_for_container("etcd", BOOT)?);
    data_lies_on_the_partition_that_ignition_made(machine)?;
    tell("the API answers", wait_for_api(cluster, API)?);
    cluster.kubectl(&["create", "configmap", "kept", "--from-literal=by=the-disk"])?;
    machine.power_cut()?;

    machine.plug_medium(None);
    machine.power_on(&cluster.payload(NODE))?;
    tell("etcd runs again", machine.wait_for_container("etcd", BOOT)?);
    data_lies_on_the_partition_that_ignition_made(machine)?;
    tell("the API answers", wait_for_api(cluster, API)?);
    let kept = cluster.get(&["configmap", "kept"])?;
    assert_eq!(kept["data"]["by"], "the-disk");
    Ok(())
}

/// Walks the document's chapter beside the lab's bundle.
fn volume(cluster: &Cluster) -> PathBuf {
    let run = |line: &str, folder: &Path| {
        Command::new("sh").args(["-euc", line]).current_dir(folder).output().expect("there is a shell")
    };
    let folder = cluster.lab().folder();
    assert_eq!(steps::walk("air-gap.md", steps::chapter(DOCUMENT, CHAPTER), folder, run), 2, "commands");
    folder.join(VOLUME)
}

/// The kernel has it by its label, every image of the node was imported from it, and it may be pulled out.
fn images_came_from_the_volume(machine: &mut Machine) -> Result<()> {
    let line = "readlink -f /dev/disk/by-label/kfimg-bundle; findmnt /run/kfimg/bundle >/dev/null && echo mounted; \
                cat /run/kfimg/steps/images.json";
    let said = machine.run(line, COMMAND)?;
    println!("{}", said.text);
    assert!(said.text.starts_with("/dev/vdc") && !said.text.contains("mounted"), "{}", said.text);
    assert!(said.text.contains("images of the bundle are there"), "{}", said.text);
    assert!(said.text.contains("\"done\"") && said.text.contains("\"warnings\":[]"), "{}", said.text);
    Ok(())
}

/// Ignition's disks stage named it, and the unit of the payload mounted it and let its file system fill it.
fn data_lies_on_the_partition_that_ignition_made(machine: &mut Machine) -> Result<()> {
    let said = machine.run(
        "findmnt -no SOURCE,FSTYPE /var; readlink -f /dev/disk/by-partlabel/kfimg-data; systemctl is-active kfimg-grow",
        COMMAND,
    )?;
    let lines: Vec<Vec<&str>> = said.text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines, [vec!["/dev/vdb1", "ext4"], vec!["/dev/vdb1"], vec!["active"]]);
    Ok(())
}
